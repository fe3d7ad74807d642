"""A QR code as rows of dark and light, for a phone's camera at the screen."""

from __future__ import annotations

QUIET = 2
"""Light modules around the code; the standard asks for 4, readers make do with 2."""


def qr_rows(content: str) -> tuple[tuple[bool, ...], ...]:
    """True is dark; a square with its quiet zone, smallest version that holds it."""
    # Deferred: only who asks for a code pays for it.
    import segno

    code = segno.make(content, error="l", boost_error=False, micro=False)
    return tuple(
        tuple(bool(module) for module in row) for row in code.matrix_iter(border=QUIET)
    )
