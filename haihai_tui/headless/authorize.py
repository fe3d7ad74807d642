"""`--authorize`: the integration token, by a browser anywhere; `--revoke` gives it
back.

The URL is shown; the answer comes by the loopback callback or as a pasted redirect
URL on standard input, whichever is first.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import UTC, datetime

from haihai_tui.arguments import Arguments
from haihai_tui.doors import AT_THE_SCREEN, org_name_of, probe_of
from haihai_tui.errors import ConnectorError, ExitCode, text
from haihai_tui.headless.actor import system_actor
from haihai_tui.headless.output import Output
from haihai_tui.services.authorisation import (
    Person,
    give_back,
    not_revoked,
    renew,
    revoked_words,
)
from haihai_tui.services.paths import Home
from haihai_tui.services.runs import Stopper
from haihai_tui.wiring import oauth_of, open_workplace


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    if arguments.revoke:
        return _revoke(output, home, profile)
    stopper = Stopper()
    with open_workplace(home, profile) as workplace, ExitStack() as stack:
        facts = renew(
            workplace,
            oauth_of(workplace, stack),
            system_actor(),
            Person(
                show=lambda url: _show(output, url),
                paste=_pasted,
                cancelled=stopper.cancelled,
            ),
            probe=probe_of(workplace, stack, stopper),
            org_name=org_name_of(workplace, stopper),
        )
    if output.as_json:
        output.record({"event": "authorised", "profile": profile, **facts})
    else:
        output.line(
            text(
                "連携トークンを保管しました: 組織 {org}、ユーザー {user}",
                org=facts["org_name"] or facts["org_id"],
                user=facts["username"] or facts["user_id"],
            )
        )
    return ExitCode.OK


def _revoke(output: Output, home: Home, profile: str) -> ExitCode:
    with open_workplace(home, profile) as workplace, ExitStack() as stack:
        oauth = oauth_of(workplace, stack, AT_THE_SCREEN)
        try:
            found = give_back(workplace, oauth, system_actor())
        except ConnectorError as error:
            output.say(not_revoked(error), "warning")
            raise
    if output.as_json:
        output.record({"event": "revoked", "profile": profile, "outcome": found.value})
    else:
        output.line(revoked_words(found))
    return ExitCode.OK


def _show(output: Output, url: str) -> None:
    if output.as_json:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        output.record({"event": "authorize_url", "at": now, "url": url})
    else:
        output.line(url)
    output.say(
        text(
            "上の URL をブラウザーで開き、Salesforce にログインして許可してください。"
            "このコンピューターで完了しない場合は、最後に表示された URL をここに"
            "貼り付けて Enter を押してください。"
        )
    )


def _pasted() -> str | None:
    line = sys.stdin.readline()
    return line if line else None
