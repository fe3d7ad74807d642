"""Reads the arguments, picks a front end, and only then imports it."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; returns the process's exit code."""
    # Deferred: `--help` and `--version` end inside the parser.
    from haihai_tui.arguments import parse

    arguments = parse(sys.argv[1:] if argv is None else argv)
    from haihai_tui.headless import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
