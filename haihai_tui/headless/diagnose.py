"""`--diagnose`: a pasted URL, error body or message to cause and remedy."""

from __future__ import annotations

import sys

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ConnectorError, ExitCode, text
from haihai_tui.headless.output import Output
from haihai_tui.services.diagnosis import Cause, diagnose
from haihai_tui.services.paths import Home
from haihai_tui.services.settings import load_profile

_LONGEST = 1_000_000


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    pasted = arguments.value or ""
    if pasted == "-":
        pasted = sys.stdin.buffer.read(_LONGEST).decode("utf-8", errors="replace")
    causes = diagnose(pasted, salesforce_url=_entered_url(home, profile))
    if output.as_json:
        output.record({"causes": [_as_json(output, cause) for cause in causes]})
        return ExitCode.OK
    for number, cause in enumerate(causes, start=1):
        _show(output, number, cause)
    return ExitCode.OK


def _entered_url(home: Home, profile: str) -> str:
    """The profile's Salesforce URL: its form alone can be the cause.

    Whoever has no profile, or a torn one, is answered all the same.
    """
    try:
        return load_profile(home, profile).salesforce.url
    except ConnectorError:
        return ""


def _as_json(output: Output, cause: Cause) -> dict[str, object]:
    return {
        "code": cause.code,
        "confidence": cause.confidence,
        "title": output.render(cause.title),
        "what": output.render(cause.what),
        "remedy": [output.render(step) for step in cause.remedy],
        "see": cause.see,
    }


def _show(output: Output, number: int, cause: Cause) -> None:
    percent = round(100 * cause.confidence)
    output.line(f"{number}. {output.render(cause.title)} ({cause.code}, {percent} %)")
    output.line(f"   {output.render(cause.what)}")
    for step in cause.remedy:
        output.line(f"   → {output.render(step)}")
    if cause.see:
        output.line(text("   参照: {see}", see=cause.see))
