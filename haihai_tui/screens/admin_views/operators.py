"""利用者: who may sign in, as what; add, reset, change role, shut out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.widgets import Button, RadioSet

from haihai_tui.errors import Text, text
from haihai_tui.screens.admin_views.base import AdminView, Done, Rows
from haihai_tui.screens.widgets.forms import Deed, Deeds, Entry, Field, Option
from haihai_tui.screens.widgets.panel import Panel
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.roles import Action, Operator, Role, role_label
from haihai_tui.services.wording import local_date_time

if TYPE_CHECKING:
    from haihai_tui.services.administration import Administration

ROLES = tuple(Role)


class OperatorsView(AdminView):
    def __init__(self) -> None:
        super().__init__(id="operators")
        self._operators: dict[str, Operator] = {}

    def compose(self) -> ComposeResult:
        heads = (text("利用者名"), text("役割"), text("状態"), text("最終ログイン"))
        yield Rows(heads, id="operator-rows")
        yield Words("", classes="wide quiet", id="operator-note")
        yield Deeds(
            [
                Deed(text("追加"), id="add"),
                Deed(text("再発行"), id="reset"),
                Deed(text("役割"), id="role"),
                Deed(text("無効化"), id="disable"),
            ]
        )
        yield Panel()

    def read(self, admin: Administration) -> list[Operator]:
        return admin.operators()

    def take(self, value: Sequence[Operator]) -> None:
        self._operators = {one.name: one for one in value}
        self.query_one(Rows).show((one.name, self._cells(one)) for one in value)
        self._follow()

    def relabel(self) -> None:
        if self._operators:
            self.take(tuple(self._operators.values()))

    def _cells(self, one: Operator) -> tuple[str, ...]:
        t = self.host.t
        at = local_date_time(one.signed_in_at) if one.signed_in_at else "-"
        return one.name, t(role_label(one.role)), t(_state(one)), at

    # ------------------------------------------------------------------- rights

    def why_not(self) -> Text | None:
        return self.host.lacks(Action.MANAGE_OPERATORS)

    def _follow(self) -> None:
        """What the buttons offer fits the row, and says why it offers nothing."""
        reason = self.why_not()
        chosen = self.chosen
        for name in ("add", "reset", "role", "disable"):
            self.query_one(f"#{name}", Deed).disabled = reason is not None or (
                name != "add" and chosen is None
            )
        label = text("有効化") if chosen and chosen.disabled else text("無効化")
        self.query_one("#disable", Deed).show(label)
        note = self.query_one("#operator-note", Words)
        note.show(reason or "")
        note.display = reason is not None

    @property
    def chosen(self) -> Operator | None:
        return self._operators.get(self.query_one(Rows).chosen or "")

    def on_data_table_row_highlighted(self, event: Rows.RowHighlighted) -> None:
        event.stop()
        self._follow()

    # -------------------------------------------------------------------- deeds

    def deed(self) -> None:
        self.run_worker(self._ask_add())

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        asks = {
            "add": self._ask_add,
            "reset": self._ask_reset,
            "role": self._ask_role,
            "disable": self._ask_disable,
        }
        await asks[str(event.button.id)]()

    async def _ask_add(self) -> None:
        await self.query_one(Panel).ask(
            text("利用者の追加"),
            self._add,
            yes=text("登録"),
            fields=(
                Field(text("利用者名"), Entry(id="new-name")),
                Field(text("役割"), RoleChoice(Role.OPERATOR)),
            ),
        )

    def _add(self) -> None:
        name, role = self.query_one("#new-name", Entry).value, self._picked()

        def body(admin: Administration) -> Done:
            password = admin.add(name, role)
            say = text("利用者「{name}」を追加しました。", name=name)
            return Done("operators", say, (name, password))

        self.work(body, "deed")

    async def _ask_reset(self) -> None:
        one = self._require()
        await self.query_one(Panel).ask(
            text("初期パスワードの再発行"),
            self._reset,
            yes=text("再発行"),
            words=text(
                "「{name}」の今のパスワードは使えなくなり、ロックも解けます。",
                name=one.name,
            ),
        )

    def _reset(self) -> None:
        name = self._require().name

        def body(admin: Administration) -> Done:
            password = admin.reset(name)
            say = text("「{name}」の初期パスワードを再発行しました。", name=name)
            return Done("operators", say, (name, password))

        self.work(body, "deed")

    async def _ask_role(self) -> None:
        one = self._require()
        await self.query_one(Panel).ask(
            text("「{name}」の役割", name=one.name),
            self._set_role,
            yes=text("変更"),
            fields=(Field(text("役割"), RoleChoice(one.role)),),
        )

    def _set_role(self) -> None:
        name, role = self._require().name, self._picked()

        def body(admin: Administration) -> Done:
            admin.set_role(name, role)
            say = text(
                "「{name}」を{role}にしました。", name=name, role=role_label(role)
            )
            return Done("operators", say)

        self.work(body, "deed")

    async def _ask_disable(self) -> None:
        one = self._require()
        wording = (
            text("「{name}」は再びログインできるようになります。", name=one.name)
            if one.disabled
            else text("「{name}」はログインできなくなります。", name=one.name)
        )
        title = text("利用者の有効化") if one.disabled else text("利用者の無効化")
        await self.query_one(Panel).ask(
            title, self._set_disabled, yes=text("実行"), words=wording
        )

    def _set_disabled(self) -> None:
        one = self._require()

        def body(admin: Administration) -> Done:
            admin.set_disabled(one.name, not one.disabled)
            say = (
                text("「{name}」を有効にしました。", name=one.name)
                if one.disabled
                else text("「{name}」を無効にしました。", name=one.name)
            )
            return Done("operators", say)

        self.work(body, "deed")

    async def done(self, value: Any) -> None:
        panel = self.query_one(Panel)
        if value is None:
            await panel.action_close()
        else:
            name, password = value
            await panel.tell(
                text("「{name}」の初期パスワード", name=name),
                text(
                    "{password}\n一度だけ表示します。本人に渡してください。最初のログイン"
                    "で変更が必要です。",
                    password=password,
                ),
            )
        self.reload()

    def on_panel_closed(self, event: Panel.Closed) -> None:
        event.stop()
        self.query_one(Rows).focus()

    def _require(self) -> Operator:
        chosen = self.chosen
        assert chosen is not None, "the buttons are disabled without a row"
        return chosen

    def _picked(self) -> Role:
        return ROLES[max(0, self.query_one("#roles", RadioSet).pressed_index)]


class RoleChoice(RadioSet):
    """The three roles; the cursor begins on the present one."""

    def __init__(self, present: Role) -> None:
        options = (Option(role_label(role), role is present) for role in ROLES)
        super().__init__(*options, id="roles", compact=True)
        self._present = ROLES.index(present)

    def on_focus(self) -> None:
        # Textual begins on the first one, whichever is on.
        self._selected = self._present


def _state(one: Operator) -> Text:
    if one.disabled:
        return text("無効")
    if one.must_change:
        return text("初期パスワード")
    return text("有効")
