"""The HaiHai Mail account: who may call, what is left, group and items.

One retrieval (the list of groups) answers for address, token and limit alike; it
costs one call of the day and is counted like any other.  Nothing is ever imported
for a check, so about the items only what can be known without that is said.
"""

from __future__ import annotations

import socket
import unicodedata
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

from haihai_tui.errors import AuthorisationNeeded, ConnectorError, text
from haihai_tui.services.checks.bench import Bench
from haihai_tui.services.checks.model import (
    Area,
    Check,
    Finding,
    fail,
    failed_by,
    ok,
    skipped,
    warn,
)
from haihai_tui.services.checks.network import haihai_url
from haihai_tui.services.haihai.client import SERVICE, HaihaiClient
from haihai_tui.services.haihai.connection import account_of
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.store import audit
from haihai_tui.services.store.budgets import Budgets
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.wording import WRITELESS_MODES
from haihai_tui.sync.ports import Group

LOW_SHARE = 0.1
_RUNS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What the list of groups answered; None where the service has no such list."""

    groups: tuple[Group, ...] | None = None
    error: ConnectorError | None = None

    @property
    def cause(self) -> str:
        return self.error.cause if self.error is not None else ""


def checks() -> tuple[Check, ...]:
    return (
        Check(
            "haihai_account",
            text("契約 ID とログイン ID"),
            text("契約 ID、ログイン ID、API トークンが登録されているかを調べます。"),
            Area.HAIHAI,
            _account,
            needs=("secrets",),
            see="1.1.1",
        ),
        Check(
            "haihai_address",
            text("接続元 IP アドレス"),
            text("配信グループの一覧を尋ね、接続元が許可されているかを調べます。"),
            Area.HAIHAI,
            _address,
            needs=("haihai_tls",),
            see="1.1.1",
        ),
        Check(
            "haihai_token",
            text("配配メール API トークン"),
            text("配信グループの一覧を尋ね、トークンが受け入れられるかを調べます。"),
            Area.HAIHAI,
            _token,
            needs=("haihai_address",),
            see="1.1.1",
        ),
        Check(
            "haihai_calls",
            text("配配メール API の残り回数"),
            text("本日の呼び出し回数を、設定の予算と契約の上限に照らします。"),
            Area.HAIHAI,
            _calls,
            needs=("haihai_token", "database"),
            see="2.2",
        ),
        Check(
            "haihai_group",
            text("配信グループ"),
            text("設定の配信グループが、配配メールの一覧にあるかを調べます。"),
            Area.HAIHAI,
            _group,
            needs=("haihai_calls",),
            see="2.1.3",
        ),
        Check(
            "haihai_items",
            text("データベース項目"),
            text("対応付けた項目名の形と、これまでの取り込みの結果を調べます。"),
            Area.HAIHAI,
            _items,
            needs=("profile", "database"),
            see="2.1.3",
        ),
    )


def _wire(bench: Bench) -> Wire:
    return Wire.from_table(bench.settings.haihai.wire)


def _asked(bench: Bench) -> Asked:
    def ask() -> Asked:
        settings = bench.settings.haihai
        token = bench.secrets.get("haihai.api_token")
        assert token is not None
        account = account_of(
            _wire(bench),
            contract_id=settings.contract_id,
            base_url=settings.base_url,
            login_id=settings.login_id,
            token=token,
            group_id=settings.group_id,
            plan_id=settings.plan_id,
        )
        client = HaihaiClient(
            bench.haihai_channel(SERVICE),
            account,
            _wire(bench),
            on_call=lambda api: _count(bench, api),
        )
        try:
            return Asked(client.groups())
        except ConnectorError as error:
            return Asked(error=error)

    return bench.once("groups", ask)


def _day(bench: Bench) -> str:
    return bench.outside.now().astimezone(_wire(bench).zone).strftime("%Y-%m-%d")


def _count(bench: Bench, api: str) -> None:
    """Counted with the runs' calls; a check itself is never refused by a budget."""
    try:
        Budgets(bench.database, bench.profile).add("haihai", api, _day(bench))
    except ConnectorError:
        # A database that cannot be written is told by its own check.
        return


# ------------------------------------------------------------------- access


def _account(bench: Bench) -> Finding:
    settings = bench.settings.haihai
    missing = [
        label
        for label, value in (
            (text("契約 ID"), settings.contract_id),
            (text("ログイン ID"), settings.login_id),
            (text("API トークン"), bench.secrets.get("haihai.api_token")),
        )
        if not value
    ]
    if missing:
        what = text("{missing} が登録されていません。", missing=missing)
        return fail(what, code="haihai_token_invalid", remedy=(_STEP2,))
    return ok(
        text("契約 ID、ログイン ID、API トークンが登録されています。"),
        text("契約 ID: {id}", id=settings.contract_id),
        text("接続先: {url}", url=haihai_url(bench)),
    )


_STEP2 = text("連携設定の Step2 で登録してください。")


def _address(bench: Bench) -> Finding:
    asked, ours = _asked(bench), _outgoing(bench)
    facts = (
        text("このマシンの接続元アドレス: {address}", address=ours or "-"),
        text("NAT やプロキシの外から見えるアドレスは、これと異なることがあります。"),
    )
    if asked.error is not None and asked.cause == "haihai_ip_denied":
        return failed_by(asked.error, *facts)
    if asked.error is not None and not isinstance(asked.error, AuthorisationNeeded):
        what = text("接続元アドレスを理由とする拒否はありませんでした。")
        return ok(what, *facts)
    return ok(text("この接続元アドレスは拒否されませんでした。"), *facts)


def _outgoing(bench: Bench) -> str:
    """The address from which packets to the service leave; "" if unknown.

    Connecting a datagram socket chooses a route and sends nothing.
    """
    parts = urlsplit(haihai_url(bench))
    try:
        found = bench.outside.resolve(parts.hostname or "", parts.port or 443)[0]
        with socket.socket(found[0], socket.SOCK_DGRAM) as probe:
            probe.connect(found[4])
            return str(probe.getsockname()[0])
    except (OSError, IndexError):
        return ""


def _token(bench: Bench) -> Finding:
    asked = _asked(bench)
    if asked.error is None:
        return ok(text("API トークンとログイン ID が受け入れられました。"))
    if asked.cause == "haihai_limit":
        return ok(
            text("API トークンは受け入れられました（回数の上限に達しています）。")
        )
    return failed_by(asked.error)


# ------------------------------------------------------------------- limits


def _calls(bench: Bench) -> Finding:
    asked = _asked(bench)
    budget, most = bench.settings.budget.haihai_calls, _wire(bench).calls_per_day
    budgets = Budgets(bench.database, bench.profile)
    used = {api: budgets.used("haihai", _day(bench), api) for api in _APIS}
    facts = tuple(
        text(
            "{api}: 本日 {n} 回（予算 {budget}、契約の上限 {most}）",
            api=_APIS[api],
            n=count,
            budget=budget,
            most=most,
        )
        for api, count in used.items()
    )
    if asked.error is not None:
        return failed_by(asked.error, *facts)
    left = min(budget, most) - max(used.values())
    if left <= 0:
        return fail(
            text("本日の呼び出しの予算を使い切りました。"), *facts, code="haihai_limit"
        )
    if left <= LOW_SHARE * min(budget, most):
        what = text("本日の残りは {n} 回です。", n=left)
        return warn(what, *facts, code="haihai_limit")
    return ok(text("本日はあと {n} 回呼び出せます。", n=left), *facts)


_APIS = {"import": text("CSV 取り込み"), "retrieval": text("取得")}


# ------------------------------------------------------------ group and items


def _group(bench: Bench) -> Finding:
    settings, groups = bench.settings.haihai, _asked(bench).groups
    if not settings.group_id:
        if settings.plan_id:
            what = text("ステップメールプランの番号は API では確認できません。")
            return skipped(what)
        what = text("配信グループが設定されていません。")
        return fail(what, code="haihai_group_unknown", remedy=(_STEP2,))
    if groups is None:
        return skipped(text("この契約では、配信グループの一覧を取得できません。"))
    facts = tuple(text("{id}: {name}", id=one.gid, name=one.name) for one in groups)
    for group in groups:
        if group.gid == settings.group_id:
            return ok(
                text("配信グループ「{name}」があります。", name=group.name), *facts
            )
    return fail(
        text("番号 {id} の配信グループは一覧にありません。", id=settings.group_id),
        *facts,
        code="haihai_group_unknown",
    )


def _items(bench: Bench) -> Finding:
    names = [mapping.haihai for mapping in bench.settings.customers.fields]
    problem = _unfit_name(bench, names)
    if problem is not None:
        return problem
    fact = text("項目: {names}", names=names)
    since = _mapped_since(bench)
    for run in Runs(bench.database, bench.profile).recent(limit=_RUNS_LOOKED_AT):
        if run.started_at < since or run.mode in WRITELESS_MODES:
            continue
        if run.summary.get("cause") == "haihai_item_unknown":
            what = text(
                "実行 {run_id} で、配配メールが項目名を拒否しました。",
                run_id=run.run_id,
            )
            return fail(what, fact, code="haihai_item_unknown")
        flow = run.summary.get("flows", {}).get("customers", {})
        if flow.get("written"):
            what = text("実行 {run_id} で受け入れられた項目です。", run_id=run.run_id)
            return ok(what, fact)
    return ok(
        text(
            "項目名の形は正しいものです。配配メールは項目の一覧を提供しないため、"
            "有無は最初の実行で分かります。"
        ),
        fact,
    )


def _mapped_since(bench: Bench) -> str:
    """When the mapping was last changed, "" if never on record."""
    for entry in audit.entries(bench.database, profile=bench.profile, limit=500):
        if entry.subject.startswith(("customers.fields", "haihai.contract_id")):
            return entry.at
    return ""


def _unfit_name(bench: Bench, names: list[str]) -> Finding | None:
    """Names that no account can have, or that only look different."""
    encoding = _wire(bench).encoding
    for name in names:
        try:
            name.encode(encoding)
        except UnicodeEncodeError:
            what = text(
                "項目名「{name}」は文字コード {encoding} で送れません。",
                name=name,
                encoding=encoding,
            )
            return fail(what, code="haihai_item_unknown")
        if name != name.strip():
            what = text("項目名「{name}」の前後に空白があります。", name=name)
            return fail(what, code="haihai_item_unknown")
    folded = Counter(unicodedata.normalize("NFKC", name) for name in names)
    doubles = [name for name, count in folded.items() if count > 1]
    if doubles:
        what = text("全角と半角だけが違う項目名があります: {names}", names=doubles)
        return warn(what, code="haihai_item_unknown")
    return None
