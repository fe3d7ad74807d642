"""Reads the arguments, picks a front end, and only then imports it."""

from __future__ import annotations

# Little is imported before `main` looks after the signals: while this file is being
# read, Ctrl-C still ends the process in Python's own way.
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import NoReturn

_INTERRUPTED = 130
_TERMINATED = 143


def main(argv: Sequence[str] | None = None) -> int:
    """The console script; returns the process's exit code."""
    if argv is None:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        code = _main(argv)
    except KeyboardInterrupt:
        # Ctrl-C while a front end is still being imported.
        code = _INTERRUPTED
    if argv is None:
        # The work is done and its exit code stands: a signal that comes while the
        # interpreter winds down must not replace it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if code == _INTERRUPTED:
            _leave(code)
    return code


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Until a front end takes the signal over."""
    raise SystemExit(_TERMINATED)


def _leave(code: int) -> None:
    """End this process with `code`, whatever the interpreter remembers.

    A KeyboardInterrupt inside `exec`, as of a dataclass being made, counts as not
    caught (CPython until 3.13 at least): the process would die of SIGINT instead.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError):
            continue
    os._exit(code)


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
