"""The people of the console: sign-in, passwords, roles.

Every deed here is one transaction with its line in the audit log.  A wrong password
costs a growing delay and then a lock; both are kept in the database, so that
starting the console again does not reset them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.errors import SettingsError, text
from haihai_tui.services import strangers
from haihai_tui.services.passwords import (
    REMEMBERED,
    Hasher,
    default_hasher,
    matches,
    new_initial_password,
    require_acceptable,
)
from haihai_tui.services.roles import Action, Operator, Role, require
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.schema import operators, used_passwords
from haihai_tui.services.store.times import Clock, moment_of, stamp, utc_now

FREE_FAILURES = 2
LOCKED_AFTER = 10
LOCK_TIME = timedelta(minutes=15)
_LONGEST_DELAY = timedelta(seconds=64)
_NAME = re.compile(r"[^\s\x00-\x1f\x7f/\\:]{1,64}\Z")


class SignInRefused(SettingsError):
    """Wrong name or password, or too many of them; `wait_s` seconds to wait."""

    wait_s = 0.0


def require_now(database: Database, operator: Operator, action: Action) -> None:
    """SettingsError unless the operator may do it by their role as it is now.

    It may have been taken away since they signed in.  Somebody who is not on record
    is judged by what they bring.
    """
    require(Operators(database).get(operator.name) or operator, action)


def folded(name: str) -> str:
    """The name as it is kept: full-width letters and digits are the plain ones."""
    return unicodedata.normalize("NFKC", name)


class Operators:
    """All operators of one state database."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock = utc_now,
        hasher: Hasher | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher or default_hasher()
        self._decoy = ""

    def warm_up(self) -> None:
        """Load and do once what a sign-in needs, so that the first is quick."""
        matches(self._hasher, self._decoy_hash(), "")
        self.listed()

    def add(self, name: str, actor: str, role: Role | None = None) -> str:
        """A new operator; returns the initial password, which is kept nowhere.

        Without `role` the first one becomes administrator, later ones operators.
        """
        name = folded(name)
        _require_name(name)
        password = new_initial_password()
        with self._database.write() as connection:
            if self._row(connection, name):
                raise SettingsError(
                    text("利用者「{name}」はすでに登録されています。", name=name),
                    text("別の名前にするか、初期パスワードを再発行してください。"),
                )
            if role is None:
                is_first = not connection.scalar(
                    sa.select(sa.func.count(operators.c.name))
                )
                role = Role.ADMINISTRATOR if is_first else Role.OPERATOR
            hashed = self._hasher.hash(password)
            self._insert(connection, name, role, hashed, True)
            self._log(connection, actor, "operator_added", name, after=role.value)
        return password

    def add_first(self, name: str, password: str, actor: str) -> Operator:
        """The first administrator, with a password of their own choice.

        SettingsError where the name or the password will not do, or where somebody
        was quicker: it is one transaction, so that there is only ever one first.
        """
        name = folded(name)
        _require_name(name)
        require_acceptable(password, name=name, used=(), hasher=self._hasher)
        hashed = self._hasher.hash(password)
        with self._database.write() as connection:
            if connection.scalar(sa.select(sa.func.count(operators.c.name))):
                raise SettingsError(
                    text("管理者はすでに登録されています。"),
                    text("ログイン画面からログインしてください。"),
                )
            self._insert(connection, name, Role.ADMINISTRATOR, hashed, False)
            self._log(
                connection,
                actor,
                "operator_added",
                name,
                after=Role.ADMINISTRATOR.value,
            )
            return self._operator(connection, name)

    def authenticate(self, name: str, password: str) -> Operator:
        """The operator behind name and password; SignInRefused otherwise.

        An unknown name takes as long as a wrong password and is told the same.
        """
        name = folded(name)
        with self._database.read() as connection:
            row = self._row(connection, name)
            blocked_until = (
                row["blocked_until"]
                if row
                else strangers.failures_of(connection, name)[1]
            )
        self._require_no_delay(row, blocked_until)
        kept = row["password"] if row else self._decoy_hash()
        right = matches(self._hasher, kept, password)
        if row is None or not right or row["disabled"]:
            raise _wrong(self._count_failure(name))
        values: dict[str, object] = {
            "failures": 0,
            "blocked_until": None,
            "signed_in_at": self._now(),
        }
        if self._hasher.check_needs_rehash(kept):
            values["password"] = self._hasher.hash(password)
        with self._database.write() as connection:
            self._update(connection, name, values)
            self._log(connection, name, "signed_in", name)
            return self._operator(connection, name)

    def change_password(self, name: str, current: str, new: str) -> Operator:
        """Replace one's own password; SettingsError tells what is wrong with it."""
        name = self.authenticate(name, current).name
        with self._database.read() as connection:
            used = self._used(connection, name)
        require_acceptable(new, name=name, used=used, hasher=self._hasher)
        with self._database.write() as connection:
            self._keep_password(connection, name, new, must_change=False)
            self._log(connection, name, "password_changed", name)
            return self._operator(connection, name)

    def reset(self, name: str, actor: str) -> str:
        """A new initial password, to be changed at the next sign-in; unlocks too."""
        password = new_initial_password()
        with self._database.write() as connection:
            self._require(connection, name)
            self._keep_password(connection, name, password, must_change=True)
            self._log(connection, actor, "password_reset", name)
        return password

    def set_role(self, name: str, role: Role, actor: str) -> None:
        with self._database.write() as connection:
            before = self._require(connection, name)
            if role is not Role.ADMINISTRATOR:
                self._require_another_administrator(connection, name)
            self._update(
                connection, name, {"role": role.value, "changed_at": self._now()}
            )
            self._log(
                connection, actor, "role_changed", name, before["role"], role.value
            )

    def set_disabled(self, name: str, disabled: bool, actor: str) -> None:
        with self._database.write() as connection:
            before = self._require(connection, name)
            if disabled:
                self._require_another_administrator(connection, name)
            self._update(
                connection, name, {"disabled": disabled, "changed_at": self._now()}
            )
            action = "operator_disabled" if disabled else "operator_enabled"
            self._log(
                connection, actor, action, name, bool(before["disabled"]), disabled
            )

    def get(self, name: str) -> Operator | None:
        with self._database.read() as connection:
            row = self._row(connection, folded(name))
        return _operator(row) if row else None

    def listed(self) -> list[Operator]:
        query = sa.select(operators).order_by(operators.c.name)
        with self._database.read() as connection:
            return [_operator(row) for row in connection.execute(query).mappings()]

    # ------------------------------------------------------------- failures

    def _require_no_delay(
        self, row: Mapping[str, Any] | None, blocked_until: str | None
    ) -> None:
        if blocked_until is None:
            return
        left = moment_of(blocked_until) - self._clock()
        if left > LOCK_TIME:
            # The clock was set back meanwhile: no delay is ever longer than this.
            left = LOCK_TIME
            until = stamp(self._clock() + left)
            if row is not None:
                with self._database.write() as connection:
                    self._update(connection, row["name"], {"blocked_until": until})
        if left <= timedelta(0):
            return
        refused = SignInRefused(
            text(
                "ログインの失敗が続いたため、あと {seconds} 秒は受け付けません。",
                seconds=max(1, round(left.total_seconds())),
            ),
            text("時間をおくか、管理者に初期パスワードの再発行を依頼してください。"),
        )
        refused.wait_s = left.total_seconds()
        raise refused

    def _count_failure(self, name: str) -> float:
        """Keep one more failure; how many seconds nothing is accepted now."""
        with self._database.write() as connection:
            row = self._row(connection, name)
            failures = 1 + (
                row["failures"] if row else strangers.failures_of(connection, name)[0]
            )
            wait = _delay(failures)
            until = stamp(self._clock() + wait) if wait else None
            if row:
                values = {"failures": failures, "blocked_until": until}
                self._update(connection, name, values)
            else:
                strangers.count_failure(connection, name, failures, until, self._now())
            subject = name if row else "?"
            self._log(connection, name, "sign_in_failed", subject, after=failures)
        return wait.total_seconds()

    def _now(self) -> str:
        return stamp(self._clock())

    def _decoy_hash(self) -> str:
        self._decoy = self._decoy or self._hasher.hash(new_initial_password())
        return self._decoy

    # ------------------------------------------------------------------ rows

    def _row(self, connection: Connection, name: str) -> Mapping[str, Any] | None:
        query = sa.select(operators).where(operators.c.name == name)
        row = connection.execute(query).mappings().one_or_none()
        return dict(row) if row else None

    def _require(self, connection: Connection, name: str) -> Mapping[str, Any]:
        row = self._row(connection, name)
        if row is None:
            raise SettingsError(
                text("利用者「{name}」はいません。", name=name),
                text("利用者の一覧で名前を確認してください。"),
            )
        return row

    def _operator(self, connection: Connection, name: str) -> Operator:
        return _operator(self._require(connection, name))

    def _insert(
        self,
        connection: Connection,
        name: str,
        role: Role,
        hashed: str,
        must_change: bool,
    ) -> None:
        now = self._now()
        connection.execute(
            operators.insert().values(
                name=name,
                role=role.value,
                password=hashed,
                must_change=must_change,
                disabled=False,
                created_at=now,
                changed_at=now,
            )
        )

    def _update(
        self, connection: Connection, name: str, values: Mapping[str, object]
    ) -> None:
        connection.execute(
            operators.update().where(operators.c.name == name).values(**values)
        )

    def _keep_password(
        self, connection: Connection, name: str, password: str, *, must_change: bool
    ) -> None:
        """Put the present password among the used ones and set the new one."""
        present = self._require(connection, name)["password"]
        connection.execute(used_passwords.insert().values(name=name, password=present))
        kept = (
            sa.select(used_passwords.c.id)
            .where(used_passwords.c.name == name)
            .order_by(used_passwords.c.id.desc())
            .limit(REMEMBERED)
        )
        connection.execute(
            used_passwords.delete().where(
                used_passwords.c.name == name, used_passwords.c.id.not_in(kept)
            )
        )
        self._update(
            connection,
            name,
            {
                "password": self._hasher.hash(password),
                "must_change": must_change,
                "failures": 0,
                "blocked_until": None,
                "changed_at": self._now(),
            },
        )

    def _used(self, connection: Connection, name: str) -> list[str]:
        """The present password and those before it, `REMEMBERED` in all."""
        query = (
            sa.select(used_passwords.c.password)
            .where(used_passwords.c.name == name)
            .order_by(used_passwords.c.id.desc())
            .limit(REMEMBERED - 1)
        )
        present = self._require(connection, name)["password"]
        return [present, *connection.execute(query).scalars()]

    def _require_another_administrator(self, connection: Connection, name: str) -> None:
        others = sa.select(sa.func.count(operators.c.name)).where(
            operators.c.role == Role.ADMINISTRATOR.value,
            operators.c.disabled.is_(False),
            operators.c.name != name,
        )
        if not connection.scalar(others):
            raise SettingsError(
                text("「{name}」は最後の管理者です。", name=name),
                text("先にほかの利用者を管理者にしてください。"),
            )

    def _log(
        self,
        connection: Connection,
        actor: str,
        action: str,
        subject: str,
        before: object = None,
        after: object = None,
    ) -> None:
        audit.append(
            connection,
            actor=actor,
            action=action,
            subject=subject,
            before=before,
            after=after,
            clock=self._clock,
        )


def _delay(failures: int) -> timedelta:
    """Two free tries, then 1, 2, 4 … 64 seconds, then a quarter of an hour."""
    if failures <= FREE_FAILURES:
        return timedelta(0)
    if failures >= LOCKED_AFTER:
        return LOCK_TIME
    delay = timedelta(seconds=2.0 ** (failures - FREE_FAILURES - 1))
    return min(delay, _LONGEST_DELAY)


def _require_name(name: str) -> None:
    if not _NAME.match(name):
        raise SettingsError(
            text("「{name}」は利用者名に使えません。", name=name),
            text("空白、/、\\、: を含まない 64 文字以内の名前にしてください。"),
        )


def _wrong(wait_s: float) -> SignInRefused:
    refused = SignInRefused(
        text("利用者名またはパスワードが違います。"),
        text("入力を確かめてください。続けて間違えると一時的に受け付けなくなります。"),
    )
    refused.wait_s = wait_s
    return refused


def _operator(row: Any) -> Operator:
    return Operator(
        name=row["name"],
        role=Role(row["role"]),
        must_change=bool(row["must_change"]),
        disabled=bool(row["disabled"]),
        signed_in_at=row["signed_in_at"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )
