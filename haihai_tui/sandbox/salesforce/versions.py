"""API versions: which there are, and what is answered for the others."""

from __future__ import annotations

from haihai_tui.sandbox.salesforce.errors import ApiError, not_found

OLDEST = 31  # Summer '14; everything before is retired
_SEASONS = ("Summer", "Winter", "Spring")


def label(version: int) -> str:
    """`Spring '26` for 66: three releases a year, from Summer '14 on."""
    steps = version - OLDEST
    return f"{_SEASONS[steps % 3]} '{14 + (steps + 2) // 3}"


def listed(newest: str) -> list[dict[str, str]]:
    """The answer of `/services/data`."""
    return [
        {
            "label": label(version),
            "url": f"/services/data/v{version}.0",
            "version": f"{version}.0",
        }
        for version in range(OLDEST, int(float(newest)) + 1)
    ]


def check(part: str, newest: str) -> str:
    """`66.0` of the path part `v66.0`; ApiError 410 if retired, 404 if unknown."""
    number, dot, minor = part[1:].partition(".")
    if part[:1] != "v" or not number.isdigit() or not dot or minor != "0":
        raise not_found()
    if int(number) < OLDEST:
        message = "The requested API version has been retired."
        raise ApiError(410, "GONE", message)
    if int(number) > int(float(newest)):
        raise not_found()
    return f"{number}.0"
