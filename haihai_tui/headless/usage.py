"""What is wrong with a command line, in the operator's language.

The parser of the standard library words its complaints in English only; each is
recognised here by its form and said anew.  What is not recognised is shown as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from haihai_tui.errors import SettingsError, Text, text
from haihai_tui.headless.output import Output
from haihai_tui.locales import Catalogue, choose_language

_HINT = text("使い方は haihai-tui --help で確認できます。")


def report(message: str, arguments: Sequence[str]) -> int:
    """Tell it on both streams as any other error; the exit code."""
    language = choose_language(_language(arguments), os.environ)
    output = Output(Catalogue(language), as_json="--json" in arguments)
    error = SettingsError(worded(message), _HINT)
    output.error(error)
    return int(error.exit_code)


def worded(message: str) -> Text:
    """The complaint `message` of argparse as a message of our own."""
    if found := re.fullmatch(r"unrecognized arguments: (.*)", message, re.DOTALL):
        return text("知らない引数です: {arguments}", arguments=found[1])
    found = re.fullmatch(r"argument ([^:]+): (.*)", message, re.DOTALL)
    if not found:
        return text("{message}", message=message)
    return _of_option(found[1], found[2])


def _of_option(option: str, complaint: str) -> Text:
    if complaint.startswith(("expected one", "expected at least one")):
        return text("{option} には値が必要です。", option=option)
    if found := re.fullmatch(r"not allowed with argument (.*)", complaint):
        return text(
            "{option} と {other} は同時に指定できません。",
            option=option,
            other=found[1],
        )
    if found := re.fullmatch(r"belongs to (.*)", complaint):
        return text(
            "{option} は {modes} と一緒に指定してください。",
            option=option,
            modes=found[1],
        )
    if found := re.fullmatch(
        r"invalid choice: (.*) \(choose from (.*)\)", complaint, re.DOTALL
    ):
        return text(
            "{option} に {value} は指定できません。使える値: {choices}",
            option=option,
            value=found[1].strip("'"),
            choices=found[2].replace("'", ""),
        )
    if found := re.fullmatch(r"not within (\d+) and (\d+): (.*)", complaint):
        return text(
            "{option} には {least} から {most} までの整数を指定してください: {value}",
            option=option,
            least=f"{int(found[1]):,}",
            most=f"{int(found[2]):,}",
            value=found[3].strip("'"),
        )
    if found := re.fullmatch(r"invalid address value: (.*)", complaint, re.DOTALL):
        return text(
            "{option} にはメールアドレスを指定してください: {value}",
            option=option,
            value=found[1].strip("'"),
        )
    if found := re.fullmatch(r"invalid int value: (.*)", complaint, re.DOTALL):
        return text(
            "{option} には整数を指定してください: {value}",
            option=option,
            value=found[1].strip("'"),
        )
    return text("{option}: {complaint}", option=option, complaint=complaint)


def _language(arguments: Sequence[str]) -> str | None:
    """What follows `--lang`, which could not be parsed; None if it is not there."""
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--lang":
            return value if equals else next(iter(arguments[at + 1 :]), None)
    return None
