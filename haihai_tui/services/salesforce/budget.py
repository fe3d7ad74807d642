"""How many API requests a run may still make.

The org's daily limit is shared with everybody's integrations, so a run takes no
more than its share of it; the figures come with every answer and cost nothing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

from haihai_tui.errors import BudgetUsedUp, ConnectorError, text

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


class Budget:
    """Counts calls, and refuses the next one when share or limit is used up.

    `share` is the part of the daily limit (0 to 1) that this client may use.
    `on_usage` is told (used, limit) of the whole org after each answer.
    """

    def __init__(
        self,
        share: float = 1.0,
        on_usage: Callable[[int, int], None] | None = None,
    ) -> None:
        self.spent = 0
        self._share = share
        self._on_usage = on_usage
        self._limit: int | None = None
        self._used_up = False
        self._closed: ConnectorError | None = None
        self._lock = threading.Lock()

    def spend(self) -> None:
        """Count one call about to be made.  Raises BudgetUsedUp."""
        with self._lock:
            if self._closed is not None:
                raise self._closed
            if self._used_up:
                raise _used_up()
            if self._limit is not None and self.spent >= self._share * self._limit:
                raise _share_used_up(self.spent, self._limit)
            self.spent += 1

    def observe(self, limit_info: str) -> None:
        """Read a `Sforce-Limit-Info` header ("" where the answer had none)."""
        figures = [(int(u), int(m)) for u, m in _USAGE.findall(limit_info)]
        if not figures:
            return
        used, limit = figures[0]
        with self._lock:
            self._limit = limit
            # A per-app figure may follow; either can be the one that is used up.
            self._used_up = any(u >= most > 0 for u, most in figures)
        if self._on_usage is not None:
            self._on_usage(used, limit)

    def close(self, error: ConnectorError) -> None:
        """Make no further call: each raises `error`."""
        with self._lock:
            self._closed = self._closed or error


def _used_up() -> BudgetUsedUp:
    return BudgetUsedUp(
        text("Salesforce の 24 時間あたりの API 要求数を使い切りました。"),
        text("回復後、次の実行が続きから再開します。"),
        cause="api_limit",
    )


def _share_used_up(spent: int, limit: int) -> BudgetUsedUp:
    return BudgetUsedUp(
        text(
            "この実行に割り当てた Salesforce の API 要求数（{spent} 回、"
            "上限 {limit} 回の一部）を使い切りました。",
            spent=spent,
            limit=limit,
        ),
        text("次の実行が続きから再開します。budget.salesforce_share で変更できます。"),
        cause="api_limit",
    )
