"""Line breaks for Japanese: anywhere between characters, not only at blanks.

A sentence without blanks would otherwise move to the next line whole and leave a
hole behind it.  Words in Latin letters stay together, closing punctuation does not
begin a line, and where two blanks part the items of a list, the break comes there.
"""

from __future__ import annotations

import re

from rich.cells import cell_len, set_cell_size

_NOT_FIRST = "、。，．）」』】〕〉》！？：；ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
_HOLE = 16
_PIECE = re.compile(r"[!-~]+|\s+|.", re.DOTALL)


def wrapped(line: str, width: int, indent: str = "") -> list[str]:
    """`line` in pieces of at most `width` cells; all but the first are indented.

    Pieces joined give the line again, but for blanks at breaks and the indent.
    """
    if width <= len(indent) + 1 or cell_len(line.rstrip()) <= width:
        return [line]
    lines: list[str] = []
    current = ""
    for piece in _pieces(line, width - len(indent)):
        if cell_len(current) + cell_len(piece) <= width or not current.strip():
            current += piece
            continue
        if piece.isspace():
            lines.append(current.rstrip())
            current = indent
            continue
        kept, moved = _held_back(current, piece, min(_HOLE, width // 3))
        lines.append(kept.rstrip())
        current = indent + moved + piece
    return [*lines, current.rstrip()] if current.strip() else lines


def _pieces(line: str, most: int) -> list[str]:
    """What is not broken: words, blanks, single characters; long words are cut."""
    pieces: list[str] = []
    for piece in _PIECE.findall(line):
        while cell_len(piece) > most:
            head = set_cell_size(piece, most)
            pieces.append(head)
            piece = piece[len(head) :]
        pieces.append(piece)
    return pieces


def _held_back(current: str, piece: str, hole: int) -> tuple[str, str]:
    """Take along what the next line should begin with rather than `piece`."""
    before, blanks, after = current.rpartition("  ")
    if blanks and before.strip() and 0 < cell_len(after) <= hole:
        return before, after
    if piece[0] not in _NOT_FIRST or len(current.strip()) < 2:
        return current, ""
    return current[:-1], current[-1]
