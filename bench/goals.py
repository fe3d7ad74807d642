"""The twelve goals, judged from the rows of a run.

A goal that was not measured in a run is reported as that, never as met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ROWS_A_FILE = 10_000
"""What the service takes in one import, by the wire table's default."""

Rows = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Facts:
    """What goals are judged from: rows by key, the console's numbers, growth's."""

    rows: int
    table: Rows
    small: Rows
    console: Mapping[str, Any]
    growth: list[Mapping[str, Any]]

    def wall(self, key: str) -> float:
        """Raises KeyError where the row has no time."""
        value = self.table[key]["wall_s"]
        if value is None:
            raise KeyError(key)
        return float(value)

    def wall_of_any(self, *keys: str) -> float:
        found = [self.table[key]["wall_s"] for key in keys if key in self.table]
        return min(float(one) for one in found if one is not None)


Verdict = tuple[str, bool]


@dataclass(frozen=True)
class Goal:
    number: int
    what: str
    judge: Callable[[Facts], list[Verdict]]


def judged(facts: Facts) -> list[dict[str, Any]]:
    """Each goal with what was measured and `met`: true, false, or null (unknown)."""
    return [_one(goal, facts) for goal in GOALS]


def _one(goal: Goal, facts: Facts) -> dict[str, Any]:
    try:
        verdicts = goal.judge(facts)
    except (KeyError, ValueError, TypeError, IndexError, ZeroDivisionError):
        verdicts = []
    met = all(fine for _, fine in verdicts) if verdicts else None
    measured = "; ".join(told for told, _ in verdicts) or "not measured"
    return {"goal": goal.number, "what": goal.what, "measured": measured, "met": met}


def _below(told: str, value: float, limit: float, unit: str = "×") -> Verdict:
    return f"{told} {value:.2f}{unit} (≤ {limit:g}{unit})", value <= limit


def _curl(facts: Facts) -> float:
    """The fastest download of all, whichever server and form: the strictest floor."""
    return facts.wall_of_any(
        "curl", "curl_packed", "curl_sandbox", "curl_sandbox_packed"
    )


def _first(facts: Facts) -> list[Verdict]:
    wall = facts.wall("first")
    tap = facts.wall_of_any("singer", "meltano")
    return [
        _below("of the faster Singer tap", wall / tap, 0.1),
        _below("of curl", wall / _curl(facts), 12),
    ]


def _full(facts: Facts) -> list[Verdict]:
    wall = facts.wall("full")
    return [
        _below("of simple-salesforce's rows", wall / facts.wall("simple_rows"), 1),
        _below("of curl", wall / _curl(facts), 4),
    ]


def _quiet(facts: Facts) -> list[Verdict]:
    row = facts.table["quiet"]["facts"]
    calls = row["run"]["customers"]["api_calls"]["salesforce"]
    return [
        _below("whole process", facts.wall("quiet"), 1, " s"),
        (f"{calls} calls (≤ 4)", calls <= 4),
        (f"{row['writing_calls']} writing", row["writing_calls"] == 0),
    ]


def _changed(facts: Facts) -> list[Verdict]:
    return [_below("whole process", facts.wall("changed"), 2, " s")]


def _memory(facts: Facts) -> list[Verdict]:
    verdicts = []
    for key in ("first", "full"):
        peak = float(facts.table[key]["peak_mb"])
        verdicts.append(_below(key, peak, 96, " MB"))
        if facts.small is not facts.table:
            ratio = peak / float(facts.small[key]["peak_mb"])
            verdicts.append(_below(f"{key}, of 100,000's", ratio, 1.15))
    return verdicts


def _growth(facts: Facts) -> list[Verdict]:
    points = sorted(facts.growth, key=lambda point: point["rows"])
    low, high = points[0], points[-1]
    if low is high:
        raise KeyError("one size alone is no growth")
    verdicts = []
    for key in ("first", "full"):
        grown = high[key]["wall_s"] / low[key]["wall_s"]
        linear = high["rows"] / low["rows"]
        verdicts.append(_below(f"{key}: time of linear", grown / linear, 1.15))
        memory = high[key]["peak_mb"] / low[key]["peak_mb"]
        verdicts.append(_below("memory", memory, 1.15))
    return verdicts


def _write_back(facts: Facts) -> list[Verdict]:
    ratio = facts.wall("suppressions") / facts.wall("simple_update")
    return [_below("of simple-salesforce's upload", ratio, 2)]


def _calls(facts: Facts) -> list[Verdict]:
    calls = facts.table["first"]["facts"]["haihai_calls"]
    least = -(-facts.rows // ROWS_A_FILE)
    told = f"{calls['imports']} imports (least: {least}), {calls['all']} calls in all"
    return [(told, calls["imports"] == least and calls["all"] <= 3 * least + 10)]


def _short(facts: Facts) -> list[Verdict]:
    limits = {"help": 120, "version": 120, "status": 300, "diagnose": 300}
    return [
        _below(f"--{key}", 1000 * facts.wall(key), limit, " ms")
        for key, limit in limits.items()
    ]


def _frame(facts: Facts) -> list[Verdict]:
    frames = {row["key"]: row["wall_s"] for row in facts.console["first_frame"]}
    peers = [frames[key] for key in ("posting", "harlequin") if frames.get(key)]
    ratio = frames["ours"] / min(peers)
    minimal = frames["ours"] / frames["minimal"]
    return [
        _below("of the faster peer", ratio, 0.35),
        (f"{minimal:.2f}× a minimal Textual app", True),
    ]


def _pane(facts: Facts) -> list[Verdict]:
    slowest = min(row["lines_s"] for row in facts.console["pane"])
    most = max(row["kib_a_second"] for row in facts.console["live"])
    return [
        (f"{slowest:,.0f} lines/s (≥ 100,000)", slowest >= 100_000),
        _below("to the terminal", most, 40, " KiB/s"),
    ]


def _following(facts: Facts) -> list[Verdict]:
    behind = max(row["behind_s"] for row in facts.console["live"])
    slower = facts.console["following"]["slower"]
    if slower < -0.03:
        # Faster with a console than without: the machine was busy with other work.
        raise ValueError("noise")
    return [
        _below("behind", behind, 0.5, " s"),
        _below("slower run", 100 * slower, 3, " %"),
    ]


GOALS = (
    Goal(1, "first run of `customers`, whole", _first),
    Goal(2, "`--full` with 1 % changed, whole", _full),
    Goal(3, "incremental run, nothing changed", _quiet),
    Goal(4, "incremental run, 1,000 changed", _changed),
    Goal(5, "peak memory of 1 and 2", _memory),
    Goal(6, "growth with the rows", _growth),
    Goal(7, "`suppressions`, 20,000 of 1,000,000 changed", _write_back),
    Goal(8, "HaiHai Mail calls of a first run", _calls),
    Goal(9, "`--help`, `--version`, `--status`, `--diagnose`", _short),
    Goal(10, "console, first usable frame", _frame),
    Goal(11, "log pane", _pane),
    Goal(12, "a console following another process's run", _following),
)
