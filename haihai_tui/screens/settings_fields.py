"""The fields of the step in front: made from the questions, read as answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from haihai_tui.errors import Text, text
from haihai_tui.screens.settings_forms import answer_of, field_id, key_of, make_field
from haihai_tui.screens.settings_mapping import MappingTable
from haihai_tui.screens.settings_sample import Sample
from haihai_tui.screens.widgets.forms import Deed, Deeds, Entry, Field
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.wizard_questions import QUESTIONS, Question, Step

if TYPE_CHECKING:
    from haihai_tui.services.audience import Preview
    from haihai_tui.services.mapping_check import RowCheck
    from haihai_tui.services.wizard import Judged, Wizard

PROFILE = "profile"
DENSE = 6
"""From so many questions on there is no blank line between them."""

_WITH_LIST = frozenset(
    (
        PROFILE,
        "haihai.group_id",
        "customers.object",
        "customers.audience",
        "customers.audience_report",
        "customers.address_field",
        "suppressions.objects",
        "page_views.objects",
    )
)
_DEEDS: dict[Step, tuple[str, Text]] = {
    Step.SALESFORCE: ("authorise", text("連携トークンの更新")),
    Step.CUSTOMERS: ("add-row", text("対応を追加")),
    Step.WRITE_BACK: ("make-fields", text("足りない項目を作成")),
}

_SPOT = text("スポット配信は停止・禁止の顧客にも届き、外部から防ぐ手段はありません。")


class StepFields(Vertical):
    """One `Field` a question; `key` is a question's key, or `profile`."""

    def __init__(self) -> None:
        super().__init__(id="fields")
        self._questions: Sequence[Question] = ()
        self.is_ready = False

    async def show(self, step: Step, wizard: Wizard, profile: str) -> None:
        """Replace all fields by those of `step`; `is_ready` when all are there."""
        self.is_ready = False
        self._questions = QUESTIONS[step]
        self.set_class(len(self._questions) >= DENSE, "-dense")
        await self.remove_children()
        await self.mount_all(self._widgets(step, wizard, profile))
        self.is_ready = True

    def _widgets(self, step: Step, wizard: Wizard, profile: str) -> Iterator[Widget]:
        if step is Step.BASICS:
            hint = text("別の名前を入れて F5 で、切り替えるか新しく作ります")
            yield Field(
                text("プロファイル"), Entry(profile, hint=hint), id=field_id(PROFILE)
            )
        answers = wizard.answers(step)
        for asked in self._questions:
            secret = wizard.has_secret(asked.key)
            yield make_field(asked, answers[asked.key], secret)
        if deed := _DEEDS.get(step):
            yield Deeds([Deed(deed[1], id=deed[0])])
        if step is Step.CUSTOMERS:
            yield Words(_SPOT, classes="wide quiet")
            yield Sample()

    # ----------------------------------------------------------------- answers

    def answers(self) -> dict[str, Any]:
        return {
            asked.key: answer_of(self._field(asked.key)) for asked in self._questions
        }

    @property
    def profile_name(self) -> str:
        found = self.query(f"#{field_id(PROFILE)} Entry")
        return found.first(Entry).value.strip() if found else ""

    def put(self, key: str, value: str) -> None:
        """Take a chosen value; where several may stand, it is added."""
        entry = self._field(key).entry
        if not isinstance(entry, Entry):
            return
        if key.endswith(".objects"):
            words = [word.strip() for word in entry.value.split(",") if word.strip()]
            value = ",".join(dict.fromkeys([*words, value]))
        entry.value = value
        entry.focus()

    def object_of(self, key: str) -> str:
        """The object whose fields a question is about."""
        if key.startswith("customers."):
            entered = self._value("customers.object")
        else:
            entered = self._value(f"{key.partition('.')[0]}.objects").split(",")[0]
        return entered.strip() or "Contact"

    def _value(self, key: str) -> str:
        found = self.query(f"#{field_id(key)} Entry")
        return found.first(Entry).value if found else ""

    # ------------------------------------------------------------------- focus

    def focus_first(self) -> None:
        for widget in self.query("Input, Checkbox, RadioSet, DataTable"):
            if widget.can_focus:
                widget.focus(scroll_visible=False)
                return

    def focus_on(self, key: str) -> None:
        entry = self._field(key).entry
        target = entry if entry.can_focus else entry.query("Tick").first()
        target.focus()

    def asked_now(self) -> str:
        """The key of the focused question, where it has a list; else ""."""
        focused = self.screen.focused
        if focused is not None and focused.id != "profile":
            found = self.query(f"#{field_id(PROFILE)} Entry")
            if found and found.first() is focused:
                return PROFILE
        key = key_of(focused, self._questions)
        is_field = key.endswith("_field") and key.startswith(
            ("suppressions.", "page_views.")
        )
        return key if key in _WITH_LIST or is_field else ""

    # ------------------------------------------------------------------- words

    def comment(self, entry: Input) -> None:
        """A word about one answer while it is typed."""
        key = key_of(entry, self._questions)
        if not key:
            return
        # Deferred: loaded with the wizard, before there is any field.
        from haihai_tui.services.settings_rules import BadValue
        from haihai_tui.services.wizard import judge_answer

        asked = next(one for one in self._questions if one.key == key)
        field = self._field(key)
        try:
            _, note = judge_answer(asked, entry.value)
        except BadValue as error:
            # Half typed is not wrong yet: it is told quietly.
            shown = key in ("salesforce.url", "salesforce.callback_url")
            field.tell(error.expected if shown and entry.value else "", "info")
            return
        field.tell(note or "", "ok")

    def tell(self, judged: Judged) -> None:
        """Notes and errors at their own lines; notes are taken as answers."""
        for asked in self._questions:
            field = self._field(asked.key)
            if asked.key in judged.errors:
                field.tell(judged.errors[asked.key], "error")
            elif asked.key in judged.notes:
                field.tell(judged.notes[asked.key], "ok")
            else:
                field.tell()

    def judge_rows(self, rows: Sequence[RowCheck]) -> None:
        for table in self.query(MappingTable):
            table.judge(rows)

    def show_preview(self, preview: Preview | None) -> None:
        for sample in self.query(Sample):
            sample.show(preview)

    def focus_preview(self) -> None:
        self.query_one("#next-step").focus(scroll_visible=False)
        page = self.parent
        assert isinstance(page, Widget)
        self.call_after_refresh(page.scroll_end, animate=False)

    def _field(self, key: str) -> Field:
        return self.query_one(f"#{field_id(key)}", Field)
