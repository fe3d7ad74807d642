"""The mapping table: Salesforce field, item of HaiHai Mail, blank rule, verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from rich.text import Text as Cell
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import DataTable, Input, RadioSet

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.settings_pick import Choice, PickScreen
from haihai_tui.screens.widgets.forms import Entry, Field, Option
from haihai_tui.screens.widgets.words import Heading, Words, words
from haihai_tui.services.checks.model import Status, status_label
from haihai_tui.services.mapping_check import TYPE_LABELS, RowCheck
from haihai_tui.services.wizard_questions import BLANK_LABELS
from haihai_tui.sync.ports import SObject

Row = dict[str, str]
"""`salesforce`, `haihai`, `blank`, `type`."""

_HEADS = (
    text("Salesforce 項目"),
    text("型"),
    text("長さ"),
    text("配配メールの項目"),
    text("空欄"),
    text("判定"),
)

_COLOURS = {Status.OK: "success", Status.WARN: "warning"}


class MappingTable(DataTable[Cell]):
    """Rows to edit (Enter), to add and to delete; verdicts after a live check."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,d", "remove", show=False),
        Binding("insert,a", "add", show=False),
    ]

    class Edit(Message):
        """Somebody wants to edit the row `at`; None: a new one."""

        def __init__(self, at: int | None) -> None:
            super().__init__()
            self.at = at

    class Changed(Message):
        """Rows were changed."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(cursor_type="row", cell_padding=1, zebra_stripes=False)
        self._mapping: list[Row] = [
            {name: str(value) for name, value in row.items()} for row in rows
        ]
        self._checks: Mapping[str, RowCheck] = {}

    @property
    def mapping(self) -> list[Row]:
        return [dict(row) for row in self._mapping]

    def on_mount(self) -> None:
        self.relabel()

    def relabel(self) -> None:
        at = self.cursor_row
        self.clear(columns=True)
        for head in _HEADS:
            self.add_column(Cell(words(self, head)))
        for row in self._mapping:
            self.add_row(*self._cells(row))
        if self._mapping:
            self.move_cursor(row=min(at, len(self._mapping) - 1), animate=False)

    def _cells(self, row: Row) -> list[Cell]:
        check = self._checks.get(row["salesforce"].lower())
        kind, length, verdict, style = "-", "-", "-", ""
        if check is not None:
            kind = words(self, check.type_label)
            length = str(check.length) if check.length else "-"
            # What exactly is wrong stands in the list below the table.
            verdict = words(self, status_label(check.status))
            colour = _COLOURS.get(check.status, "error")
            style = self.app.theme_variables.get(colour, "")
        blank = words(self, BLANK_LABELS.get(row["blank"], Text(row["blank"])))
        shown = (row["salesforce"], kind, length, row["haihai"], blank)
        return [*map(Cell, shown), Cell(verdict, style)]

    def judge(self, checks: Sequence[RowCheck]) -> None:
        self._checks = {one.salesforce.lower(): one for one in checks}
        self.relabel()

    def put(self, at: int | None, row: Row) -> None:
        """Replace a row, or add one at the end."""
        if at is None:
            self._mapping.append(row)
            at = len(self._mapping) - 1
        else:
            self._mapping[at] = row
        self.relabel()
        self.move_cursor(row=at, animate=False)
        self.post_message(self.Changed())

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.post_message(self.Edit(event.cursor_row))

    def action_add(self) -> None:
        self.post_message(self.Edit(None))

    def action_remove(self) -> None:
        if not self._mapping:
            return
        del self._mapping[self.cursor_row]
        self.relabel()
        self.post_message(self.Changed())


class MappingRowScreen(ConsoleScreen):
    """One row of the table; `described` is None where the org was not asked yet."""

    TITLE: ClassVar[Text] = text("項目の対応")
    NAME: ClassVar[str] = "settings_row"

    def __init__(
        self,
        row: Row,
        taken: Sequence[str],
        described: SObject | None,
        then: Callable[[Row], None],
    ) -> None:
        super().__init__()
        self._row = row
        self._taken = taken
        self._described = described
        self._then = then

    def body(self) -> ComposeResult:
        with Vertical():
            yield Heading(text("項目の対応"), classes="first")
            hint = text("例: LastName、Account.Name")
            yield Field(
                text("Salesforce 項目"),
                Entry(self._row["salesforce"], id="salesforce", hint=hint),
                id="salesforce-field",
            )
            hint = text("配配メールのデータベース項目の名前（例: 姓）")
            yield Field(
                text("配配メールの項目"),
                Entry(self._row["haihai"], id="haihai", hint=hint),
                id="haihai-field",
            )
            yield Field(
                text("空欄のとき"),
                RadioSet(
                    *(
                        Option(label, value == self._row["blank"])
                        for value, label in BLANK_LABELS.items()
                    ),
                    id="blank",
                ),
            )
            yield Words(
                text(
                    "「残す」は Salesforce が空欄でも配配メールの値を残し、"
                    "「空にする」は空で上書きします。"
                ),
                classes="wide quiet",
            )

    def fill(self) -> None:
        self._tell()

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if action == "settings_row.pick" and self._described is None:
            return text("項目の一覧は、連携トークンの更新の後に使えます。")
        return None

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_accept()

    def _tell(self) -> None:
        """Type and length of the field while its name is typed."""
        field = self.query_one("#salesforce-field", Field)
        name = self.query_one("#salesforce", Entry).value.strip()
        if self._described is None or not name or "." in name:
            field.tell()
            return
        found = self._described.fields.get(name.lower())
        if found is None:
            field.tell(text("この名前の項目は見つかりません"), "warning")
            return
        kind = TYPE_LABELS.get(found.type, Text(found.type))
        told = text("{label}（{type}）", label=found.label, type=kind)
        if found.length:
            told = text(
                "{label}（{type}、{length} 文字）",
                label=found.label,
                type=kind,
                length=found.length,
            )
        field.tell(told, "ok")

    def action_pick(self) -> None:
        assert self._described is not None
        choices = field_choices(self._described, self._taken)
        self.app.push_screen(
            PickScreen(text("Salesforce の項目"), choices, self._picked)
        )

    def _picked(self, name: str) -> None:
        self.query_one("#salesforce", Entry).value = name
        self.query_one("#haihai").focus()

    def action_accept(self) -> None:
        salesforce = self.query_one("#salesforce", Entry).value.strip()
        haihai = self.query_one("#haihai", Entry).value.strip()
        for value, name in ((salesforce, "#salesforce"), (haihai, "#haihai")):
            if not value:
                self.say(text("入力してください。"), "warning")
                self.query_one(name).focus()
                return
        at = max(0, self.query_one("#blank", RadioSet).pressed_index)
        blank = tuple(BLANK_LABELS)[at]
        self.app.pop_screen()
        row = {"salesforce": salesforce, "haihai": haihai, "blank": blank}
        self._then({**row, "type": self._type_of(salesforce)})

    def _type_of(self, name: str) -> str:
        """The type that the field has now: whoever accepts the row means it so."""
        if self._described is None:
            return self._row.get("type", "") if name == self._row["salesforce"] else ""
        found = self._described.fields.get(name.lower())
        return found.type if found is not None else ""


def field_choices(described: SObject, taken: Sequence[str] = ()) -> list[Choice]:
    """The fields of an object to choose from, those already used left out."""
    # Deferred: the judgement of types is not needed to draw the table.
    from haihai_tui.services.mapping_check import unmapped

    return [
        Choice(
            field.name,
            field.label,
            text(
                "{type} {length}",
                type=TYPE_LABELS.get(field.type, Text(field.type)),
                length=field.length or "",
            ),
        )
        for field in unmapped(described, taken)
    ]
