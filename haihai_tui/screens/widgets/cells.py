"""Text cut and padded by terminal cells, where one character may take two."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def fitted(shown: str, width: int, *, right: bool = False) -> str:
    """Exactly `width` cells: padded, or cut with `..` at its end."""
    length = cell_len(shown)
    if length > width:
        if width < 3:
            return set_cell_size(shown, width)
        return set_cell_size(shown, width - 2) + ".."
    blank = " " * (width - length)
    return blank + shown if right else shown + blank
