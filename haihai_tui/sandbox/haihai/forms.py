"""Form parts of a request, read the forgiving way that the service has.

Client programs in use send boundaries that begin with dashes and a Content-Length
that cuts the closing delimiter; a strict parser would refuse what the service takes.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name=(?:"([^"]*)"|([^;\s]+))', re.IGNORECASE)


def parse_form(content_type: str, body: bytes) -> dict[str, bytes]:
    """Part name to value; the last of a name wins.  An unknown type gives {}."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(body.decode("latin-1"), True, encoding="utf-8")
        return {name: value.encode() for name, value in pairs}
    boundary = _BOUNDARY.search(content_type)
    if kind != "multipart/form-data" or boundary is None:
        return {}
    return _parts(body, (boundary[1] or boundary[2]).encode("latin-1"))


def _parts(body: bytes, boundary: bytes) -> dict[str, bytes]:
    """Split at the delimiter; the last part may end in a cut closing one."""
    found: dict[str, bytes] = {}
    delimiter = b"\r\n--" + boundary
    for part in (b"\r\n" + body).split(delimiter)[1:]:
        if part.startswith(b"--"):
            break
        head, separator, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(b" " + head)
        if separator and name is not None:
            key = name[1] if name[1] is not None else name[2]
            found[key.decode("utf-8", "replace")] = value
    return found
