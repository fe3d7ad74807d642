"""What 連携設定 does on threads: everything that asks a service or the database.

Plain functions over the context and the wizard; the screen only starts them and
shows what they post.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from haihai_tui.errors import SettingsError, text
from haihai_tui.screens import settings_messages as told
from haihai_tui.screens.settings_pick import Choice
from haihai_tui.services.checks.model import Status
from haihai_tui.services.wizard_questions import Step

if TYPE_CHECKING:
    from haihai_tui.doors import Doors
    from haihai_tui.services.audience import Source
    from haihai_tui.services.console import ConsoleContext
    from haihai_tui.services.findings import Found
    from haihai_tui.services.live_checks import LiveChecks
    from haihai_tui.services.runs import Stopper
    from haihai_tui.services.target_check import Target
    from haihai_tui.services.wizard import Judged, Wizard
    from haihai_tui.sync.ports import SObject

Tell = Callable[[Message], object]
_TOKEN = "salesforce.refresh_token"
_LATER = text("連携トークンの更新の後に確認できます")


def open_wizard(ctx: ConsoleContext) -> Message:
    """The wizard of the profile in use."""
    # Deferred: the database driver, 200 ms that no frame waits for.
    from haihai_tui.services.wizard import Wizard

    assert ctx.operator is not None
    return told.WizardOpened(
        Wizard(ctx.home, ctx.profile, ctx.secrets(), ctx.database, ctx.operator)
    )


def open_profile(ctx: ConsoleContext, name: str) -> Message:
    """Go on with another profile, which is made where there is none."""
    # Deferred: as above.
    from haihai_tui.services.administration import switch_profile
    from haihai_tui.services.secret_keys import KeySource
    from haihai_tui.services.secrets import SecretStore
    from haihai_tui.services.settings import list_profiles
    from haihai_tui.services.wizard import new_profile

    assert ctx.operator is not None
    if name not in list_profiles(ctx.home):
        secrets = SecretStore(ctx.home, name, KeySource(ctx.home, ctx.environ))
        here = ctx.settings()
        url = here.store.url if here else ""
        new_profile(ctx.home, name, secrets, ctx.database, ctx.operator, url)
    stays = switch_profile(ctx, name, is_busy=ctx.work.is_active)
    return told.ProfileOpened(name, stays)


def doors_of(
    ctx: ConsoleContext, wizard: Wizard, judged: Judged, stopper: Stopper
) -> Doors:
    """Both services as they would be reached once the answers are saved."""
    # Deferred: HTTP clients and the sync, 300 ms.
    from haihai_tui.doors import Doors
    from haihai_tui.services.draft_secrets import DraftSecrets
    from haihai_tui.services.secret_keys import KeySource
    from haihai_tui.wiring import Workplace

    keys = KeySource(ctx.home, ctx.environ)
    secrets = DraftSecrets(ctx.home, ctx.profile, keys, judged.secrets)
    settings = wizard.drafted(judged.values)
    return Doors(Workplace(ctx.home, settings, secrets, ctx.database), stopper)


# ------------------------------------------------------------- check and save


def check_and_save(
    ctx: ConsoleContext,
    wizard: Wizard,
    step: Step,
    judged: Judged,
    stopper: Stopper,
    tell: Tell,
) -> Message:
    """Ask the services about the answers; save them where nothing is wrong."""
    # Deferred: as above.
    from haihai_tui.services.live_checks import LiveChecks

    doors = doors_of(ctx, wizard, judged, stopper)
    checks = LiveChecks(doors, doors.workplace.settings)
    failed = False
    for found in _checks_of(step, checks, wizard):
        stopper.check()
        tell(told.FoundOne(step, found))
        failed = failed or found.status is Status.FAIL
    changes = None if failed else wizard.save(step, judged)
    return told.StepChecked(step, checks.seen, changes)


def save_anyway(wizard: Wizard, step: Step, judged: Judged) -> Message:
    """Save answers that a service does not like (yet)."""
    # Deferred: as above.
    from haihai_tui.services.live_checks import Seen

    return told.StepChecked(step, Seen(), wizard.save(step, judged))


def _checks_of(step: Step, checks: LiveChecks, wizard: Wizard) -> Iterator[Found]:
    if step is Step.HAIHAI:
        yield from checks.haihai()
    elif step is Step.SALESFORCE:
        yield from checks.login()
        if wizard.has_secret(_TOKEN):
            yield from checks.token()
    elif step is Step.CUSTOMERS:
        wanted = "customers" in wizard.settings.flows.enabled
        yield from _behind_token(wizard, checks.customers, wanted)
    elif step is Step.WRITE_BACK:
        yield from _behind_token(wizard, checks.write_back, True)


def _behind_token(
    wizard: Wizard, asked: Callable[[], Iterator[Found]], wanted: bool
) -> Iterator[Found]:
    # Deferred: as above.
    from haihai_tui.services.findings import skipped

    title = text("Salesforce での確認")
    if not wanted:
        yield skipped("salesforce", title, text("この連携は Step1 で選ばれていません"))
    elif not wizard.has_secret(_TOKEN):
        yield skipped("salesforce", title, _LATER)
    else:
        yield from asked()


# -------------------------------------------------------------------- choices


def read_choices(ctx: ConsoleContext, doors: Doors, key: str, sobject: str) -> Message:
    """What the question `key` could be answered with; SettingsError: no list."""
    if key == "profile":
        # Deferred: as above.
        from haihai_tui.services.settings import list_profiles

        names = [Choice(name, "") for name in list_profiles(ctx.home)]
        return told.ChoicesRead(key, text("プロファイル"), names)
    if key == "haihai.group_id":
        return told.ChoicesRead(key, text("配信グループ"), _groups(doors))
    if key == "customers.audience":
        title = text("条件の取り込み元（{object}）", object=sobject)
        return told.ChoicesRead(key, title, _sources(doors, sobject))
    if key == "customers.audience_report":
        return told.ChoicesRead(key, text("レポート"), _reports(doors))
    if key.endswith((".object", ".objects")):
        return told.ChoicesRead(key, text("オブジェクト"), _objects(doors))
    if key.endswith("_field"):
        # Deferred: as above.
        from haihai_tui.screens.settings_mapping import field_choices

        title = text("{object} の項目", object=sobject)
        return told.ChoicesRead(key, title, field_choices(describe(doors, sobject)))
    raise SettingsError(text("この項目に一覧はありません。"))


def _groups(doors: Doors) -> list[Choice]:
    with doors.haihai() as client:
        groups = client.groups()
    if groups is None:
        raise SettingsError(
            text("この契約では配信グループの一覧を取得できません。"),
            text("配配メールの画面で番号を確かめて入力してください。"),
        )
    return [Choice(group.gid, group.name) for group in groups]


def _objects(doors: Doors) -> list[Choice]:
    # Deferred: as above.
    from haihai_tui.services.salesforce.listviews import AudienceReader

    with doors.salesforce() as client:
        found = AudienceReader(client.session).objects()
    return [Choice(one.id, one.label) for one in found]


def _sources(doors: Doors, sobject: str) -> list[Choice]:
    # Deferred: as above.
    from haihai_tui.services.audience import campaigns
    from haihai_tui.services.salesforce.listviews import AudienceReader

    with doors.salesforce() as client:
        reader = AudienceReader(client.session)
        found = [*reader.list_views(sobject), *campaigns(reader, sobject)]
    return [_source_choice(one) for one in found]


def _reports(doors: Doors) -> list[Choice]:
    # Deferred: as above.
    from haihai_tui.services.salesforce.reports import Reports

    with doors.salesforce() as client:
        found = Reports(client.session).offered()
    return [Choice(one.id, one.label) for one in found]


def _source_choice(one: Source) -> Choice:
    if one.kind == "campaign":
        note = text("キャンペーンのメンバー（増減に追随します）")
    else:
        note = text("リストビュー（いまの条件を写します）")
    return Choice(f"{one.kind}:{one.id}", one.label, note, shown="")


def describe(doors: Doors, sobject: str) -> SObject:
    with doors.salesforce() as client:
        return client.describe(sobject)


def read_condition(doors: Doors, sobject: str, chosen: str) -> Message:
    """The condition behind a list view or campaign (`KIND:ID`)."""
    # Deferred: as above.
    from haihai_tui.services.audience import campaign_condition, list_view_condition
    from haihai_tui.services.salesforce.listviews import AudienceReader

    kind, _, identifier = chosen.partition(":")
    if kind == "campaign":
        said = text("キャンペーンのメンバーを対象にしました。F5 で件数を確かめます。")
        return told.ConditionRead(campaign_condition(sobject, identifier), said)
    with doors.salesforce() as client:
        reader = AudienceReader(client.session)
        condition = list_view_condition(reader, sobject, identifier)
    said = text(
        "リストビューの条件を写しました。後でリストビューを変えても追随しません。"
    )
    return told.ConditionRead(condition, said)


# -------------------------------------------------------------------- deeds


def make_fields(ctx: ConsoleContext, doors: Doors, plan: Sequence[Target]) -> Message:
    """Create the fields of the plan."""
    # Deferred: as above.
    from haihai_tui.services import field_making

    assert ctx.operator is not None
    with doors.salesforce() as client:
        made = field_making.make_fields(
            client.session, ctx.database, ctx.profile, ctx.operator, plan
        )
    return told.FieldsMade([one.name for one in made])


def begin_plan(ctx: ConsoleContext) -> Message:
    """Begin a run that only plans, of all flows that are enabled."""
    # Deferred: as above.
    from haihai_tui.sync.services import Options

    assert ctx.operator is not None
    settings = ctx.settings()
    flows = settings.flows.enabled if settings else ()
    ctx.runs.start(flows, Options(plan=True), ctx.operator)
    return told.PlanAsked()
