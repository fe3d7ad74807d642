"""The tables of the state database, at the newest version.

Every row carries its profile.  Times are RFC 3339 in UTC as text with microseconds
and `Z`: they sort as they are, read the same in both databases, and no driver
turns them into local time.  Keys that are compared with Python's order use the C
collation on PostgreSQL; SQLite compares bytes anyway.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_ORDERED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# SQLite numbers rows by itself only where the key is called INTEGER.
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)


def _maybe(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=True)


def _whole(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger, nullable=False, server_default=sa.literal(default)
    )


def _ordered(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, _ORDERED, nullable=False, primary_key=primary_key)


def _serial(name: str) -> sa.Column[int]:
    return sa.Column(name, _SERIAL, primary_key=True, autoincrement=True)


schema_version = sa.Table(
    "schema_version",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    _text("applied_at"),
)

runs = sa.Table(
    "runs",
    metadata,
    _ordered("run_id", primary_key=True),
    _text("profile"),
    _text("mode"),
    _text("flows"),
    _text("status"),
    sa.Column("exit_code", sa.Integer, nullable=True),
    _text("started_at"),
    _maybe("finished_at"),
    _text("summary", "{}"),
    _text("host"),
    sa.Column("pid", sa.Integer, nullable=False),
    _text("actor"),
    _maybe("confirmed_at"),
    _maybe("confirmed_by"),
    sa.Index("runs_by_profile", "profile", "run_id"),
)

run_flows = sa.Table(
    "run_flows",
    metadata,
    _ordered("run_id", primary_key=True),
    sa.Column("flow", sa.Text, primary_key=True),
    _text("profile"),
    _text("status"),
    _text("finished_at"),
    *(
        _whole(name)
        for name in (
            "read",
            "unchanged",
            "created",
            "updated",
            "excluded",
            "rejected",
            "written",
            "salesforce_calls",
            "haihai_calls",
        )
    ),
    _maybe("cursor"),
    sa.Index("run_flows_by_profile", "profile", "flow", "run_id"),
)

events = sa.Table(
    "events",
    metadata,
    _serial("seq"),
    _ordered("run_id"),
    _text("at"),
    _text("kind"),
    _text("flow"),
    _text("level"),
    _text("message"),
    _text("data"),
    sa.Index("events_by_run", "run_id", "seq"),
    sqlite_autoincrement=True,
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("value"),
    _text("changed_at"),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("file_name"),
    _text("changed_at"),
)

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("value"),
    _text("changed_at"),
)

pending_imports = sa.Table(
    "pending_imports",
    metadata,
    _serial("id"),
    _text("profile"),
    _text("flow"),
    _text("job"),
    sa.Column("kind", sa.Integer, nullable=False),
    _text("file_name"),
    _whole("first_row"),
    _whole("rows"),
    _text("rows_file"),
    _text("accepted_at"),
    sa.UniqueConstraint(
        "profile", "flow", "job", "file_name", "first_row", name="one_pending_import"
    ),
)

rejects = sa.Table(
    "rejects",
    metadata,
    _serial("id"),
    _text("profile"),
    _text("flow"),
    _ordered("record"),
    _text("field"),
    _text("value"),
    _text("address"),
    _text("cause"),
    _text("remedy"),
    _text("status"),
    _whole("tries", 1),
    _text("first_run"),
    _text("last_run"),
    _text("first_at"),
    _text("last_at"),
    _maybe("closed_at"),
    _maybe("closed_by"),
    sa.UniqueConstraint("profile", "flow", "record", "field", name="one_reject"),
    sa.Index("rejects_by_status", "profile", "flow", "status", "record"),
)

reviews = sa.Table(
    "reviews",
    metadata,
    _serial("id"),
    _text("profile"),
    _text("flow"),
    _ordered("key"),
    _text("address"),
    _text("reason"),
    _text("candidates"),
    _text("status"),
    _maybe("decision"),
    _text("run_id"),
    _text("asked_at"),
    _maybe("closed_at"),
    _maybe("closed_by"),
    sa.UniqueConstraint("profile", "flow", "key", name="one_review"),
    sa.Index("reviews_by_status", "profile", "flow", "status", "key"),
)

budgets = sa.Table(
    "budgets",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("api", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    _whole("calls"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    _text("run_id"),
    _text("host"),
    sa.Column("pid", sa.Integer, nullable=False),
    _text("started_at"),
    _text("renewed_at"),
)

audit = sa.Table(
    "audit",
    metadata,
    _serial("seq"),
    _text("at"),
    _text("actor"),
    _text("profile"),
    _text("action"),
    _text("subject"),
    _text("before"),
    _text("after"),
    _text("previous"),
    _text("digest"),
    sqlite_autoincrement=True,
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("state"),
    _text("since"),
    _text("detail"),
)

alert_notices = sa.Table(
    "alert_notices",
    metadata,
    sa.Column("profile", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    _text("state"),
    _text("at"),
    _text("problem", ""),
)

operators = sa.Table(
    "operators",
    metadata,
    _ordered("name", primary_key=True),
    _text("role"),
    _text("password"),
    sa.Column("must_change", sa.Boolean, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    _whole("failures"),
    _maybe("blocked_until"),
    _maybe("signed_in_at"),
    _text("created_at"),
    _text("changed_at"),
)

used_passwords = sa.Table(
    "used_passwords",
    metadata,
    _serial("id"),
    _ordered("name"),
    _text("password"),
    sa.Index("used_passwords_by_name", "name", "id"),
)
