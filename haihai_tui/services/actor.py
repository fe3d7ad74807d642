"""Who acts when there is no operator signed in: the system's user."""

from __future__ import annotations

import os
import pwd
import socket


def system_actor() -> str:
    """`user@host`, told apart from an operator's name by its `@`."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
