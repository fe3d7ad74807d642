"""One HaiHai Mail account in memory: customers, groups, step plans, views.

A customer is one packed byte string under its folded address, and a member who may
receive mail is one shared value, so that a million customers fit in a few hundred
megabytes of plain dictionaries.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

State = Literal["allowed", "stopped", "barred"]

SEPARATOR = "\uffff"
"""Between the packed values; a noncharacter that no import may hold."""
_SEPARATOR_BYTES = SEPARATOR.encode()

DEFAULT_ITEMS = ("姓", "名", "会社名", "電話番号", "SalesforceID")
DEFAULT_GROUPS = {"1": "メルマガ会員", "2": "セミナー"}
DEFAULT_PLANS = {"1": "ステップメール"}


class Membership(NamedTuple):
    """配信状態 in one group or plan; `stopped_at` is RFC 3339 UTC, "" if none."""

    state: State
    stopped_at: str = ""
    method: str = ""


ALLOWED = Membership("allowed")


class ViewEvent(NamedTuple):
    """A click or visit; `at` is aware UTC."""

    at: datetime
    address: str
    url: str
    kind: Literal["click", "visit"]
    user_agent: str


class Audience:
    """A delivery group or a step plan; members by folded address."""

    def __init__(self, number: str, name: str) -> None:
        self.number = number
        self.name = name
        self.members: dict[str, Membership] = {}


def fold(address: str) -> str:
    """The form under which an address is unique."""
    return address.strip().lower()


class Account:
    """The state of the service for one contract.  Hold `lock` to change it."""

    def __init__(self, items: Sequence[str] = DEFAULT_ITEMS) -> None:
        self.lock = threading.RLock()
        self.items: tuple[str, ...] = tuple(items)
        self.customers: dict[str, bytes] = {}
        self.in_error: set[str] = set()
        self.groups = {no: Audience(no, name) for no, name in DEFAULT_GROUPS.items()}
        self.plans = {no: Audience(no, name) for no, name in DEFAULT_PLANS.items()}
        self.views: list[ViewEvent] = []

    # -------------------------------------------------------- customers

    def pack(self, address: str, values: Sequence[str]) -> bytes:
        """`values` in the order of `items`; trailing ones may be left out."""
        return SEPARATOR.join((address, *values)).encode()

    def unpack(self, packed: bytes) -> list[str]:
        """The address as registered, then one value an item."""
        values = packed.decode().split(SEPARATOR)
        return values + [""] * (1 + len(self.items) - len(values))

    def blank(self) -> list[str]:
        """The unpacked form of a customer with no values."""
        return [""] * (1 + len(self.items))

    def address_of(self, key: str) -> str:
        packed = self.customers.get(key)
        if packed is None:
            return key
        return packed.partition(_SEPARATOR_BYTES)[0].decode()

    def add_item(self, name: str) -> None:
        if name not in self.items:
            self.items = (*self.items, name)

    def ensure(self, address: str) -> str:
        """The key of this address's customer, who is added where unknown."""
        key = fold(address)
        if key not in self.customers:
            self.customers[key] = self.pack(address.strip(), ())
        return key

    def remove(self, key: str) -> bool:
        """Delete a customer with all states; False when there was none."""
        if self.customers.pop(key, None) is None:
            return False
        self.in_error.discard(key)
        for audience in self.audiences():
            audience.members.pop(key, None)
        return True

    # ----------------------------------------------------------- states

    def audiences(self) -> Iterator[Audience]:
        yield from self.groups.values()
        yield from self.plans.values()

    def set_state(
        self,
        audience: Audience,
        key: str,
        state: State,
        at: datetime,
        method: str,
        *,
        everywhere: bool = False,
    ) -> bool:
        """Set 配信状態, adding the member; False when it already was so.

        `everywhere` is the account option 配信状態の同期設定: the customer's other
        groups and plans follow.
        """
        targets = [audience]
        if everywhere:
            targets += [a for a in self.audiences() if key in a.members]
        stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        changed = False
        for target in targets:
            old = target.members.get(key)
            if old is not None and old.state == state:
                continue
            changed = True
            target.members[key] = (
                ALLOWED if state == "allowed" else Membership(state, stamp, method)
            )
        return changed

    # ------------------------------------------------------------ views

    def add_view(self, event: ViewEvent) -> None:
        self.views.append(event)

    def views_since(self, since: datetime | None) -> list[ViewEvent]:
        """Oldest first."""
        chosen = [e for e in self.views if since is None or e.at >= since]
        return sorted(chosen, key=lambda event: event.at)

    # --------------------------------------------------------- one customer

    def memberships(
        self, key: str, audiences: Mapping[str, Audience]
    ) -> dict[str, Membership]:
        return {
            number: audience.members[key]
            for number, audience in audiences.items()
            if key in audience.members
        }
