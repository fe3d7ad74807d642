"""The safety stop: a plan that takes away too much is not executed.

It looks at the plan before the first write.  The records concerned are kept, so
that a confirmation lets just these through, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from haihai_tui.errors import SafetyStop, Text, text
from haihai_tui.sync.config import GuardConfig
from haihai_tui.sync.tables.records import ID_WIDTH

CONCERN_WIDTH = ID_WIDTH + 1


@dataclass(frozen=True, slots=True)
class Weight:
    """What a plan takes away, out of how many."""

    flow: str
    total: int
    excluded: int = 0
    stopped: int = 0
    blanked: int = 0
    source_empty: bool = False


def judge(weight: Weight, limits: GuardConfig) -> Text | None:
    """The first limit that is passed, in words, or None."""
    if weight.source_empty and limits.zero_rows == "halt":
        return text(
            "読み取り元が突然 0 件になりました (前回まで {total} 件)。",
            total=weight.total,
        )
    if weight.excluded > limits.max_excluded:
        return text(
            "配信グループから外れる顧客が {count} 件あり、上限 {limit} 件を超えます。",
            count=weight.excluded,
            limit=limits.max_excluded,
        )
    shares = (
        (weight.excluded, limits.max_excluded_share, _EXCLUDED),
        (weight.stopped, limits.max_stopped_share, _STOPPED),
        (weight.blanked, limits.max_blanked_share, _BLANKED),
    )
    for count, share, wording in shares:
        if count > limits.min_records and count > share * weight.total:
            return text(
                wording,
                count=count,
                total=weight.total,
                percent=round(100 * count / max(weight.total, 1), 1),
                limit=round(100 * share, 1),
            )
    return None


_EXCLUDED = text(
    "配信グループから外れる顧客が {total} 件中 {count} 件 ({percent} %) あり、"
    "上限 {limit} % を超えます。"
).msgid
_STOPPED = text(
    "停止・禁止として書き戻すレコードが {total} 件中 {count} 件 ({percent} %) あり、"
    "上限 {limit} % を超えます。"
).msgid
_BLANKED = text(
    "空白で上書きされる顧客が {total} 件中 {count} 件 ({percent} %) あり、"
    "上限 {limit} % を超えます。"
).msgid


@dataclass(frozen=True, slots=True)
class Objection:
    """A limit that one flow's plan passes.

    `concerned` lists the plan's records, `CONCERN_WIDTH` bytes each, ascending;
    `confirmed` is a halted run's list, None where nothing was confirmed.  When the run
    halts, the list is kept as `kept` for a later confirmation.
    """

    flow: str
    why: Text
    concerned: Path
    kept: Path
    confirmed: Path | None = None

    @property
    def is_confirmed(self) -> bool:
        given = self.confirmed
        return given is not None and given.exists() and _covers(given, self.concerned)


def halt_unless_confirmed(objections: Sequence[Objection]) -> None:
    """Raise SafetyStop unless a confirmation covers everyone of every flow.

    All flows halt together, so that one confirmation can let all of them through.
    """
    if all(objection.is_confirmed for objection in objections):
        for objection in objections:
            if objection.confirmed is not None:
                objection.confirmed.unlink()
        return
    for objection in objections:
        objection.kept.write_bytes(objection.concerned.read_bytes())
    raise SafetyStop(
        objections[0].why,
        text(
            "何も書き込んでいません。計画を確認し、正しければ --confirm で続行して"
            "ください。"
        ),
    )


def _covers(confirmed: Path, concerned: Path) -> bool:
    allowed = _records(confirmed)
    for record in _records(concerned):
        for candidate in allowed:
            if candidate == record:
                break
            if candidate > record:
                return False
        else:
            return False
    return True


def _records(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while record := stream.read(CONCERN_WIDTH):
            yield record
