"""プロファイル: list, switch, make, write out, take in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.widgets import Button

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.screens.admin_views.base import AdminView, Done, Rows
from haihai_tui.screens.widgets.forms import Deed, Deeds, Entry, Field
from haihai_tui.screens.widgets.panel import Panel
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.roles import Action
from haihai_tui.services.wording import flow_label

if TYPE_CHECKING:
    from haihai_tui.services.administration import Administration, ProfileRow


class ProfilesView(AdminView):
    def __init__(self) -> None:
        super().__init__(id="profiles")
        self._profiles: dict[str, ProfileRow] = {}

    def compose(self) -> ComposeResult:
        heads = (text("プロファイル"), text("状態"), text("契約 ID"), text("組織 ID"))
        yield Rows(heads, id="profile-rows")
        yield Words("", classes="wide quiet", id="profile-note")
        yield Deeds(
            [
                Deed(text("切替"), id="use"),
                Deed(text("新規"), id="new"),
                Deed(text("書き出し"), id="export"),
                Deed(text("取り込み"), id="import"),
                Deed(text("一時停止"), id="pause"),
            ]
        )
        yield Panel()

    def read(self, admin: Administration) -> list[ProfileRow]:
        return admin.profiles()

    def take(self, value: Sequence[ProfileRow]) -> None:
        self._profiles = {one.name: one for one in value}
        self.query_one(Rows).show((one.name, self._cells(one)) for one in value)
        self._follow()

    def relabel(self) -> None:
        if self._profiles:
            self.take(tuple(self._profiles.values()))

    def _cells(self, one: ProfileRow) -> tuple[str, ...]:
        state = text("使用中") if one.name == self.host.ctx.profile else text("-")
        if one.paused:
            state = text("一時停止中")
        if one.problem is not None:
            state = text("読めません")
        return (
            one.name,
            self.host.t(state),
            one.contract_id or "-",
            one.org_id or "-",
        )

    def _follow(self) -> None:
        chosen = self._profiles.get(self.query_one(Rows).chosen or "")
        whole = chosen is not None and chosen.problem is None
        self.query_one("#use", Deed).disabled = not whole
        self.query_one("#export", Deed).disabled = not whole or bool(
            self.host.lacks(Action.RUN)
        )
        pause = self.query_one("#pause", Deed)
        pause.disabled = not whole or bool(self.host.lacks(Action.RUN))
        pause.show(
            text("再開") if chosen is not None and chosen.paused else text("一時停止")
        )
        for deed in ("new", "import"):
            self.query_one(f"#{deed}", Deed).disabled = bool(
                self.host.lacks(Action.CHANGE_SETTINGS)
            )
        self.query_one("#profile-note", Words).show(self._note(chosen))

    def _note(self, chosen: ProfileRow | None) -> Text | str:
        if chosen is None:
            return text("プロファイルはまだありません。新規か取り込みで作ります。")
        if chosen.problem is not None:
            return chosen.problem.what
        return text(
            "{url}  {flows}",
            url=chosen.salesforce_url or "-",
            flows=[flow_label(flow) for flow in chosen.flows],
        )

    def on_data_table_row_highlighted(self, event: Rows.RowHighlighted) -> None:
        event.stop()
        self._follow()

    # -------------------------------------------------------------------- deeds

    def why_not(self) -> Text | None:
        chosen = self.query_one(Rows).chosen
        if chosen is None:
            return text("プロファイルがありません。")
        if chosen == self.host.ctx.profile:
            return text("すでに使っているプロファイルです。")
        return None

    def deed(self) -> None:
        self._use()

    def on_data_table_row_selected(self, event: Rows.RowSelected) -> None:
        event.stop()
        if reason := self.why_not():
            self.host.say(reason)
        else:
            self._use()

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "use":
            if reason := self.why_not():
                self.host.say(reason)
            else:
                self._use()
        elif event.button.id == "pause":
            self._pause()
        elif event.button.id == "new":
            await self._ask_new()
        elif event.button.id == "export":
            await self._ask_export()
        else:
            await self._ask_import()

    def _use(self) -> None:
        name = self.query_one(Rows).chosen
        assert name is not None
        if self._switched(name):
            told = text("プロファイル「{name}」に切り替えました。", name=name)
            self.host.say(told, "ok")
            self.reload()

    def _switched(self, name: str) -> bool:
        """Whether `name` is in use now, with the same people signed in."""
        console = self.host.console
        # Deferred: the store's driver has been loaded by reading the rows.
        from haihai_tui.services.administration import switch_profile

        try:
            stays = switch_profile(
                console.ctx, name, is_busy=console.ctx.work.is_active
            )
        except ConnectorError as error:
            self.host.say_error(error)
            return False
        if not stays:
            console.action_logout()
            return False
        self.host.relabel()
        return True

    async def _ask_new(self) -> None:
        await self.query_one(Panel).ask(
            text("新しいプロファイル"),
            self._new,
            yes=text("作成"),
            words=text("空のプロファイルを作って切り替え、連携設定に進みます。"),
            fields=(Field(text("プロファイル名"), Entry("", id="new-name")),),
        )

    def _new(self) -> None:
        name = self.query_one("#new-name", Entry).value.strip()
        beside = self.host.ctx.profile

        def body(admin: Administration) -> Done:
            admin.new_profile(name, beside)
            say = text("プロファイル「{name}」を作成しました。", name=name)
            return Done("profiles", say, name)

        self.work(body, "deed")

    def _pause(self) -> None:
        """No question: it is undone by the same button."""
        chosen = self._profiles[self.query_one(Rows).chosen or ""]
        paused = not chosen.paused

        def body(admin: Administration) -> Done:
            admin.pause(chosen.name, paused)
            say = text("「{name}」の連携を再開しました。", name=chosen.name)
            if paused:
                say = text("「{name}」の連携を一時停止しました。", name=chosen.name)
            return Done("profiles", say)

        self.work(body, "deed")

    async def _ask_export(self) -> None:
        name = self.query_one(Rows).chosen
        path = str(Path.home() / f"{name}.toml")
        await self.query_one(Panel).ask(
            text("「{name}」の書き出し", name=name),
            self._export,
            yes=text("書き出し"),
            words=text("秘密情報は書き出しません。"),
            fields=(Field(text("ファイル"), Entry(path, id="export-file")),),
        )

    def _export(self) -> None:
        name = self.query_one(Rows).chosen or ""
        path = Path(self.query_one("#export-file", Entry).value.strip())

        def body(admin: Administration) -> Done:
            full = admin.export_profile(name, path)
            return Done("profiles", text("{file} に書き出しました。", file=str(full)))

        self.work(body, "deed")

    async def _ask_import(self) -> None:
        await self.query_one(Panel).ask(
            text("プロファイルの取り込み"),
            self._import,
            yes=text("取り込み"),
            words=text("同じ名前のプロファイルがあれば、全体を置き換えます。"),
            fields=(
                Field(text("プロファイル名"), Entry("", id="import-name")),
                Field(text("ファイル"), Entry("", id="import-file")),
            ),
        )

    def _import(self) -> None:
        name = self.query_one("#import-name", Entry).value.strip()
        path = Path(self.query_one("#import-file", Entry).value.strip())

        def body(admin: Administration) -> Done:
            changes = admin.import_profile(name, path)
            say = text(
                "「{name}」を取り込みました。{n} 件の設定が変わりました。",
                name=name,
                n=len(changes),
            )
            return Done("profiles", say)

        self.work(body, "deed")

    async def done(self, value: Any) -> None:
        await self.query_one(Panel).action_close()
        self.reload()
        if isinstance(value, str) and self._switched(value):
            self.host.console.open("settings", step=1)

    def on_panel_closed(self, event: Panel.Closed) -> None:
        event.stop()
        self.query_one(Rows).focus()
