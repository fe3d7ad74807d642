"""Two moments before a run, each with the end that an undisturbed run reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults.scene import Records, Scene, difference, moment
from tests.e2e.stage import Finished


@dataclass
class Act:
    """A scene at its moment; `end` is what an undisturbed run leads to."""

    scene: Scene
    end: Records
    code: int
    summary: dict[str, Any]

    def run(self, *arguments: str, **how: Any) -> Finished:
        return self.scene.run(*arguments, **how)

    def salesforce(self, match: str, do: str, **more: Any) -> None:
        self._fault(self.scene.stage.salesforce_control, match, do, more)

    def haihai(self, match: str, do: str, **more: Any) -> None:
        self._fault(self.scene.stage.haihai_control, match, do, more)

    def _fault(self, control: Any, match: str, do: str, more: Any) -> None:
        control("faults", [{"match": match, "do": do, **more}])

    def switch(self, **values: object) -> None:
        self.scene.stage.salesforce_control("switches", values, "PUT")

    def switch_haihai(self, **values: object) -> None:
        self.scene.stage.haihai_control("switches", values, "PUT")

    def assert_ended(self, run: Finished) -> None:
        """`run` came to the undisturbed end, with the undisturbed exit code."""
        assert run.code == self.code, run.err
        assert not difference(self.end, self.scene.records())

    def assert_finishes(self) -> None:
        """What is wrong is over: the next run comes to the undisturbed end."""
        self.scene.mend()
        self.assert_ended(self.run())

    def requests(self, words: str) -> int:
        """Requests to Salesforce with `words` in method and path."""
        rows = self.scene.stage.salesforce_requests()
        return sum(words in f"{row['method']} {row['path']}" for row in rows)


def _acts(folder: Path, name: str) -> Iterator[Act]:
    with moment(folder, name) as scene:
        run = scene.run()
        yield Act(scene, scene.records(), run.code, dict(run.summary))


@pytest.fixture(scope="module")
def kept_act(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Act]:
    yield from _acts(tmp_path_factory.mktemp("act"), "evening")


@pytest.fixture(scope="module")
def kept_bulk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Act]:
    yield from _acts(tmp_path_factory.mktemp("bulk"), "bulk")


@pytest.fixture
def act(kept_act: Act) -> Act:
    """An evening by REST and collections."""
    return _from_the_moment(kept_act)


@pytest.fixture
def bulk(kept_bulk: Act) -> Act:
    """An evening by Bulk jobs, read and written."""
    return _from_the_moment(kept_bulk)


def _from_the_moment(act: Act) -> Act:
    act.scene.go_back()
    act.scene.stage.forget_requests()
    return act
