"""Each way in which connecting fails, as `--authorize` and as the console tell it."""

from __future__ import annotations

import io
import json
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

from haihai_tui.__main__ import main
from tests.e2e.refusals import REFUSALS, Refusal, provoke, walk
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("world"), customers=10) as made:
        yield made


class Tape(io.StringIO):
    """Standard output that hands each JSON line on."""

    def __init__(self, told: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._told = told

    def write(self, written: str) -> int:
        if written.startswith("{"):
            self._told(json.loads(written))
        return super().write(written)


class Typed:
    """Standard input that a person types into later."""

    def __init__(self) -> None:
        self.lines: queue.Queue[str] = queue.Queue()

    def readline(self) -> str:
        return self.lines.get()


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.name)
def test_the_command_names_the_cause(
    refusal: Refusal, world: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(world.world, tmp_path)
    typed, events, ways = Typed(), [], []

    def person(url: str) -> None:
        how, answer = walk(stage, refusal, url)
        ways.append(how)
        if how == "callback":
            httpx.get(answer, timeout=60, trust_env=False)
        else:
            typed.lines.put(answer + "\n")

    def told(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "authorize_url":
            threading.Thread(target=person, args=(event["url"],)).start()

    monkeypatch.setenv("HAIHAI_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setattr(sys, "stdout", Tape(told))
    with ExitStack() as undo, stamina.set_testing(True, attempts=2, cap=True):
        undo.callback(stage.http.close)
        undo.callback(typed.lines.put, "")
        provoke(stage, refusal, undo)
        code = main(["--authorize", "--json", "--lang", "ja"])
    assert (events[-1]["event"], events[-1]["code"]) == ("error", refusal.code)
    assert code == refusal.exit_code == events[-1]["exit_code"]
    assert ways == ([] if refusal.how == "probe" else [refusal.how])
    assert events[-1]["what"]
    assert events[-1]["remedy"] or refusal.code == "unknown"
