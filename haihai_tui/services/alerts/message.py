"""What an alert says: one message for all that changed, the worst of it first.

Flows that failed together are one paragraph.  Every text passes the same gate as
the support bundle: no secret, no token, no whole address leaves in a message.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from haihai_tui.errors import Text, text
from haihai_tui.services.alerts.conditions import OVERDUE
from haihai_tui.services.alerts.wording import STATES, flow_of, state_label
from haihai_tui.services.store.alerts import OK, Due
from haihai_tui.services.wording import flow_label, local_date_time

Render = Callable[[Text], str]
Gate = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Message:
    """One message, ready to be sent; `kind` is alert, recovery or test."""

    kind: str
    profile: str
    subject: str
    body: str
    facts: Sequence[Mapping[str, Any]]

    @property
    def whole(self) -> str:
        """Subject and body, for channels that know one text only."""
        return f"{self.subject}\n{self.body}"


def compose(profile: str, due: Sequence[Due], render: Render, gate: Gate) -> Message:
    """The message for one channel; `due` is not empty."""
    groups = list(_grouped(due))
    is_recovery = all(one.condition.state == OK for one in due)
    worst = groups[0]
    head = text(
        "【{state}】{flows}",
        state=text("回復") if is_recovery else _state_words(worst[0]),
        flows=[flow_label(flow) for flow in _flows(worst)],
    )
    lines: list[Text] = []
    for group in groups:
        lines += _paragraph(group)
    lines.append(_where_to_look(profile))
    return Message(
        "recovery" if is_recovery else "alert",
        profile,
        _one_line(gate(f"{render(head)} ({_place(profile)})")),
        gate("\n".join(render(line) for line in lines)),
        [_facts(one, render, gate) for one in due],
    )


def compose_test(profile: str, render: Render, gate: Gate) -> Message:
    """What a test sends: it says that it is one."""
    head = text("【テスト】通知の送信テスト")
    body = text(
        "これは通知のテストです。このメッセージが届けば、設定は正しく動きます。"
    )
    return Message(
        "test",
        profile,
        _one_line(gate(f"{render(head)} ({_place(profile)})")),
        gate(render(body)),
        (),
    )


def _place(profile: str) -> str:
    return f"{profile} / {socket.gethostname()}"


def _one_line(subject: str) -> str:
    return " ".join(subject.split())


def _grouped(due: Iterable[Due]) -> Iterator[list[Due]]:
    """Those with one state and one run together; the most urgent first."""
    order = {state: at for at, state in enumerate(STATES)}
    found: dict[tuple[Any, ...], list[Due]] = {}
    for one in due:
        key = (
            order.get(one.condition.state, 0),
            one.condition.name.startswith(OVERDUE),
            one.condition.detail.get("run_id"),
        )
        found.setdefault(key, []).append(one)
    for key in sorted(found, key=lambda key: (key[0], key[1], str(key[2]))):
        yield found[key]


def _flows(group: Iterable[Due]) -> list[str]:
    return [flow_of(one.condition.name) for one in group]


def _state_words(one: Due) -> Text:
    return state_label(one.condition.state)


def _paragraph(group: Sequence[Due]) -> Iterator[Text]:
    first = group[0]
    condition, flows = first.condition, [flow_label(flow) for flow in _flows(group)]
    if condition.state == OK:
        yield text(
            "回復: {flows}（{before} → {now}、{at}）",
            flows=flows,
            before=state_label(first.told),
            now=state_label(OK),
            at=local_date_time(condition.since),
        )
        return
    yield text(
        "{state}: {flows}（{at} から）",
        state=state_label(condition.state),
        flows=flows,
        at=local_date_time(condition.since),
    )
    yield from _why(condition.state, condition.detail)


def _why(state: str, detail: Mapping[str, Any]) -> Iterator[Text]:
    if state == OVERDUE:
        yield text(
            "  {hours} 時間以内に完了した実行がありません。最後の完了: {last}",
            hours=detail.get("hours"),
            last=local_date_time(detail.get("last")),
        )
        yield text("  対処: 定期実行（cron、systemd）が動いているか確認してください。")
        return
    if state == "partial":
        yield text(
            "  エラー {rejected} 件、確認待ち {held} 件",
            rejected=detail.get("rejected", 0),
            held=detail.get("held", 0),
        )
    if isinstance(what := detail.get("what"), Text):
        yield text("  原因: {what}", what=what)
    if isinstance(remedy := detail.get("remedy"), Text):
        yield text("  対処: {remedy}", remedy=remedy)
    yield text(
        "  実行番号 {run_id}、終了コード {code}",
        run_id=detail.get("run_id"),
        code=detail.get("exit_code"),
    )


def _where_to_look(profile: str) -> Text:
    return text("状態の確認: haihai-tui --profile {profile} --status", profile=profile)


def _facts(one: Due, render: Render, gate: Gate) -> dict[str, Any]:
    """The same for a program that reads it."""
    condition, detail = one.condition, one.condition.detail
    what = detail.get("what")
    return {
        "flow": flow_of(condition.name),
        "name": condition.name,
        "state": condition.state,
        "before": one.told,
        "since": condition.since,
        "run_id": detail.get("run_id"),
        "exit_code": detail.get("exit_code"),
        "cause": detail.get("cause"),
        "what": gate(render(what)) if isinstance(what, Text) else None,
    }
