"""The one place that builds the services and hands them to the sync.

Both front ends come through here, so what headless does and what the console does
is the same by construction.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    SafetyStop,
    SettingsError,
    text,
)
from haihai_tui.locales import Catalogue, choose_language
from haihai_tui.services.aftercare import Aftercare
from haihai_tui.services.alerts.watch import AlertWatch
from haihai_tui.services.haihai.client import SERVICE as HAIHAI
from haihai_tui.services.haihai.client import HaihaiClient
from haihai_tui.services.haihai.connection import account_of
from haihai_tui.services.haihai.fromfile import (
    member_rows_from_file,
    members_from_file,
    views_from_file,
)
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.http import (
    Channel,
    RetryPolicy,
    RetryRecord,
    Timeouts,
    new_client,
)
from haihai_tui.services.paths import Home
from haihai_tui.services.plan_moves import LAST, moves_since
from haihai_tui.services.plans import SAMPLE, PlanWriter, plans_folder
from haihai_tui.services.retention import Retention
from haihai_tui.services.runs import Conductor, RunContext, RunRequest, Stopper, Work
from haihai_tui.services.salesforce.budget import Budget
from haihai_tui.services.salesforce.client import SalesforceClient
from haihai_tui.services.salesforce.errors import SERVICE as SALESFORCE
from haihai_tui.services.salesforce.oauth import App, OAuth
from haihai_tui.services.salesforce.session import Session
from haihai_tui.services.salesforce.urls import normalise_url
from haihai_tui.services.schedule import Schedule
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import load_profile, require_complete
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.sockets import Patience
from haihai_tui.services.store.budgets import Budgets
from haihai_tui.services.store.database import Database, open_database
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.store.leases import Leases
from haihai_tui.services.store.state import ProfileState
from haihai_tui.services.store.times import utc_now
from haihai_tui.services.tokens import StoredTokens
from haihai_tui.services.usage import Usage, UsageTeller
from haihai_tui.sync import config as sync_config
from haihai_tui.sync.engine import FLOWS, Engine, FromFile
from haihai_tui.sync.events import Event, Listener
from haihai_tui.sync.mapping import JST
from haihai_tui.sync.outcome import RunOutcome
from haihai_tui.sync.services import Options, PlanEntry, Services

_OF_A_RUN = re.compile(r"\.\d{8}T\d{6}-[0-9a-f]+(\.left)?$")
"""How a table of the data plane ends: with the run that made it."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """One profile of one home, opened: settings, secrets, state database."""

    home: Home
    settings: Settings
    secrets: SecretStore
    database: Database
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def profile(self) -> str:
        return self.settings.profile

    @property
    def alerts(self) -> AlertWatch:
        language = choose_language(None, self.environ, self.settings.ui.lang)
        return AlertWatch(
            self.settings,
            self.secrets,
            self.database,
            self.home.data_folder(self.profile),
            Catalogue(language).render,
        )

    def conductor(self, stopper: Stopper) -> Conductor:
        lease = None
        if not self.database.is_sqlite:
            lease = Leases(self.database, self.profile)
        store = self.settings.store
        keep = Retention(store.keep_runs, store.keep_events, store.keep_closed_days)
        after = Aftercare(self.home, self.alerts)
        schedule = Schedule(self.settings.schedule, self.profile)
        return Conductor(
            self.home,
            self.database,
            keep,
            lease,
            stopper,
            after,
            schedule=schedule,
        )


@contextmanager
def open_workplace(
    home: Home, profile: str, environ: Mapping[str, str] = MappingProxyType(os.environ)
) -> Iterator[Workplace]:
    """Load and check the profile, open its secrets and the state database."""
    settings = load_profile(home, profile)
    secrets = SecretStore(home, profile, KeySource(home, environ))
    database = open_database(home, settings.store.url)
    try:
        yield Workplace(home, settings, secrets, database, environ)
    finally:
        database.close()


def app_of(workplace: Workplace) -> App:
    """The app registered in Salesforce, as the profile knows it."""
    settings = workplace.settings.salesforce
    key = workplace.secrets.get("salesforce.consumer_key")
    if key is None:
        raise SettingsError(
            text("コンシューマ鍵が登録されていません。"),
            text("連携設定の Step3 か --import-settings で登録してください。"),
            cause="invalid_client_id",
        )
    secret = workplace.secrets.get("salesforce.consumer_secret")
    return App(
        login_url=normalise_url(settings.url).url,
        client_id=key.reveal(),
        callback_url=settings.callback_url,
        client_secret=secret.reveal() if secret else "",
    )


def oauth_of(
    workplace: Workplace, stack: ExitStack, policy: RetryPolicy | None = None
) -> OAuth:
    """OAuth over a channel of its own: nothing may interrupt a refresh."""
    settings = workplace.settings.salesforce
    http = new_client(ca_file=settings.ca_bundle, keep_alive=False)
    stack.callback(http.close)
    channel = Channel(http, SALESFORCE, policy=policy)
    return OAuth(channel, app_of(workplace), expected_org_id=settings.org_id)


def salesforce_of(
    workplace: Workplace,
    stack: ExitStack,
    stopper: Stopper,
    on_retry: Callable[[RetryRecord], None],
    on_usage: Callable[[Usage], None] = lambda usage: None,
    policy: RetryPolicy | None = None,
) -> SalesforceClient:
    """The authorised client; AuthorisationNeeded where no token is kept."""
    settings = workplace.settings.salesforce
    tokens = StoredTokens(workplace.secrets)
    if tokens.read() is None:
        raise AuthorisationNeeded(
            text("Salesforce との連携トークンがありません。"),
            text("連携トークンの更新 (haihai-tui --authorize) を行ってください。"),
            cause="token_not_stored",
        )
    patience = Patience(stopper.cancelled)
    http = new_client(ca_file=settings.ca_bundle, patience=patience)
    stack.callback(http.close)
    facts = Facts(workplace.database, workplace.profile)
    share = workplace.settings.budget.salesforce_share
    keep = _usage_keeper(facts, stack)

    def observe(used: int, limit: int) -> None:
        keep(used, limit)
        allowed = round(share * limit)
        on_usage(Usage("salesforce", "", used, limit, budget.spent, allowed))

    budget = Budget(share, observe)
    session = Session(
        Channel(http, SALESFORCE, policy=policy, patience=patience, on_retry=on_retry),
        oauth_of(workplace, stack),
        tokens,
        api_version=settings.api_version,
        expected_org_id=settings.org_id,
        budget=budget,
    )
    return SalesforceClient(
        session,
        bulk_threshold=settings.bulk_threshold,
        journal=workplace.home.data_folder(workplace.profile) / "jobs",
    )


def _usage_keeper(facts: Facts, stack: ExitStack) -> Callable[[int, int], None]:
    """Remembers the org's API usage as last told, once, when all is done."""
    last: dict[str, str] = {}

    def keep(used: int, limit: int) -> None:
        last.update(
            {"salesforce.api_used": str(used), "salesforce.api_max": str(limit)}
        )

    stack.callback(lambda: facts.set(last))
    return keep


def haihai_of(
    workplace: Workplace,
    stack: ExitStack,
    stopper: Stopper,
    on_retry: Callable[[RetryRecord], None],
    on_usage: Callable[[Usage], None] = lambda usage: None,
    policy: RetryPolicy | None = None,
) -> HaihaiClient:
    settings = workplace.settings.haihai
    token = workplace.secrets.get("haihai.api_token")
    if token is None:
        raise AuthorisationNeeded(
            text("配配メールの API トークンが登録されていません。"),
            text("連携設定の Step2 か --import-settings で登録してください。"),
            cause="haihai_token_invalid",
        )
    wire = Wire.from_table(settings.wire)
    account = account_of(
        wire,
        contract_id=settings.contract_id,
        base_url=settings.base_url,
        login_id=settings.login_id,
        token=token,
        group_id=settings.group_id,
        plan_id=settings.plan_id,
    )
    patience = Patience(stopper.cancelled)
    client = new_client(
        timeouts=Timeouts(read=settings.timeout_s),
        ca_file=settings.ca_bundle,
        patience=patience,
    )
    stack.callback(client.close)
    return HaihaiClient(
        Channel(client, HAIHAI, policy=policy, patience=patience, on_retry=on_retry),
        account,
        wire,
        on_call=_haihai_budget(workplace, on_usage),
    )


def _haihai_budget(
    workplace: Workplace, on_usage: Callable[[Usage], None]
) -> Callable[[str], None]:
    """Counts calls by the service's day (Japan) and API, across runs."""
    budgets = Budgets(workplace.database, workplace.profile)
    limit = workplace.settings.budget.haihai_calls

    def spend(api: str) -> None:
        day = utc_now().astimezone(JST).strftime("%Y-%m-%d")
        if budgets.used("haihai", day, api) >= limit:
            raise BudgetUsedUp(
                text(
                    "配配メール API ({api}) の本日の予算 {limit} 回を使い切りました。",
                    api=api,
                    limit=limit,
                ),
                text("日付が変わった後の実行で続きから再開します。"),
                cause="haihai_limit",
            )
        used = budgets.add("haihai", api, day)
        on_usage(Usage("haihai", api, used, limit, used, limit))

    return spend


def sync_config_of(settings: Settings) -> sync_config.SyncConfig:
    """The profile in the sync's own terms."""
    customers, suppressions = settings.customers, settings.suppressions
    views, guard = settings.page_views, settings.guard
    return sync_config.SyncConfig(
        customers=sync_config.CustomersConfig(
            sobject=customers.object,
            audience=customers.audience,
            address_field=customers.address_field,
            fields=tuple(
                sync_config.FieldMapping(
                    one.salesforce, one.haihai, one.blank, one.type
                )
                for one in customers.fields
            ),
            group=settings.haihai.group_id or settings.haihai.plan_id,
            on_delete=customers.on_delete,
            create=customers.create,
            overlap_minutes=customers.overlap_minutes,
            result_wait_s=settings.haihai.result_wait_s,
            audience_report=customers.audience_report,
        ),
        suppressions=sync_config.SuppressionsConfig(
            sobjects=suppressions.objects,
            state_field=suppressions.state_field,
            changed_at_field=suppressions.changed_at_field,
            status_field=suppressions.status_field,
            rollup=_rollup(suppressions.rollup),
            groups=suppressions.groups,
        ),
        page_views=sync_config.PageViewsConfig(
            sobjects=views.objects,
            url_field=views.url_field,
            viewed_at_field=views.viewed_at_field,
            count_field=views.count_field,
            log_field=views.log_field,
            record_url_field=views.record_url_field,
            record_url_template=views.record_url_template,
            too_long=views.too_long,
            overlap_days=views.overlap_days,
            bot_urls=views.bot_urls,
            bot_seconds=views.bot_seconds,
            bot_agents=views.bot_agents,
        ),
        guard=sync_config.GuardConfig(
            max_excluded=guard.max_excluded,
            max_excluded_share=guard.max_excluded_share,
            max_stopped_share=guard.max_stopped_share,
            max_blanked_share=guard.max_blanked_share,
            zero_rows=guard.zero_rows,
            min_records=guard.min_records,
        ),
    )


def _rollup(setting: str | tuple[str, ...]) -> Literal["any", "all"] | tuple[str, ...]:
    if not isinstance(setting, str):
        return setting
    return "all" if setting == "all" else "any"


def sync_work(
    workplace: Workplace,
    flows: tuple[str, ...],
    options: Options,
    on_plan: Callable[[PlanEntry], None] | None = None,
) -> Work:
    """The work of a sync run, ready for a conductor."""

    def work(context: RunContext) -> RunOutcome:
        run_id = context.run_id
        require_complete(workplace.home, workplace.settings, flows)
        folder = workplace.home.data_folder(workplace.profile)
        scratch = folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            _drop_unused_tables(workplace, folder)
            stack.callback(_drop_unused_tables, workplace, folder)
            on_retry = _retry_teller(context)
            on_usage = UsageTeller(context.tell, context.stopper.seconds)
            stack.callback(on_usage.close)
            plan = stack.enter_context(
                PlanWriter(
                    plans_folder(workplace.home, workplace.profile),
                    run_id,
                    workplace.settings.store.keep_plans,
                )
            )
            salesforce = salesforce_of(
                workplace, stack, context.stopper, on_retry, on_usage
            )
            facts = Facts(workplace.database, workplace.profile)
            moves = None
            if not (options.plan or options.reconcile):
                moves = moves_since(workplace.home, workplace.profile, facts, flows)
            if not options.plan:
                salesforce.abandon_left_jobs()
            services = Services(
                run_id=run_id,
                config=sync_config_of(workplace.settings),
                salesforce=salesforce,
                haihai=haihai_of(workplace, stack, context.stopper, on_retry, on_usage),
                state=ProfileState(workplace.database, workplace.profile),
                listener=_noting_plans(context.tell, plan),
                pacer=context.stopper,
                tables=folder,
                scratch=scratch,
                options=options,
                on_plan=_each(
                    plan.put, _each(moves.put, on_plan) if moves else on_plan
                ),
                plan_sample=SAMPLE,
            )
            outcome = Engine(services, flows, _from_file(workplace, options)).run()
            _tell_lost_plan(context, plan)
            if moves is not None and _was_planned(outcome):
                context.tell(moves.event())
            _remember_plan(facts, run_id, options, outcome)
            return outcome

    return work


def _was_planned(outcome: RunOutcome) -> bool:
    """Whether every flow came as far as its plan."""
    return outcome.error is None or isinstance(outcome.error, SafetyStop)


def _remember_plan(
    facts: Facts, run_id: str, options: Options, outcome: RunOutcome
) -> None:
    """A plan waits for the run that follows it; a halted run has not done so yet."""
    if options.reconcile or not _was_planned(outcome):
        return
    if options.plan:
        facts.set({LAST: run_id})
    elif outcome.error is None and facts.get(LAST):
        facts.set({LAST: ""})


def _each(
    first: Callable[[PlanEntry], None], second: Callable[[PlanEntry], None] | None
) -> Callable[[PlanEntry], None]:
    if second is None:
        return first

    def both(entry: PlanEntry) -> None:
        first(entry)
        second(entry)

    return both


def _noting_plans(listener: Listener, plan: PlanWriter) -> Listener:
    def listen(event: Event) -> None:
        if event.kind == "flow_planned":
            plan.planned(event.flow, event.data)
        listener(event)

    return listen


def _tell_lost_plan(context: RunContext, plan: PlanWriter) -> None:
    plan.close()
    if plan.failure is not None:
        wording = text(
            "計画を保存できませんでした: {reason}",
            reason=plan.failure.strerror or type(plan.failure).__name__,
        )
        context.tell(Event("plan_lost", "", wording, "warning"))


def _drop_unused_tables(workplace: Workplace, folder: Path) -> None:
    """What a plan, a halted run or a killed one made and did not make current."""
    state = ProfileState(workplace.database, workplace.profile)
    used = set(state.snapshots().values())
    used.update(one.rows_file for flow in FLOWS for one in state.pending(flow))
    for path in folder.iterdir():
        if _OF_A_RUN.search(path.name) and path.name not in used:
            path.unlink(missing_ok=True)


def _from_file(workplace: Workplace, options: Options) -> FromFile:
    path = options.from_file
    if path is None:
        return FromFile()
    wire = Wire.from_table(workplace.settings.haihai.wire)
    return FromFile(
        members=lambda: members_from_file(path, wire),
        member_rows=lambda items: member_rows_from_file(path, wire, items),
        views=lambda: views_from_file(path, wire),
    )


def _retry_teller(context: RunContext) -> Callable[[RetryRecord], None]:
    def tell(record: RetryRecord) -> None:
        wording = text(
            "{service} への要求を {wait} 秒後に再試行します "
            "({attempt} 回目、{cause})。",
            service=record.service,
            wait=round(record.wait_s, 1),
            attempt=record.attempt,
            cause=record.cause,
        )
        context.tell(Event("retry", "", wording, "warning"))

    return tell


__all__ = [
    "RunRequest",
    "Workplace",
    "app_of",
    "oauth_of",
    "open_workplace",
    "sync_config_of",
    "sync_work",
]
