"""What a run measured, as a table on the screen and in `docs/performance.md`.

The document's tables stand between markers and are written from the JSON of the last
runs, so that nobody copies numbers by hand.
"""

from __future__ import annotations

import json
import os
import platform
import re
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.picture import growth_picture
from haihai_tui import __version__

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "performance.md"
PICTURE = DOCS / "pictures" / "growth.svg"
_MET = {True: "met", False: "**not met**", None: "not measured"}


def circumstances() -> dict[str, str]:
    """Where and with what a run was made."""
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {_processor()}",
        "python": platform.python_version(),
        "haihai-tui": __version__,
        "textual": version("textual"),
        "httpx": version("httpx"),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text("utf-8", "replace") if info.exists() else ""
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found[1].strip() if found else platform.processor()


def tell(result: dict[str, Any]) -> None:
    """Print the goals."""
    print(f"\n{result['rows']:,} contacts, medians of {result['rounds']}")
    for goal in result["goals"]:
        met = _MET[goal["met"]].replace("*", "")
        print(f"{goal['goal']:3} {goal['what']:48} {met:12} {goal['measured']}")


def write_docs(out: Path) -> None:
    """Put the tables of the last runs between the document's markers."""
    text = PAGE.read_text("utf-8")
    sizes = sorted(out.glob("bench-*.json"), key=lambda path: int(path.stem[6:]))
    results = [json.loads(path.read_text("utf-8")) for path in sizes]
    if results:
        text = _between(text, "goals", _goals(results[-1]))
        text = _between(text, "table", "\n\n".join(_table(one) for one in results))
    console = out / "console.json"
    if console.exists():
        text = _between(
            text, "console", _console(json.loads(console.read_text("utf-8")))
        )
    growth = out / "growth.json"
    if growth.exists():
        grown = json.loads(growth.read_text("utf-8"))
        points = grown["points"]
        text = _between(text, "growth", _growth(grown))
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(growth_picture(points), "utf-8")
    PAGE.write_text(text, "utf-8")


def _between(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    if not tail and end not in rest:
        raise SystemExit(f"{PAGE.name} lacks the markers of {name}")
    return f"{head}{begin}\n{content}\n{end}{tail}"


def _made(result: dict[str, Any]) -> str:
    shown = [
        f"{result['rows']:,} contacts",
        f"medians of {result['rounds']} (peers: {result['peer_rounds']})",
        result["date"],
        result["machine"],
        f"Python {result['python']}",
        f"haihai-tui {result['haihai-tui']}",
        f"Textual {result['textual']}",
        f"httpx {result['httpx']}",
        f"`{result['command']}`",
    ]
    return "; ".join(shown) + "."


def _goals(result: dict[str, Any]) -> str:
    lines = [_made(result), "", "| # | what | measured | goal |", "|---|---|---|---|"]
    for goal in result["goals"]:
        cells = (goal["goal"], goal["what"], goal["measured"], _MET[goal["met"]])
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _table(result: dict[str, Any]) -> str:
    lines = [
        _made(result),
        "",
        "| who | what | wall s | peak MB |",
        "|---|---|---|---|",
    ]
    for row in result["table"]:
        if row["wall_s"] is None:
            reason = row["why_not"].replace("|", "/").replace("\n", " ")[-200:]
            cells = [row["who"], row["what"], f"not measured: {reason}", ""]
        else:
            wall, peak = f"{row['wall_s']:.2f}", f"{row['peak_mb']:.0f}"
            cells = [row["who"], row["what"], wall, peak]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _console(result: dict[str, Any]) -> str:
    lines = ["| what | measured |", "|---|---|"]
    for row in result.get("first_frame", ()):
        told = f"{1000 * row['wall_s']:.0f} ms" if row["wall_s"] else row["why_not"]
        lines.append(f"| first usable frame: {row['who']} | {told} |")
    for row in result.get("pane", ()):
        kind = "with a filter" if row["filter"] else "unfiltered"
        lines.append(f"| log pane, {kind} | {row['lines_s']:,.0f} lines/s |")
    for row in result.get("live", ()):
        where = f"{row['size']}{', over SSH' if row['ssh'] else ''}"
        told = f"{row['kib_a_second']} KiB/s, {row['behind_s']} s behind"
        lines.append(f"| a run at {row['lines_a_second']} lines/s, {where} | {told} |")
    if following := result.get("following"):
        told = f"{100 * following['slower']:.1f} % slower"
        lines.append(f"| a run that a console follows | {told} |")
    return "\n".join(lines)


def _growth(grown: dict[str, Any]) -> str:
    head = "| contacts | first run s / MB | --full s / MB | nothing changed s / MB |"
    made = f"Medians of {grown['rounds']}; {grown['date']}; {grown['machine']}."
    picture = "![Growth](pictures/growth.svg)"
    lines = [made, "", picture, "", head, "|---|---|---|---|"]
    for point in grown["points"]:
        cells = [f"{point['rows']:,}"]
        for key in ("first", "full", "quiet"):
            row = point[key]
            cells.append(f"{row['wall_s']:.1f} / {row['peak_mb']:.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
