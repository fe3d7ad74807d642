"""The benchmarks' own reckoning: goals from rows, tables between markers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.goals import Facts, judged


def row(wall: float, peak: float = 80.0, **facts: Any) -> dict[str, Any]:
    return {"wall_s": wall, "peak_mb": peak, "facts": facts}


def facts(table: dict[str, Any]) -> Facts:
    return Facts(1_000_000, table, table, {}, [])


def verdicts(table: dict[str, Any]) -> dict[int, bool | None]:
    return {goal["goal"]: goal["met"] for goal in judged(facts(table))}


def test_a_goal_is_met_only_where_all_of_its_ratios_are() -> None:
    table = {
        "curl": row(1.0),
        "curl_packed": row(2.0),
        "first": row(11.0),
        "singer": row(150.0),
        "meltano": row(120.0),
    }
    assert verdicts(table)[1] is True
    assert verdicts({**table, "meltano": row(100.0)})[1] is False
    assert verdicts({**table, "curl_sandbox": row(0.5)})[1] is False


def test_what_was_not_measured_is_not_met() -> None:
    assert set(verdicts({}).values()) == {None}
    assert verdicts({"first": row(None), "curl": row(1.0)})[1] is None  # type: ignore[arg-type]


def test_the_imports_of_a_first_run_are_counted() -> None:
    calls = {"imports": 100, "all": 202}
    assert verdicts({"first": row(9.0, haihai_calls=calls)})[8] is True
    calls = {"imports": 101, "all": 203}
    assert verdicts({"first": row(9.0, haihai_calls=calls)})[8] is False


def test_the_page_is_written_between_its_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    names = ("goals", "table", "console", "growth")
    marks = [f"<!-- {name}: begin -->\nold\n<!-- {name}: end -->" for name in names]
    page.write_text("before\n" + "\nbetween\n".join(marks) + "\nafter\n", "utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "PICTURE", tmp_path / "pictures" / "growth.svg")
    peer = {"who": "peer", "what": "rows", "wall_s": None, "why_not": "no | wheel"}
    made = {"who": "haihai-tui", "what": "first run", "wall_s": 9.0, "peak_mb": 80.0}
    result = {
        "rows": 100,
        "rounds": 3,
        "peer_rounds": 3,
        "command": "make bench",
        **report.circumstances(),
        "goals": judged(facts({})),
        "table": [peer, made],
    }
    (tmp_path / "bench-100.json").write_text(json.dumps(result), "utf-8")
    points = [
        {"rows": rows, **{key: row(rows / 1e5) for key in ("first", "full", "quiet")}}
        for rows in (100_000, 1_000_000)
    ]
    grown = {"rounds": 3, **report.circumstances(), "points": points}
    (tmp_path / "growth.json").write_text(json.dumps(grown), "utf-8")
    report.write_docs(tmp_path)
    text = page.read_text("utf-8")
    assert text.startswith("before\n<!-- goals: begin -->\n100 contacts;")
    assert text.endswith("<!-- growth: end -->\nafter\n")
    assert "| haihai-tui | first run | 9.00 | 80 |" in text
    assert "| peer | rows | not measured: no / wheel |  |" in text
    assert (
        "| 1 | first run of `customers`, whole | not measured | not measured |" in text
    )
    assert "| 1,000,000 | 10.0 / 80 | 10.0 / 80 | 10.0 / 80 |" in text
    picture = (tmp_path / "pictures" / "growth.svg").read_text("utf-8")
    assert picture.startswith("<svg") and "1,000,000" in picture


def test_a_page_without_markers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    page.write_text("nothing here\n", "utf-8")
    monkeypatch.setattr(report, "PAGE", page)
    points = [{"rows": 1, "first": row(1), "full": row(1), "quiet": row(1)}]
    growth = {"rounds": 1, **report.circumstances(), "points": points}
    (tmp_path / "growth.json").write_text(json.dumps(growth), "utf-8")
    with pytest.raises(SystemExit, match="markers"):
        report.write_docs(tmp_path)
    assert page.read_text("utf-8") == "nothing here\n"
