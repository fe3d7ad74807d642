"""Reads the arguments, picks a front end, and only then imports it."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; returns the process's exit code."""
    try:
        return _main(argv)
    except KeyboardInterrupt:
        # Ctrl-C while a front end is still being imported.
        return 130


def _main(argv: Sequence[str] | None) -> int:
    # Deferred: `--help` and `--version` end inside the parser.
    from haihai_tui.arguments import parse

    arguments = parse(sys.argv[1:] if argv is None else argv)
    if arguments.mode:
        from haihai_tui.headless import run

        return run(arguments)
    # Deferred: Textual is for the console alone.
    from haihai_tui import console
    from haihai_tui.headless import guarded

    return guarded(arguments, console.run)


if __name__ == "__main__":
    sys.exit(main())
