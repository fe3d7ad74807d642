"""The `ssh -L` line that brings a browser elsewhere back to this console.

The callback goes to localhost of the machine where the browser runs.  Over SSH that
is another machine, and a forwarded port is what makes the two the same.
"""

from __future__ import annotations

import os
import pwd
import re
import socket
from collections.abc import Mapping

from haihai_tui.errors import SettingsError
from haihai_tui.services.salesforce.urls import parse_callback

_PLAIN = re.compile(r"[A-Za-z0-9_.:@%-]+")


def callback_port(callback_url: str) -> int | None:
    """The loopback port of a callback URL; None where it leads elsewhere."""
    try:
        return parse_callback(callback_url).listen
    except SettingsError:
        return None


def is_remote(environ: Mapping[str, str]) -> bool:
    """Whether the console is used over SSH."""
    return bool(environ.get("SSH_CONNECTION"))


def ssh_line(port: int, environ: Mapping[str, str]) -> str:
    """The line to type where the browser is: for this user, host and port.

    Over SSH the host is the address that was connected to, which is sure to lead
    here; else the machine's own name.
    """
    connection = environ.get("SSH_CONNECTION", "").split()
    host, ssh_port = socket.gethostname(), "22"
    if len(connection) == 4 and _PLAIN.fullmatch(connection[2]):
        host, ssh_port = connection[2], connection[3]
    custom = f" -p {ssh_port}" if ssh_port.isdigit() and ssh_port != "22" else ""
    forward = f"{port}:localhost:{port}"
    return f"ssh -N -L {forward}{custom} {_user()}@{host}"


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
