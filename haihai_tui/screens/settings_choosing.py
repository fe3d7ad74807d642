"""Answers of 連携設定 that are chosen rather than typed: lists and mapping rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from haihai_tui.errors import Text, text
from haihai_tui.screens import settings_messages as told
from haihai_tui.screens import settings_work as work
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.settings_fields import StepFields
from haihai_tui.screens.settings_mapping import MappingRowScreen, MappingTable
from haihai_tui.screens.settings_pick import PickScreen
from haihai_tui.services.wizard_questions import Step

if TYPE_CHECKING:
    from haihai_tui.services.runs import Stopper
    from haihai_tui.services.wizard import Judged, Wizard
    from haihai_tui.sync.ports import SObject


class Described(Message):
    """The fields of the object that `customers` reads."""

    def __init__(self, sobject: SObject) -> None:
        super().__init__()
        self.sobject = sobject


def new_stopper() -> Stopper:
    # Deferred: runs are none of the first frame's business.
    from haihai_tui.services.runs import Stopper

    return Stopper()


class WithLists(ConsoleScreen):
    """What the wizard's screen needs of a wizard, its fields and its step."""

    TITLE: ClassVar[Text] = text("")
    _wizard: Wizard | None = None
    _step = Step.BASICS
    _described: SObject | None = None

    @property
    def wizard(self) -> Wizard:
        assert self._wizard is not None
        return self._wizard

    @property
    def fields(self) -> StepFields:
        return self.query_one(StepFields)

    # ------------------------------------------------------- choosing from lists

    def action_pick(self) -> None:
        key = self.fields.asked_now()
        sobject = self.fields.object_of(key)
        judged, wizard, stopper = self.draft(), self.wizard, new_stopper()
        self.say(text("一覧を読み込んでいます。"))
        self.background(
            lambda: work.read_choices(
                self.ctx,
                work.doors_of(self.ctx, wizard, judged, stopper),
                key,
                sobject,
            ),
            "choices",
        )

    def draft(self) -> Judged:
        """The answers so far; what is wrong among them is left out."""
        judged = self.wizard.judge(self._step, self.fields.answers())
        if not judged.errors:
            return judged
        # Deferred: loaded with the wizard.
        from haihai_tui.services.wizard import Judged

        right = {
            key: value
            for key, value in judged.values.items()
            if key not in judged.errors
        }
        return Judged(right, judged.secrets)

    def on_choices_read(self, message: told.ChoicesRead) -> None:
        self.say("")
        if not message.choices:
            self.say(text("選べるものがありません。"), "warning")
            return
        then = partial(self._picked, message.key)
        self.app.push_screen(PickScreen(message.title, message.choices, then))

    def _picked(self, key: str, value: str) -> None:
        if key != "customers.audience":
            self.fields.put(key, value)
            return
        judged, wizard, stopper = self.draft(), self.wizard, new_stopper()
        sobject = self.fields.object_of(key)
        self.background(
            lambda: work.read_condition(
                work.doors_of(self.ctx, wizard, judged, stopper), sobject, value
            ),
            "condition",
        )

    def on_condition_read(self, message: told.ConditionRead) -> None:
        self.fields.put("customers.audience", message.condition)
        self.say(message.told, "ok")

    # ------------------------------------------------------------- mapping rows

    def describe(self) -> None:
        """Ask for the object's fields, so that rows can be chosen and told of."""
        wizard, judged = self.wizard, self.draft()
        if not wizard.has_secret("salesforce.refresh_token"):
            return
        sobject, stopper = self.fields.object_of("customers.audience"), new_stopper()

        def ask() -> Described:
            doors = work.doors_of(self.ctx, wizard, judged, stopper)
            return Described(work.describe(doors, sobject))

        self.background(ask, "describe")

    def on_described(self, message: Described) -> None:
        self._described = message.sobject

    def on_mapping_table_edit(self, message: MappingTable.Edit) -> None:
        message.stop()
        table = self.query_one(MappingTable)
        rows = table.mapping
        row = {"salesforce": "", "haihai": "", "blank": "keep"}
        if message.at is not None:
            row = rows[message.at]
        taken = [one["salesforce"] for one in rows if one is not row]
        then = partial(table.put, message.at)
        self.app.push_screen(MappingRowScreen(row, taken, self._described, then))
