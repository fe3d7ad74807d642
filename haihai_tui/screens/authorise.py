"""連携トークンの更新: an authorisation, watched while it happens.

The waiting is done by the service that `--authorize` uses, on a thread; this screen
shows how far it has come, hands over what is pasted, and says at once what a
failure means and what to do.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.messages import WorkFailed
from haihai_tui.screens.authorise_qr import AuthoriseUrlScreen, Link
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.forms import Entry, Field
from haihai_tui.screens.widgets.milestones import Milestones
from haihai_tui.screens.widgets.panel import Panel
from haihai_tui.screens.widgets.ticklist import Detail, Part
from haihai_tui.screens.widgets.words import Heading, Words
from haihai_tui.services.roles import Action
from haihai_tui.services.store.times import stamp
from haihai_tui.services.tunnel import callback_port, is_remote, ssh_line
from haihai_tui.services.wording import local_date_time

if TYPE_CHECKING:
    from haihai_tui.services.diagnosis import Cause
    from haihai_tui.services.runs import Stopper
    from haihai_tui.services.token_state import TokenState

LONGEST_PASTE = 20_000


class StateRead(Message):
    """What is stored now, and where an authorisation would come back to."""

    def __init__(self, state: TokenState | None, callback_url: str) -> None:
        super().__init__()
        self.state = state
        self.callback_url = callback_url


class UrlShown(Message):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


class MilestonePassed(Message):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class Renewed(Message):
    """The token is stored; `facts` as the service returns them."""

    def __init__(self, facts: dict[str, str]) -> None:
        super().__init__()
        self.facts = facts


class GivenBack(Message):
    """The token is gone, in Salesforce and here; `said` tells how."""

    def __init__(self, said: Text) -> None:
        super().__init__()
        self.said = said


class Explained(Message):
    def __init__(self, causes: Sequence[Cause]) -> None:
        super().__init__()
        self.causes = causes


class AuthoriseScreen(ConsoleScreen):
    """`start` begins at once, as the wizard asks."""

    TITLE: ClassVar[Text] = text("連携トークンの更新")
    NAME: ClassVar[str] = "authorise"

    def __init__(self, start: bool = False) -> None:
        super().__init__()
        self._start = start
        self._url = ""
        self._state: StateRead | None = None
        self._pasted: queue.Queue[str] = queue.Queue()
        self._answer = ""
        self._stopper: Stopper | None = None
        self._until = 0.0
        self._clock: Timer | None = None
        self._causes: Sequence[Cause] = ()

    # ------------------------------------------------------------------ frame

    def body(self) -> ComposeResult:
        with VerticalScroll(id="page"):
            with Vertical(id="now"):
                yield Heading(text("いまのトークン"), classes="first")
                yield Words(text("読み込んでいます。"), id="state", classes="wide")
            yield Heading(text("手順"), id="steps-heading")
            yield Milestones()
            yield Words("", id="guide", classes="wide")
            yield Link(id="url", lines=2)
            yield Field(
                text("URL の貼り付け"),
                Entry(
                    id="paste",
                    hint=text("ブラウザーに最後に表示された URL 全体"),
                    max_length=LONGEST_PASTE,
                ),
                id="paste-field",
            )
            yield Words("", id="tunnel", classes="wide quiet")
            yield Detail(id="causes")
        yield Panel()

    def on_mount(self) -> None:
        self._show_waiting(False)
        self.query_one("#causes").display = False
        self.query_one("#page").can_focus = True
        self._read_state()
        if self._start and self.lacks(Action.AUTHORISE) is None:
            self.action_begin()

    def on_unmount(self) -> None:
        self._give_up()

    def fill(self) -> None:
        if self._state is not None:
            self._show_state(self._state)
        if self._causes:
            self._show_causes()

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if action == "authorise.begin":
            if self._is_waiting:
                return text("応答を待っています。やり直すには先に F8 で中止します。")
            return self.lacks(Action.AUTHORISE)
        if action == "authorise.stop" and not self._is_waiting:
            return text("進行中の認可はありません。")
        if action == "authorise.revoke":
            if self._is_waiting:
                return text("応答を待っています。先に F8 で中止します。")
            state = self._state.state if self._state else None
            if state is None or not state.stored:
                return text("保管された連携トークンはありません。")
            return self.lacks(Action.AUTHORISE)
        if action in ("authorise.copy", "authorise.code") and not self._url:
            return text("先に F5 で認可 URL を作ってください。")
        return None

    @property
    def _is_waiting(self) -> bool:
        return self._stopper is not None

    # ------------------------------------------------------------ token state

    def _read_state(self) -> None:
        ctx = self.ctx

        def work() -> Message:
            # Deferred: the database driver, 200 ms.
            from haihai_tui.services.store.facts import Facts
            from haihai_tui.services.token_state import token_state
            from haihai_tui.services.tokens import StoredTokens

            settings = ctx.settings()
            if settings is None:
                return StateRead(None, "")
            facts = Facts(ctx.database, ctx.profile).all()
            state = token_state(StoredTokens(ctx.secrets()), facts)
            return StateRead(state, settings.salesforce.callback_url)

        self.background(work, "state")

    def on_state_read(self, message: StateRead) -> None:
        self._state = message
        self._show_state(message)
        self.refresh_keys()

    def _show_state(self, message: StateRead) -> None:
        shown = self.query_one("#state", Words)
        state = message.state
        if state is None:
            shown.show(
                text("プロファイルがありません。先に連携設定を行ってください。"),
                "warning",
            )
            return
        if not state.stored:
            shown.show(text("まだありません。F5 で始めます。"), "warning")
            return
        shown.show(_state_text(state), "error" if state.cause else "info")

    # ------------------------------------------------------------ authorising

    def action_begin(self) -> None:
        # Deferred: as below; the stopper is what ends the waiting.
        from haihai_tui.services.runs import Stopper

        stopper = self._stopper = Stopper()
        pasted = self._pasted = queue.Queue()
        self._url = self._answer = ""
        self._causes = ()
        self.query_one("#causes").display = False
        # What is being done has the page for itself.
        self.query_one("#now").display = False
        self.query_one(Milestones).start()
        self.query_one("#paste", Entry).value = ""
        self.say("")
        self.refresh_keys()
        ctx, operator = self.ctx, self.ctx.operator
        assert operator is not None

        def work() -> Message:
            # Deferred: HTTP clients and OAuth, 300 ms.
            from contextlib import ExitStack

            from haihai_tui.doors import org_name_of, probe_of
            from haihai_tui.services.authorisation import Person, renew
            from haihai_tui.wiring import oauth_of

            with ctx.workplace() as place, ExitStack() as stack:
                facts = renew(
                    place,
                    oauth_of(place, stack),
                    operator,
                    Person(
                        show=lambda url: self._tell(stopper, UrlShown(url)),
                        paste=pasted,
                        cancelled=stopper.cancelled,
                        on_milestone=lambda one: self._tell(
                            stopper, MilestonePassed(one.value)
                        ),
                    ),
                    probe=probe_of(place, stack, stopper),
                    org_name=org_name_of(place, stopper),
                )
            return Renewed(facts)

        self.background(work, "authorise")

    def _tell(self, stopper: Stopper, message: Message) -> None:
        """Whoever gave up wants to hear no more of it."""
        if not stopper.cancelled():
            self.post_message(message)

    def on_url_shown(self, message: UrlShown) -> None:
        # Deferred: the limit is the service's.
        from haihai_tui.services.authorisation import TIMEOUT_S

        self._url = message.url
        self._until = time.monotonic() + TIMEOUT_S
        self._show_waiting(True)
        self.query_one("#url", Link).show(message.url)
        self._tick()
        if self._clock is None:
            self._clock = self.set_interval(1.0, self._tick)
        self.query_one("#paste").focus()
        self.refresh_keys()

    def on_milestone_passed(self, message: MilestonePassed) -> None:
        self.query_one(Milestones).pass_(message.name)
        if message.name not in ("url_made", "waiting"):
            self._stop_clock()

    def _tick(self) -> None:
        sequence = self.query_one(Milestones)
        sequence.tick(self._until - time.monotonic())

    def on_renewed(self, message: Renewed) -> None:
        self._end_waiting()
        self.say(
            text(
                "連携トークンを保管しました: 組織 {org}、ユーザー {user}",
                org=message.facts["org_name"] or message.facts["org_id"],
                user=message.facts["username"] or message.facts["user_id"],
            ),
            "ok",
        )
        self.query_one("#now").display = True
        self._read_state()

    def on_work_failed(self, message: WorkFailed) -> None:
        if message.group == "revoke":
            message.prevent_default()
            # Deferred: OAuth's words are needed by a failure alone.
            from haihai_tui.services.authorisation import not_revoked

            self.say(not_revoked(message.error), "error")
            return
        if message.group != "authorise":
            return
        message.prevent_default()
        stopped = self._stopper is not None and self._stopper.cancelled()
        self._end_waiting()
        if stopped:
            self.query_one("#now").display = True
            self.query_one(Milestones).reset()
            self.say(text("認可を中止しました。F5 で最初から始めます。"))
            return
        self.query_one(Milestones).fail()
        self.say(text("更新できませんでした。直したら F5 でやり直せます。"), "error")
        self._explain(message.error)

    def _explain(self, error: ConnectorError) -> None:
        answer, ctx = self._answer, self.ctx

        def work() -> Message:
            # Deferred: the table of causes is needed by a failure alone.
            from haihai_tui.services.authorisation import explain

            settings = ctx.settings()
            url = settings.salesforce.url if settings else ""
            return Explained(explain(error, answer, url))

        self.background(work, "explain")

    def on_explained(self, message: Explained) -> None:
        self._causes = message.causes
        self._show_causes()
        detail = self.query_one("#causes", Detail)
        detail.focus()
        detail.scroll_visible(animate=False)

    def _show_causes(self) -> None:
        detail = self.query_one("#causes", Detail)
        detail.display = True
        detail.show(text("原因と対処"), tuple(map(_cause_part, self._causes)))

    # --------------------------------------------------------------- waiting

    def _show_waiting(self, waiting: bool) -> None:
        for name in ("#guide", "#url", "#paste-field", "#tunnel"):
            self.query_one(name).display = waiting
        if not waiting:
            return
        guide, tunnel = (
            self.query_one("#guide", Words),
            self.query_one("#tunnel", Words),
        )
        guide.show(
            text("この URL を開き、連携用ユーザーでログインして許可してください。")
        )
        port = callback_port(self._state.callback_url if self._state else "")
        if port is None:
            tunnel.show(
                text("許可した後のブラウザーの URL 全体を、上の欄に貼り付けます。")
            )
            return
        how = text("別の端末のブラウザーを使うときは、そこで先に実行します:")
        if is_remote(self.ctx.environ):
            how = text("手元の端末で先に実行すると、貼り付けは不要です:")
        line = ssh_line(port, self.ctx.environ)
        tunnel.show(text("{how}\n{line}", how=how, line=line))

    def _end_waiting(self) -> None:
        self._stopper = None
        self._url = ""
        self._stop_clock()
        self._show_waiting(False)
        self.query_one("#page").focus()
        self.refresh_keys()

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.stop()
            self._clock = None

    def _give_up(self) -> None:
        if self._stopper is not None:
            self._stopper.stop()

    # ----------------------------------------------------------------- deeds

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        pasted = event.value.strip()
        if not pasted or not self._is_waiting:
            return
        self._answer = pasted
        self._pasted.put(pasted)
        event.input.value = ""
        self.say(text("貼り付けた URL を調べています。"))

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._url)
        self.say(text("URL を端末のクリップボードに送りました。"), "ok")

    def action_code(self) -> None:
        self.app.push_screen(AuthoriseUrlScreen(self._url))

    async def action_revoke(self) -> None:
        state = self._state.state if self._state else None
        await self.query_one(Panel).ask(
            text("連携トークンの取り消し"),
            self._revoke,
            yes=text("取り消す"),
            words=text(
                "{org} からログアウトします。もう一度認可するまで、このプロファイルの"
                "連携は動きません。",
                org=(state.org_name or state.org_id or "-") if state else "-",
            ),
        )

    async def _revoke(self) -> None:
        await self.query_one(Panel).action_close()
        self.say(text("Salesforce に取り消しを依頼しています。"))
        ctx, operator = self.ctx, self.ctx.operator
        assert operator is not None

        def work() -> Message:
            # Deferred: HTTP clients and OAuth, 300 ms.
            from contextlib import ExitStack

            from haihai_tui.doors import AT_THE_SCREEN
            from haihai_tui.services.authorisation import give_back, revoked_words
            from haihai_tui.wiring import oauth_of

            with ctx.workplace() as place, ExitStack() as stack:
                oauth = oauth_of(place, stack, AT_THE_SCREEN)
                found = give_back(place, oauth, operator)
            return GivenBack(revoked_words(found))

        self.background(work, "revoke")

    def on_panel_closed(self, event: Panel.Closed) -> None:
        event.stop()
        self.query_one("#page").focus()

    def on_given_back(self, message: GivenBack) -> None:
        self.say(message.said, "ok")
        self._read_state()

    def action_stop(self) -> None:
        self._give_up()
        self.say(text("中止しています。"))


def _state_text(state: TokenState) -> Text:
    org = (
        text("{name}（{id}）", name=state.org_name, id=state.org_id)
        if state.org_name
        else Text(state.org_id or "-")
    )
    refreshed = state.refreshed_at or state.issued_at
    shown = text(
        "組織     {org}\nユーザー {user}\n範囲     {scopes}\n"
        "認可     {authorised}    最終更新 {refreshed}",
        org=org,
        user=state.username or "-",
        scopes=" ".join(state.scopes) or "-",
        authorised=_moment(state.authorised_at),
        refreshed=_moment(refreshed),
    )
    if not state.cause:
        return shown
    # Deferred: the table of causes is needed by a failure alone.
    from haihai_tui.services.causes import cause_text

    title = cause_text(state.cause).title
    return text(
        "{title}（{cause}）\n{state}", title=title, cause=state.cause, state=shown
    )


def _moment(moment: datetime | None) -> str:
    return "-" if moment is None else local_date_time(stamp(moment))


def _cause_part(cause: Cause) -> Part:
    title = text("{title}（{code}）", title=cause.title, code=cause.code)
    remedies = (text("> {step}", step=step) for step in cause.remedy)
    see = text("参照: マニュアル {see}", see=cause.see)
    return Part(title, (cause.what, *remedies, see))
