"""The front page as facts: what is connected, how each flow stands, what to do next.

Everything is derived from the status that `--status` prints and from the settings;
no service is called.  What to do next is a list in order of urgency, so that the
first of it is what the operator's first key press does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haihai_tui.errors import Text, text
from haihai_tui.services.causes import cause_text
from haihai_tui.services.settings import missing_keys
from haihai_tui.services.settings_schema import FLOWS, Settings
from haihai_tui.services.status import status
from haihai_tui.services.wording import WRITELESS_MODES

if TYPE_CHECKING:
    from haihai_tui.services.console import ConsoleContext

PICTURED = 14
_LOOKED_AT = 120
_MARKS = {
    "ok": "o",
    "partial": "!",
    "failed": "x",
    "halted": "H",
    "paused": "p",
    "stopped": "-",
    "running": ">",
}
LEGEND: tuple[tuple[str, Text], ...] = (
    ("o", text("正常")),
    ("!", text("一部エラー")),
    ("x", text("失敗")),
    ("H", text("安全停止")),
    ("p", text("一時停止")),
    ("-", text("中断")),
)


@dataclass(frozen=True, slots=True)
class Connection:
    """One service: `level` is ok, warning or error; `state` and `detail` in words."""

    service: Text
    level: str
    state: Text
    detail: Text | str = ""


@dataclass(frozen=True, slots=True)
class FlowState:
    """One flow.  `picture` has a mark for each of its last runs, the newest last;
    times are RFC 3339 UTC."""

    flow: str
    enabled: bool
    last_success: str | None
    read_until: str | None
    rejects: int
    reviews: int
    picture: str


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next: the screen it leads to, what it does, and why."""

    screen: str
    label: Text
    why: Text


@dataclass(frozen=True, slots=True)
class Overview:
    """All of the front page."""

    connections: tuple[Connection, ...]
    flows: tuple[FlowState, ...]
    running: Mapping[str, Any] | None
    steps: tuple[Step, ...]


def overview(context: ConsoleContext) -> Overview:
    """Read everything; blocks.  SettingsError where profile or database are bad."""
    settings = context.settings()
    found = status(
        context.home,
        context.profile,
        store_url=settings.store.url if settings else "",
        secret_names=context.secrets().names(),
        last_runs=_LOOKED_AT,
    )
    runs = [run for run in found["last_runs"] if run["mode"] not in WRITELESS_MODES]
    enabled = settings.flows.enabled if settings else ()
    return Overview(
        connections=(
            _salesforce(settings, found["connection"]["salesforce"]),
            _haihai(settings, found["connection"]["haihai"]),
        ),
        flows=tuple(_flow(flow, flow in enabled, found, runs) for flow in FLOWS),
        running=found["running"],
        steps=tuple(_steps(settings, found, runs)),
    )


# --------------------------------------------------------------- connections


def _salesforce(settings: Settings | None, told: Mapping[str, Any]) -> Connection:
    service = text("Salesforce")
    if settings is None or not settings.salesforce.url:
        return Connection(service, "warning", text("未設定"))
    if told["cause"]:
        return Connection(
            service, "error", text("再認可が必要"), cause_text(told["cause"]).title
        )
    if not told["authorised"]:
        return Connection(
            service, "warning", text("未認可"), text("連携トークンがありません")
        )
    who = told["username"] or told["org_id"] or settings.salesforce.url
    where = told["org_name"]
    return Connection(
        service, "ok", text("認可済み"), f"{where} / {who}" if where else str(who)
    )


def _haihai(settings: Settings | None, told: Mapping[str, Any]) -> Connection:
    service = text("配配メール")
    if settings is None or not settings.haihai.contract_id:
        return Connection(service, "warning", text("未設定"))
    if not told["token_stored"]:
        return Connection(
            service, "warning", text("未登録"), text("API トークンがありません")
        )
    return Connection(
        service,
        "ok",
        text("登録済み"),
        text(
            "契約 {contract} / {login}",
            contract=settings.haihai.contract_id,
            login=settings.haihai.login_id,
        ),
    )


# --------------------------------------------------------------------- flows


def _flow(
    flow: str,
    enabled: bool,
    found: Mapping[str, Any],
    runs: list[Mapping[str, Any]],
) -> FlowState:
    mine = [run for run in runs if flow in run["flows"]]
    done = [run for run in mine if _outcome(run, flow) in ("ok", "partial")]
    return FlowState(
        flow=flow,
        enabled=enabled,
        last_success=found["last_success"].get(flow),
        read_until=done[0]["started_at"] if done else None,
        rejects=found["rejects"].get(flow, 0),
        reviews=found["reviews"].get(flow, 0),
        picture="".join(
            _MARKS.get(_outcome(run, flow), "?") for run in reversed(mine[:PICTURED])
        ),
    )


def _outcome(run: Mapping[str, Any], flow: str) -> str:
    """The flow's own outcome: another flow's rejects do not spoil it."""
    numbers = run["flows"][flow]
    return str(run["status"] if numbers is None else numbers["status"])


# --------------------------------------------------------------- what is next


def _steps(
    settings: Settings | None, found: Mapping[str, Any], runs: list[Mapping[str, Any]]
) -> list[Step]:
    if found["running"]:
        watch = Step(
            "run",
            text("実行中の連携を見る"),
            text("実行 {run_id}", run_id=found["running"]["run_id"]),
        )
        return [watch, *_left_over(found)]
    if unfinished := _set_up(settings, found):
        return unfinished
    steps = _on_hold(settings)
    steps += _after_the_last_run(runs)
    steps += _left_over(found)
    if runs:
        steps.append(
            Step("run", text("連携を実行する"), text("差分だけを読み書きします"))
        )
    else:
        steps.append(
            Step(
                "run",
                text("最初の計画を見る"),
                text("書き込まずに、何が変わるかを確かめます"),
            )
        )
    return steps


def _set_up(settings: Settings | None, found: Mapping[str, Any]) -> list[Step]:
    """What a run cannot do without."""
    if settings is None:
        return [
            Step(
                "settings",
                text("連携設定を始める"),
                text("Salesforce と配配メールの接続先を登録します"),
            )
        ]
    missing = len(missing_keys(settings, settings.flows.enabled))
    missing += not found["connection"]["haihai"]["token_stored"]
    if missing:
        return [
            Step(
                "settings",
                text("連携設定を続ける"),
                text("あと {n} 項目が未設定です", n=missing),
            )
        ]
    if not found["connection"]["salesforce"]["authorised"]:
        return [
            Step(
                "authorise",
                text("連携トークンを更新する"),
                text("Salesforce の認可がまだか、無効になっています"),
            )
        ]
    return []


def _on_hold(settings: Settings | None) -> list[Step]:
    if settings is None or not settings.schedule.paused:
        return []
    return [
        Step(
            "admin",
            text("一時停止を解除する"),
            text("連携は一時停止中です。管理のプロファイルで再開します"),
        )
    ]


def _after_the_last_run(runs: list[Mapping[str, Any]]) -> list[Step]:
    if not runs:
        return []
    last = runs[0]
    if last["status"] == "halted" and last["confirmed_at"] is None:
        return [
            Step(
                "plan",
                text("安全停止を確認する"),
                text("実行 {run_id} は書き込まずに止まりました", run_id=last["run_id"]),
            )
        ]
    if last["status"] == "failed":
        return [
            Step(
                "troubleshoot",
                text("失敗の原因を調べる"),
                text("前回の実行 {run_id} が失敗しました", run_id=last["run_id"]),
            )
        ]
    return []


def _left_over(found: Mapping[str, Any]) -> list[Step]:
    steps = []
    if rejects := sum(found["rejects"].values()):
        steps.append(
            Step(
                "rejects",
                text("エラー {n} 件を直す", n=rejects),
                text("書き込めなかった顧客の原因と対処を見ます"),
            )
        )
    if reviews := sum(found["reviews"].values()):
        steps.append(
            Step(
                "reviews",
                text("確認待ち {n} 件を決める", n=reviews),
                text("同じ人かどうかを選びます"),
            )
        )
    return steps
