"""The last gate before the terminal: what is drawn cannot be obeyed.

Names and values come from strangers.  Every widget's lines pass here on their way
out, so that no widget has to remember it; what takes no cell is left out, what takes
some becomes blanks, and the width of a line stays as it was measured.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_WIDE_BLANK = "\u3000"


class Harmless(LineFilter):
    """Takes out control characters and marks that turn the direction of text."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment(harmless(segment.text), segment.style)
            for segment in segments
        ]


def harmless(shown: str) -> str:
    """`shown` as wide as before, in printable characters."""
    return "".join(
        one if one.isprintable() or one == _WIDE_BLANK else " " * max(0, cell_len(one))
        for one in shown
    )
