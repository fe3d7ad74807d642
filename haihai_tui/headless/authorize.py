"""`--authorize`: the integration token, by a browser anywhere.

The URL is shown; the answer comes by the loopback callback or as a pasted redirect
URL on standard input, whichever is first.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import UTC, datetime

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, text
from haihai_tui.headless.actor import system_actor
from haihai_tui.headless.output import Output
from haihai_tui.services.authorisation import remember
from haihai_tui.services.paths import Home
from haihai_tui.services.runs import Stopper
from haihai_tui.services.salesforce.authorise import authorise
from haihai_tui.services.tokens import StoredTokens
from haihai_tui.wiring import oauth_of, open_workplace

TIMEOUT_S = 600.0


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    stopper = Stopper()
    with open_workplace(home, profile) as workplace, ExitStack() as stack:
        oauth = oauth_of(workplace, stack)
        tokens = authorise(
            oauth,
            StoredTokens(workplace.secrets),
            lambda url: _show(output, url),
            paste=_pasted,
            timeout=TIMEOUT_S,
            cancelled=stopper.cancelled,
        )
        facts = remember(workplace, oauth, tokens, system_actor())
    if output.as_json:
        output.record({"event": "authorised", "profile": profile, **facts})
    else:
        output.line(
            text(
                "連携トークンを保管しました: 組織 {org}、ユーザー {user}",
                org=tokens.org_id,
                user=facts.get("username", tokens.user_id),
            )
        )
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
