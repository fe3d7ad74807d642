"""The plans of the last runs, kept on disk for browsing.

One folder a profile; for each run a file of JSON lines, a file with the byte offset
of every line (8 bytes each) and, when the plan is complete, its counts.  A reader
seeks to the page that it shows, so a plan of a million records costs no memory; a
filtered view holds the matching lines' offsets and nothing else.
"""

from __future__ import annotations

import json
import os
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from haihai_tui.services.atomic import PRIVATE_FILE, make_private_folder, write_atomic
from haihai_tui.services.paths import Home
from haihai_tui.sync.services import FieldChange, PlanEntry

KEPT_PLANS = 7
SAMPLE = 5_000
"""Entries of a flow that are kept of a run that was neither halted nor only a plan."""

_RUN_ID = re.compile(r"[0-9A-Za-z-]{1,64}\Z")
_OFFSET = 8
_LINES, _OFFSETS, _FACTS = ".ndjson", ".offsets", ".json"
_LOOK_UP = 2_000


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What is known of a whole plan.

    `kept` counts the kept entries by flow and action; `planned` is each flow's
    outcome as planned (`read`, `created`, …), of all records, kept or not.
    """

    run_id: str
    kept: Mapping[str, Mapping[str, int]]
    planned: Mapping[str, Mapping[str, Any]]

    @property
    def entries(self) -> int:
        return sum(sum(actions.values()) for actions in self.kept.values())

    def cut(self, flow: str) -> bool:
        """Whether the run went on and told only the beginning of the flow's plan."""
        return sum(self.kept.get(flow, {}).values()) >= SAMPLE and (
            _changes(self.planned.get(flow, {})) > SAMPLE
        )


def _changes(outcome: Mapping[str, Any]) -> int:
    keys = ("created", "linked", "updated", "excluded", "held", "skipped")
    return sum(int(outcome.get(key) or 0) for key in keys)


@dataclass(frozen=True, slots=True)
class PlanFilter:
    """What to show; empty means all.  `words` is looked for in Ids, addresses,
    field names and values, without regard to the case of ASCII letters."""

    flow: str = ""
    action: str = ""
    words: str = ""

    @property
    def everything(self) -> bool:
        return not (self.flow or self.action or self.words)


class PlanWriter:
    """Takes the entries of one run; a full disk costs the plan, never the run."""

    def __init__(self, folder: Path, run_id: str, keep: int = KEPT_PLANS) -> None:
        self._folder = make_private_folder(folder)
        self._stem = folder / _checked(run_id)
        self._run_id = run_id
        self._keep = keep
        self._kept: dict[str, Counter[str]] = {}
        self._planned: dict[str, Mapping[str, Any]] = {}
        self._lines: IO[bytes] | None = None
        self._offsets: IO[bytes] | None = None
        self._at = 0
        self.failure: OSError | None = None

    def __enter__(self) -> PlanWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def planned(self, flow: str, outcome: Mapping[str, Any]) -> None:
        """Note what the flow's plan counts."""
        self._planned[flow] = dict(outcome)

    def put(self, entry: PlanEntry) -> None:
        if self.failure is not None:
            return
        try:
            self._put(entry)
        except OSError as error:
            self.failure = error

    def close(self) -> None:
        """Complete the plan and drop the oldest; no entry leaves no files."""
        try:
            for file in (self._lines, self._offsets):
                if file is not None:
                    file.close()
            if self._lines is not None and self.failure is None:
                facts = {"kept": self._kept, "planned": self._planned}
                content = json.dumps(facts, ensure_ascii=False, default=str)
                write_atomic(self._path(_FACTS), content.encode())
        except OSError as error:
            self.failure = error
        finally:
            self._lines = self._offsets = None
            _trim(self._folder, self._keep)

    def _put(self, entry: PlanEntry) -> None:
        if self._lines is None or self._offsets is None:
            self._lines = _private(self._path(_LINES))
            self._offsets = _private(self._path(_OFFSETS))
        line = _line(entry)
        self._lines.write(line)
        self._offsets.write(self._at.to_bytes(_OFFSET, "little"))
        self._at += len(line)
        self._kept.setdefault(entry.flow, Counter())[entry.action] += 1

    def _path(self, suffix: str) -> Path:
        return self._stem.with_name(self._stem.name + suffix)


class Plan:
    """One kept plan, open for reading until `close`."""

    def __init__(self, folder: Path, run_id: str) -> None:
        stem = folder / _checked(run_id)
        facts = json.loads(stem.with_name(stem.name + _FACTS).read_bytes())
        self.facts = PlanFacts(run_id, facts["kept"], facts["planned"])
        self._lines = stem.with_name(stem.name + _LINES).open("rb")
        self._offsets = stem.with_name(stem.name + _OFFSETS).open("rb")

    def __len__(self) -> int:
        return self._offsets.seek(0, os.SEEK_END) // _OFFSET

    def close(self) -> None:
        self._lines.close()
        self._offsets.close()

    def page(self, start: int, count: int) -> list[PlanEntry]:
        """Entries `start` … `start + count - 1`, as far as there are any."""
        self._offsets.seek(start * _OFFSET)
        offset = self._offsets.read(_OFFSET)
        if len(offset) < _OFFSET:
            return []
        self._lines.seek(int.from_bytes(offset, "little"))
        lines = (self._lines.readline() for _ in range(count))
        return [_entry(line) for line in lines if line]

    def at(self, offsets: Sequence[int]) -> list[PlanEntry]:
        """The entries whose lines begin at these bytes."""
        found = []
        for offset in offsets:
            self._lines.seek(offset)
            found.append(_entry(self._lines.readline()))
        return found

    def select(
        self, wanted: PlanFilter, stopped: Callable[[], bool] = lambda: False
    ) -> Selection:
        """The entries that pass the filter; reads the whole plan once, unless it
        is stopped."""
        if wanted.everything:
            return Selection(self, None)
        offsets = array("Q")
        passes = _passes(wanted)
        at = 0
        with Path(self._lines.name).open("rb", buffering=1 << 18) as lines:
            for number, line in enumerate(lines):
                if passes(line):
                    offsets.append(at)
                at += len(line)
                if number % _LOOK_UP == 0 and stopped():
                    break
        return Selection(self, offsets)


@dataclass(frozen=True, slots=True)
class Selection:
    """Some or all entries of a plan, addressed by their place."""

    plan: Plan
    offsets: array[int] | None = field(repr=False)

    def __len__(self) -> int:
        return len(self.plan) if self.offsets is None else len(self.offsets)

    def page(self, start: int, count: int) -> list[PlanEntry]:
        if self.offsets is None:
            return self.plan.page(start, count)
        return self.plan.at(self.offsets[start : start + count])


def plans_folder(home: Home, profile: str) -> Path:
    return home.data_folder(profile) / "plans"


def open_plan(home: Home, profile: str, run_id: str) -> Plan | None:
    """The run's plan; None where none is kept (any more) or it changes nothing."""
    try:
        return Plan(plans_folder(home, profile), run_id)
    except FileNotFoundError:
        return None


def kept_plans(home: Home, profile: str) -> list[str]:
    """Run ids of the complete plans, the newest first."""
    return _complete(plans_folder(home, profile))


def _complete(folder: Path) -> list[str]:
    found = (path.name[: -len(_FACTS)] for path in folder.glob(f"*{_FACTS}"))
    return sorted((name for name in found if _RUN_ID.match(name)), reverse=True)


def _trim(folder: Path, keep: int) -> None:
    """Drop old plans, and what a killed run left: called under the run's lock."""
    kept = set(_complete(folder)[:keep])
    for path in folder.iterdir():
        if path.name.partition(".")[0] not in kept:
            path.unlink(missing_ok=True)


def _checked(run_id: str) -> str:
    if not _RUN_ID.match(run_id):
        raise FileNotFoundError(run_id)
    return run_id


def _private(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.fdopen(os.open(path, flags, PRIVATE_FILE), "wb", buffering=1 << 16)


def _line(entry: PlanEntry) -> bytes:
    fields = [[one.field, one.old, one.new] for one in entry.fields]
    record = [entry.flow, entry.action, entry.record, entry.address, fields]
    line = json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"
    return line.encode("utf-8", "replace")


def _entry(line: bytes) -> PlanEntry:
    flow, action, record, address, fields = json.loads(line)
    changes = tuple(FieldChange(*one) for one in fields)
    return PlanEntry(flow, action, record, address, changes)


def _passes(wanted: PlanFilter) -> Callable[[bytes], bool]:
    """A test on raw lines: parsing each would take ten times as long."""
    flow = f"[{_quoted(wanted.flow)},".encode() if wanted.flow else b"["
    action = f",{_quoted(wanted.action)},".encode() if wanted.action else b""
    words = _quoted(wanted.words)[1:-1].encode("utf-8", "replace").lower()

    def passes(line: bytes) -> bool:
        if not line.startswith(flow):
            return False
        if action and not line.startswith(action, line.index(b",")):
            return False
        if not words:
            return True
        # Not in the flow's name nor the action's: "update" would find everything.
        return words in line.split(b",", 2)[2].lower()

    return passes


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def changes_of(entry: PlanEntry) -> Iterator[tuple[str, str | None, str | None]]:
    """(field, old, new); line breaks inside a value are the mail service's own."""
    for one in entry.fields:
        yield one.field, _shown(one.old), _shown(one.new)


def _shown(value: str | None) -> str | None:
    return None if value is None else value.replace("\x1e", " ")
