"""The growth as a picture: seconds a million rows, and peak memory, over the rows.

Written by hand as SVG: a flat line is a run whose time is linear in the rows.
"""

from __future__ import annotations

import math
from typing import Any

_WIDTH, _HEIGHT, _LEFT, _TOP, _PLOT = 720, 300, 64, 40, 200
_INK, _PALE = "#444444", "#d0d0d0"
_COLOURS = {"first": "#0b6e99", "full": "#b35c00"}
_NAMES = {"first": "first run", "full": "--full, 1 % changed"}


def growth_picture(points: list[dict[str, Any]]) -> str:
    """Two plots side by side; the rows on a logarithmic axis."""
    time = {
        key: [(p["rows"], 1e6 * p[key]["wall_s"] / p["rows"]) for p in points]
        for key in _NAMES
    }
    memory = {
        key: [(p["rows"], float(p[key]["peak_mb"])) for p in points] for key in _NAMES
    }
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}"'
        f' viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        *_plot("seconds a million rows", time, _LEFT),
        *_plot("peak memory, MB", memory, _LEFT + _WIDTH // 2),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _plot(
    title: str, lines: dict[str, list[tuple[int, float]]], left: int
) -> list[str]:
    width = _WIDTH // 2 - _LEFT - 24
    rows = [row for row, _ in lines["first"]]
    low, high = math.log10(min(rows)), math.log10(max(rows))
    span = (high - low) or 1.0
    top = _rounded(1.15 * max(value for line in lines.values() for _, value in line))

    def at(row: int, value: float) -> tuple[float, float]:
        x = left + width * (math.log10(row) - low) / span
        return round(x, 1), round(_TOP + _PLOT * (1 - value / top), 1)

    parts = [_text(left, _TOP - 16, title, "start")]
    for part in range(5):
        value = top * part / 4
        _, y = at(rows[0], value)
        ends = f'x1="{left}" y1="{y}" x2="{left + width}" y2="{y}"'
        parts.append(f'<line {ends} stroke="{_PALE}"/>')
        parts.append(_text(left - 6, y + 4, f"{value:g}", "end"))
    for row in rows:
        x, _ = at(row, 0)
        parts.append(_text(x, _TOP + _PLOT + 18, f"{row:,}", "middle"))
    for number, (key, line) in enumerate(lines.items()):
        corners = [at(row, value) for row, value in line]
        drawn = " ".join(f"{x},{y}" for x, y in corners)
        colour = _COLOURS[key]
        parts.append(
            f'<polyline points="{drawn}" fill="none" stroke="{colour}"'
            ' stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in corners
        ]
        y = _TOP + _PLOT + 38 + 14 * number
        parts.append(_text(left, y, _NAMES[key], "start", colour))
    return parts


def _rounded(value: float) -> float:
    """The next larger number of the form 1, 2, 4, 8 times a power of ten."""
    unit = 10.0 ** math.floor(math.log10(value))
    steps = (unit * step for step in (1, 2, 4, 8, 10))
    return float(next(step for step in steps if step >= value))


def _text(x: float, y: float, words: str, anchor: str, colour: str = _INK) -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}">{words}</text>'
    )
