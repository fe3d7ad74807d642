"""`--all-profiles`: one mode for every profile, one after the other.

Each profile has its own lock, record and exit code; what is wrong with one does not
keep the others from running.  The process ends with the worst of the codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from haihai_tui.arguments import Arguments
from haihai_tui.errors import (
    ConnectorError,
    ExitCode,
    SettingsError,
    exit_code_for,
    text,
)
from haihai_tui.headless.output import Output
from haihai_tui.services.paths import Home
from haihai_tui.services.settings import list_profiles

Run = Callable[[Arguments, Output, Home, str], Any]

WORST_FIRST = (
    ExitCode.TERMINATED,
    ExitCode.INTERRUPTED,
    ExitCode.DEFECT,
    ExitCode.AUTHORISE,
    ExitCode.UNREACHABLE,
    ExitCode.USAGE,
    ExitCode.HALTED,
    ExitCode.PAUSED,
    ExitCode.LOCKED,
    ExitCode.REJECTS,
    ExitCode.OK,
)
"""A person is needed for the first of them, the last mend themselves."""

_ENDS = (ExitCode.TERMINATED, ExitCode.INTERRUPTED)


def run_all(run: Run, arguments: Arguments, output: Output, home: Home) -> ExitCode:
    """Run the mode for each profile, by name; the worst exit code."""
    names = list_profiles(home)
    if not names:
        raise SettingsError(
            text("プロファイルがありません（{folder}）。", folder=str(home.profiles)),
            text("コンソールの連携設定か --import-settings で作ってください。"),
        )
    codes: dict[str, ExitCode] = {}
    for name in names:
        output.say(text("プロファイル「{profile}」", profile=name))
        with output.about(profile=name):
            codes[name] = _one(run, arguments, output, home, name)
        if codes[name] in _ENDS:
            break
    code = worst(codes.values())
    _tell(output, codes, code)
    return code


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    return min(codes, key=WORST_FIRST.index)


def _one(
    run: Run, arguments: Arguments, output: Output, home: Home, name: str
) -> ExitCode:
    try:
        return ExitCode(run(arguments, output, home, name))
    except ConnectorError as error:
        output.error(error)
        return exit_code_for(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        output.defect(error)
        return ExitCode.DEFECT


def _tell(output: Output, codes: dict[str, ExitCode], code: ExitCode) -> None:
    if output.as_json:
        output.record(
            {
                "event": "all_done",
                "exit_code": int(code),
                "profiles": {name: int(one) for name, one in codes.items()},
            }
        )
        return
    output.line()
    for name, one in codes.items():
        output.line(text("{profile}: 終了コード {code}", profile=name, code=int(one)))
