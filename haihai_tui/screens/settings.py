"""連携設定: the wizard's six steps, each asked, checked live and saved.

What the wizard knows is in `services.wizard`; here it is only shown.  A step can be
left at any time: what was typed waits, and what was saved is the profile itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.timer import Timer
from textual.widgets import Button, Checkbox, Input, RadioSet

from haihai_tui.errors import Text, text
from haihai_tui.messages import WorkFailed
from haihai_tui.screens import settings_messages as told
from haihai_tui.screens import settings_review as reviewing
from haihai_tui.screens import settings_work as work
from haihai_tui.screens.settings_choosing import WithLists, new_stopper
from haihai_tui.screens.settings_fields import StepFields
from haihai_tui.screens.settings_forms import FoundList, StepLine
from haihai_tui.screens.settings_mapping import MappingTable
from haihai_tui.screens.settings_review import Review
from haihai_tui.screens.widgets.panel import Panel
from haihai_tui.services.checks.model import Status, status_label
from haihai_tui.services.roles import Action
from haihai_tui.services.wizard_questions import TITLES, Step

if TYPE_CHECKING:
    from haihai_tui.services.live_checks import Seen
    from haihai_tui.services.runs import Stopper
    from haihai_tui.services.target_check import Target
    from haihai_tui.services.wizard import Judged

_KEEP_S = 0.8

_STATE_WORDS = {"done": text("済"), "open": text("未"), "draft": text("途中")}
_BUSY = text("確認しています。終わるまでお待ちください。")


class SettingsScreen(WithLists):
    """`step` is where to begin; else the wizard goes on where it was left."""

    TITLE = text("連携設定")
    NAME = "settings"

    def __init__(self, step: int | None = None) -> None:
        super().__init__()
        self._asked_step = Step(step) if step else None
        self._stopper: Stopper | None = None
        self._seen: Seen | None = None
        self._refused = False
        self._keeping: Timer | None = None
        self._typed: dict[str, Any] | None = None
        self._authorising = False

    def body(self) -> ComposeResult:
        yield StepLine()
        with VerticalScroll(id="page"):
            yield StepFields()
            yield FoundList()
        yield Panel()
        yield Review()

    def on_mount(self) -> None:
        self.query_one(Review).display = False
        self.query_one("#page").can_focus = False
        self.say(text("設定を読み込んでいます。"))
        self.background(lambda: work.open_wizard(self.ctx), "open")

    def on_unmount(self) -> None:
        self._give_up()
        self._keep_now()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        if self._authorising:
            self._authorising = False
            self.background(lambda: work.open_wizard(self.ctx), "open")

    # -------------------------------------------------------------- the wizard

    async def on_wizard_opened(self, message: told.WizardOpened) -> None:
        first = self._wizard is None
        self._wizard = message.wizard
        step = self._step
        if first:
            step = self._asked_step or message.wizard.resume_at()
        await self._show_step(step)
        lacks = self.lacks(Action.CHANGE_SETTINGS)
        if lacks is not None:
            self.say(text("表示だけできます。{why}", why=lacks), "warning")
        elif first:
            name = message.wizard.profile
            self.say(text("プロファイル「{name}」の設定です。", name=name))

    async def _show_step(self, step: Step) -> None:
        self._step, self._seen, self._refused = step, None, False
        is_review = step is Step.REVIEW
        self.query_one("#page").display = not is_review
        self.query_one(Review).display = is_review
        self.query_one(FoundList).clear()
        await self.fields.show(step, self.wizard, self.ctx.profile)
        self._show_states()
        self.query_one("#page").scroll_home(animate=False)
        if is_review:
            self.query_one(Review).list.options.focus()
            self.background(lambda: reviewing.list_checks(self.ctx), "list")
        else:
            self.fields.focus_first()
        if step is Step.CUSTOMERS:
            self.describe()
        self.refresh_keys()

    def _show_states(self) -> None:
        states: dict[Step, Text] = {
            each.step: _STATE_WORDS[each.state]
            for each in self.wizard.states()
            if each.step is not Step.REVIEW
        }
        self.query_one(StepLine).show(self._step, states)

    # ------------------------------------------------------------ what is typed

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if not self.fields.is_ready:
            return
        self.fields.comment(event.input)
        self._keep_soon()

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        event.stop()
        self._keep_soon()

    def on_radio_set_changed(self, event: RadioSet.Changed) -> None:
        event.stop()
        self._keep_soon()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    def on_mapping_table_changed(self, message: MappingTable.Changed) -> None:
        message.stop()
        self._keep_soon()

    def on_descendant_focus(self) -> None:
        # Which keys do something depends on the field.
        self.refresh_keys()

    def _keep_soon(self) -> None:
        """A moment after the last key: each keeping is a write."""
        self._forget_typed()
        if self._wizard is None or not self.fields.is_ready:
            return
        if self.lacks(Action.CHANGE_SETTINGS) is not None:
            return
        typed = self.fields.answers()
        if typed != self._wizard.answers(self._step):
            # Read now: when the screen is closed, the fields are gone first.
            self._typed = typed
            self._keeping = self.set_timer(_KEEP_S, self._keep_now)

    def _forget_typed(self) -> None:
        self._typed = None
        if self._keeping is not None:
            self._keeping.stop()
            self._keeping = None

    def _keep_now(self) -> None:
        typed = self._typed
        self._forget_typed()
        if typed is None:
            return
        wizard, step = self.wizard, self._step
        wizard.note(step, typed)

        def keep() -> told.DraftKept:
            wizard.keep(step)
            return told.DraftKept()

        self.background(keep, "keep")

    def on_draft_kept(self, message: told.DraftKept) -> None:
        self._show_states()

    # -------------------------------------------------------------------- keys

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if not action.startswith("settings."):
            return None
        if self._wizard is None:
            return text("設定を読み込んでいます。")
        if self._stopper is not None:
            return _BUSY
        if action == "settings.previous" and self._step is Step.BASICS:
            return text("最初の手順です。")
        if action == "settings.next" and self._step is Step.REVIEW:
            return text("最後の手順です。")
        if action == "settings.pick" and not self.fields.asked_now():
            return text("一覧のある項目にカーソルを置いてください。")
        if action == "settings.force" and not self._refused:
            return text("F5 の確認で問題が見つかったときだけ使えます。")
        if action in ("settings.save", "settings.force"):
            return self.lacks(Action.CHANGE_SETTINGS)
        return None

    async def action_previous(self) -> None:
        await self._go_to(Step(self._step - 1))

    async def action_next(self) -> None:
        await self._go_to(Step(self._step + 1))

    async def _go_to(self, step: Step) -> None:
        # A key that follows at once must find what was typed.
        self._keep_soon()
        self._keep_now()
        self.say("")
        await self._show_step(step)

    async def action_revert(self) -> None:
        wizard, step = self.wizard, self._step
        if self.lacks(Action.CHANGE_SETTINGS) is None:
            wizard.forget(step)
        self._forget_typed()
        await self._show_step(step)
        self.say(text("保存されている設定に戻しました。"))

    # ---------------------------------------------------------- check and save

    def action_save(self) -> None:
        if self._step is Step.REVIEW:
            self._review()
            return
        if self._wants_other_profile():
            return
        judged = self._judged()
        if judged is None:
            return
        self._refused = False
        self.query_one(FoundList).clear()
        if self._step is not Step.BASICS:
            self.say(text("入力した内容で接続して確かめています。"))
        stopper, step, wizard = self._begin(), self._step, self.wizard
        self.background(
            lambda: work.check_and_save(
                self.ctx, wizard, step, judged, stopper, self._tell
            ),
            "save",
        )

    def action_force(self) -> None:
        judged = self._judged()
        if judged is None:
            return
        self._begin()
        step, wizard = self._step, self.wizard
        self.background(lambda: work.save_anyway(wizard, step, judged), "save")

    def _judged(self) -> Judged | None:
        """The answers, if each by itself is right; else the first wrong is shown."""
        judged = self.wizard.judge(self._step, self.fields.answers())
        self.fields.tell(judged)
        if judged.errors:
            self.fields.focus_on(next(iter(judged.errors)))
            n = len(judged.errors)
            self.say(text("入力を直してください（{n} 件）。", n=n), "error")
            return None
        return judged

    def _begin(self) -> Stopper:
        self._forget_typed()
        self._stopper = new_stopper()
        self.refresh_keys()
        return self._stopper

    def _tell(self, message: Any) -> None:
        self.post_message(message)

    def on_found_one(self, message: told.FoundOne) -> None:
        if message.step is self._step:
            found = self.query_one(FoundList)
            found.add(message.found)
            found.scroll_visible(animate=False)

    async def on_step_checked(self, message: told.StepChecked) -> None:
        self._stopper = None
        self._seen = message.seen
        self._refused = message.changes is None
        self._show_states()
        self.fields.judge_rows(message.seen.rows)
        sample = None if message.changes is None else message.seen.preview
        self.fields.show_preview(sample)
        self.refresh_keys()
        if message.changes is None:
            self._keep_soon()
            found = self.query_one(FoundList)
            self.call_after_refresh(found.scroll_visible, animate=False)
            self.say(
                text("問題が見つかりました。直すか、F7 でこのまま保存します。"), "error"
            )
            return
        saved = self._saved_words(message)
        self.query_one(FoundList).clear()
        await self._after(message.step)
        self.say(saved, "ok")

    def _saved_words(self, message: told.StepChecked) -> Text:
        """What was saved, and what the checks said before their list is gone."""
        title = TITLES[message.step]
        saved = text("「{step}」を保存しました。", step=title)
        if not message.changes:
            saved = text("「{step}」に変更はありません。", step=title)
        found = self.query_one(FoundList).found
        notable = [one for one in found if one.status is not Status.OK]
        if not found:
            return saved
        if not notable:
            return text("{saved}接続して確かめ、すべて正常でした。", saved=saved)
        return text(
            "{saved}{status}: {title} {what}",
            saved=saved,
            status=status_label(notable[0].status),
            title=notable[0].title,
            what=notable[0].what,
        )

    async def _after(self, step: Step) -> None:
        """Where to go from a saved step: to the login where there is no token."""
        if step is Step.SALESFORCE and not self.wizard.has_secret(
            "salesforce.refresh_token"
        ):
            await self._show_step(step)
            self._authorise()
            return
        if step is Step.CUSTOMERS and self._seen and self._seen.preview:
            # The sample is what the step was checked for: it stays in sight.
            self.fields.focus_preview()
            return
        await self._show_step(Step(step + 1))

    def on_work_failed(self, message: WorkFailed) -> None:
        if message.group in ("save", "review", "make"):
            self._stopper = None
            self.refresh_keys()
            self._keep_soon()

    def _give_up(self) -> None:
        if self._stopper is not None:
            self._stopper.stop()

    # ---------------------------------------------------------------- profiles

    def _wants_other_profile(self) -> bool:
        name = self.fields.profile_name
        if self._step is not Step.BASICS or name in ("", self.ctx.profile):
            return False
        self.background(lambda: work.open_profile(self.ctx, name), "profile")
        return True

    def on_profile_opened(self, message: told.ProfileOpened) -> None:
        if not message.stays:
            self.console.action_logout()
            return
        self._forget_typed()
        self._wizard = None
        self._asked_step = Step.BASICS
        self.background(lambda: work.open_wizard(self.ctx), "open")

    # ------------------------------------------------------------------- deeds

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "add-row":
            self.query_one(MappingTable).action_add()
        elif event.button.id == "authorise":
            self._authorise()
        elif event.button.id == "make-fields":
            self.call_later(self._ask_make_fields)
        elif event.button.id == "next-step":
            self.call_later(self.action_next)
        elif event.button.id == "plan":
            self.background(lambda: work.begin_plan(self.ctx), "plan")

    def _authorise(self) -> None:
        if reason := self.lacks(Action.AUTHORISE):
            self.say(reason, "warning")
            return
        self._authorising = True
        self.console.open("authorise", start=True)

    async def _ask_make_fields(self) -> None:
        if reason := self.lacks(Action.CHANGE_SETTINGS):
            self.say(reason, "warning")
            return
        # Deferred: OAuth and the database, which the list of fields has loaded.
        from haihai_tui.services.field_making import plan_of, plan_words

        plan = plan_of(self._seen.targets if self._seen else [])
        if not plan:
            self.say(
                text("F5 の確認で、足りない項目が見つかったときに使えます。"), "warning"
            )
            return
        self.query_one("#page").display = False
        await self.query_one(Panel).ask(
            text("Salesforce に作成する項目（{n} 件）", n=len(plan)),
            lambda: self._make_fields(plan),
            yes=text("作成する"),
            words=plan_words(plan),
        )

    async def _make_fields(self, plan: Sequence[Target]) -> None:
        judged = self.draft()
        await self.query_one(Panel).action_close()
        self.say(text("項目を作成しています。"))
        stopper, wizard = self._begin(), self.wizard
        self.background(
            lambda: work.make_fields(
                self.ctx, work.doors_of(self.ctx, wizard, judged, stopper), plan
            ),
            "make",
        )

    def on_panel_closed(self, event: Panel.Closed) -> None:
        event.stop()
        self.query_one("#page").display = self._step is not Step.REVIEW
        self.fields.focus_first()

    def on_fields_made(self, message: told.FieldsMade) -> None:
        self._stopper = None
        self.say(text("作成しました: {names}", names=list(message.names)), "ok")
        self.action_save()

    def on_plan_asked(self, message: told.PlanAsked) -> None:
        self.console.open("run")

    # ------------------------------------------------------------------ review

    def _review(self) -> None:
        stopper = self._begin()
        self.say(text("確認しています。"))
        self.background(
            lambda: reviewing.run_checks(self.ctx, self._tell, stopper.cancelled),
            "review",
        )

    def on_review_listed(self, message: reviewing.ReviewListed) -> None:
        self.query_one(Review).show(message.checks)

    def on_review_answered(self, message: reviewing.ReviewAnswered) -> None:
        self.query_one(Review).take(message.check, message.result)

    def on_review_done(self, message: reviewing.ReviewDone) -> None:
        self._stopper = None
        self.refresh_keys()
        if self.query_one(Review).failed:
            self.say(
                text("問題があります。行を選ぶと、答えと対処が下に出ます。"), "error"
            )
            return
        self.say(text("連携を始められます。次は計画を作ります。"), "ok")
        self.query_one("#plan").focus()
