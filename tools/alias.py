"""The product's command, run by a made-up user on a made-up host.

    python -m tools.alias --run-sync

The names go into run records and the audit log, which pictures for the docs show;
they are replaced where Python asks the system, so that the product needs no switch.
"""

from __future__ import annotations

import pwd
import socket
import sys

USER = "renkei"
HOST = "renkei01"


def disguise() -> None:
    """From now on this process's user and host are `USER` and `HOST`."""
    made_up = pwd.struct_passwd((USER, "x", 1000, 1000, "", "/", "/bin/sh"))
    pwd.getpwuid = lambda uid, /: made_up
    socket.gethostname = lambda: HOST


def main() -> int:
    disguise()
    # Deferred: what it loads is to find the names replaced.
    from haihai_tui.__main__ import main as command

    return command()


if __name__ == "__main__":
    sys.exit(main())
