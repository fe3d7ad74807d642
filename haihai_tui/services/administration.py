"""What an administrator does in the console: operators, profiles, the audit log.

The roles are enforced here and not on the screen; every deed leaves its line in
the audit log by the services below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from haihai_tui.errors import ConnectorError, SettingsError, Text, text
from haihai_tui.services.operators import Operators
from haihai_tui.services.paths import Home, checked_profile_name
from haihai_tui.services.profile_changes import ProfileChanges
from haihai_tui.services.roles import Action, Operator, Role, require
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import list_profiles, load_profile
from haihai_tui.services.settings_edit import Change, export_settings
from haihai_tui.services.settings_unattended import WEBHOOK_URL
from haihai_tui.services.store import audit
from haihai_tui.services.store.alerts import AlertBook, Condition, Failure
from haihai_tui.services.store.database import Database, open_database
from haihai_tui.services.store.times import Clock, utc_now

if TYPE_CHECKING:
    from haihai_tui.services.alerts.watch import Delivery


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """What is watched, who is told (channel and place, never a secret), and the
    channels that could not be used when last tried."""

    conditions: tuple[Condition, ...]
    channels: tuple[tuple[str, Text | str], ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One profile in a list; `problem` says why it cannot be read."""

    name: str
    salesforce_url: str = ""
    org_id: str = ""
    contract_id: str = ""
    flows: tuple[str, ...] = ()
    paused: bool = False
    problem: ConnectorError | None = None


class Administration:
    """Deeds of `operator` on one home; SettingsError where the role is too low."""

    def __init__(
        self,
        home: Home,
        database: Database,
        operator: Operator,
        environ: Mapping[str, str],
        *,
        operators: Operators | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._home = home
        self._database = database
        self._operator = operator
        self._environ = environ
        self._clock = clock
        self._operators = operators or Operators(database, clock=clock)

    # --------------------------------------------------------------- operators

    def operators(self) -> list[Operator]:
        """Everybody, by name; to be seen by all who are signed in."""
        self._require(Action.VIEW)
        return self._operators.listed()

    def add(self, name: str, role: Role) -> str:
        """A new operator; returns the initial password, which is kept nowhere."""
        self._require(Action.MANAGE_OPERATORS)
        return self._operators.add(name.strip(), self._operator.name, role)

    def reset(self, name: str) -> str:
        """A new initial password for somebody; unlocks them too."""
        self._require(Action.MANAGE_OPERATORS)
        return self._operators.reset(name, self._operator.name)

    def set_role(self, name: str, role: Role) -> None:
        self._require(Action.MANAGE_OPERATORS)
        self._operators.set_role(name, role, self._operator.name)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Shut somebody out, or let them in again; nobody shuts out themselves."""
        self._require(Action.MANAGE_OPERATORS)
        if disabled and name == self._operator.name:
            raise SettingsError(
                text("自分自身を無効にすることはできません。"),
                text("ほかの管理者に依頼してください。"),
            )
        self._operators.set_disabled(name, disabled, self._operator.name)

    def _require(self, action: Action) -> None:
        """By the role as it is now: it may have been taken away since signing in."""
        require(self._operators.get(self._operator.name) or self._operator, action)

    # --------------------------------------------------------------- audit log

    def audit_log(
        self, before_seq: int | None = None, limit: int = 200
    ) -> list[audit.AuditEntry]:
        """Lines of all profiles, the newest first."""
        self._require(Action.VIEW)
        return audit.entries(self._database, before_seq=before_seq, limit=limit)

    def first_broken_line(self) -> int | None:
        """The number of the first line that was tampered with, None where none."""
        self._require(Action.VIEW)
        return audit.first_broken(self._database)

    # ------------------------------------------------------------------ alerts

    def alerts(self, profile: str) -> AlertFacts:
        """What stands for `profile`, and where alerts of it go."""
        self._require(Action.VIEW)
        settings = load_profile(self._home, profile).alerts
        book = AlertBook(self._database, profile)
        channels: list[tuple[str, Text | str]] = []
        if settings.smtp_host and settings.mail_to:
            channels.append(("mail", ", ".join(settings.mail_to)))
        if WEBHOOK_URL in self._secrets(profile).names():
            channels.append(("webhook", text("登録済みの URL")))
        return AlertFacts(
            tuple(book.conditions()), tuple(channels), tuple(book.failures())
        )

    def test_alerts(
        self, profile: str, render: Callable[[Text], str]
    ) -> list[Delivery]:
        """Send a test by every channel; blocks while the servers answer."""
        self._require(Action.RUN)
        # Deferred: HTTP and mail clients, for whoever presses the button.
        from haihai_tui.services.alerts.watch import AlertWatch

        watch = AlertWatch(
            load_profile(self._home, profile),
            self._secrets(profile),
            self._database,
            self._home.data_folder(profile),
            render,
        )
        deliveries = watch.test()
        audit.note(
            self._database,
            actor=self._operator.name,
            action="alerts_tested",
            subject=profile,
            profile=profile,
            after={one.channel: one.problem is None for one in deliveries},
            clock=self._clock,
        )
        return deliveries

    def _secrets(self, profile: str) -> SecretStore:
        return SecretStore(self._home, profile, KeySource(self._home, self._environ))

    # ---------------------------------------------------------------- profiles

    def profiles(self) -> list[ProfileRow]:
        return [self._row(name) for name in list_profiles(self._home)]

    def _row(self, name: str) -> ProfileRow:
        try:
            settings = load_profile(self._home, name)
        except ConnectorError as error:
            return ProfileRow(name, problem=error)
        return ProfileRow(
            name,
            settings.salesforce.url,
            settings.salesforce.org_id,
            settings.haihai.contract_id,
            settings.flows.enabled,
            settings.schedule.paused,
        )

    def pause(self, name: str, paused: bool) -> tuple[Change, ...]:
        """Keep runs of a profile from beginning, or let them begin again."""
        self._require(Action.RUN)
        return self._changed(
            name,
            lambda changer: changer.set([f"schedule.paused={str(paused).lower()}"]),
        )

    def new_profile(self, name: str, beside: str) -> None:
        """Make an empty profile that keeps its state where the profile `beside` does.

        SettingsError for a name that cannot be one or that is taken.
        """
        self._require(Action.CHANGE_SETTINGS)
        if checked_profile_name(name) in list_profiles(self._home):
            raise SettingsError(
                text("プロファイル「{name}」はすでにあります。", name=name),
                text("別の名前を入力するか、一覧から選んで切り替えてください。"),
            )
        # Deferred: what only a new profile needs.
        from haihai_tui.services.wizard import new_profile

        secrets = SecretStore(self._home, name, KeySource(self._home, self._environ))
        url = _store_of(self._home, beside)
        new_profile(self._home, name, secrets, self._database, self._operator, url)

    def export_profile(self, name: str, path: Path) -> Path:
        """Write a profile without its secrets; returns the file's full path."""
        self._require(Action.RUN)
        full = path.expanduser().absolute()
        export_settings(load_profile(self._home, name), full)
        audit.note(
            self._database,
            actor=self._operator.name,
            action="exported",
            subject=str(full),
            profile=name,
            clock=self._clock,
        )
        return full

    def import_profile(self, name: str, path: Path) -> tuple[Change, ...]:
        """Make or replace the profile `name` from a file; returns what changed."""
        self._require(Action.CHANGE_SETTINGS)
        checked_profile_name(name)
        full = path.expanduser().absolute()
        if not full.is_file():
            raise SettingsError(
                text("ファイル {path} がありません。", path=str(full)),
                text("このマシンの上にあるファイルのパスを入力してください。"),
            )
        return self._changed(name, lambda changer: changer.import_file(full))

    def _changed(
        self, name: str, change: Callable[[ProfileChanges], tuple[Change, ...]]
    ) -> tuple[Change, ...]:
        database = self._database_of(name)
        try:
            return change(
                ProfileChanges(
                    self._home,
                    name,
                    self._secrets(name),
                    database,
                    self._operator.name,
                    self._clock,
                )
            )
        finally:
            if database is not self._database:
                database.close()

    def _database_of(self, name: str) -> Database:
        """Where the profile's audit lines go: its own store, where it has one."""
        if name not in list_profiles(self._home):
            return self._database
        try:
            url = load_profile(self._home, name).store.url
        except ConnectorError:
            # A broken profile is being mended: the console's own database will do.
            return self._database
        return open_database(self._home, url) if url else self._database


class Console(Protocol):
    """The part of the console's context that a change of profile touches."""

    home: Home
    profile: str

    def close(self) -> None: ...


def switch_profile(console: Console, name: str, *, is_busy: bool) -> bool:
    """Work on another profile; returns whether whoever is signed in stays so.

    Operators live in the state database: where the other profile has one of its
    own, they have to sign in there.  `is_busy`: a run of this console is under way,
    and then it is refused.
    """
    if is_busy:
        raise SettingsError(
            text("この画面から始めた連携を実行中です。"),
            text("終わってからプロファイルを切り替えてください。"),
        )
    before = _store_of(console.home, console.profile)
    after = load_profile(console.home, name).store.url
    console.profile = name
    if before != after:
        console.close()
    return before == after


def _store_of(home: Home, name: str) -> str:
    try:
        return load_profile(home, name).store.url
    except ConnectorError:
        return ""
