"""What readers did before the demo begins: some stopped, some clicked.

Only leads take part whose address no contact has, so that every contact of the
demo is still new to HaiHai Mail.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from haihai_tui.sandbox.haihai.account import ViewEvent

if TYPE_CHECKING:
    from haihai_tui.sandbox.world import World

STOPPED, BARRED, VIEWERS, CLICKS = 6, 2, 12, 30
_GROUP = "1"


def liven(world: World) -> None:
    """Stop 6 leads, bar 2, and let 12 click 30 times, as far as there are so many."""
    addresses = _leads_alone(world, STOPPED + BARRED + VIEWERS)
    account = world.haihai.account
    now = world.haihai.control.clock.now()
    with account.lock:
        group = account.groups[_GROUP]
        for number, address in enumerate(addresses[: STOPPED + BARRED]):
            at = now - timedelta(hours=3 + number)
            key = account.ensure(address)
            if number < STOPPED:
                account.set_state(group, key, "stopped", at, "フォーム")
            else:
                account.set_state(group, key, "barred", at, "管理者")
        viewers = addresses[STOPPED + BARRED :]
        for number in range(CLICKS if viewers else 0):
            at = now - timedelta(hours=20, minutes=-7 * number)
            url = f"https://www.example.jp/news/{number % 5 + 1}"
            who = viewers[number % len(viewers)]
            account.add_view(ViewEvent(at, who, url, "click", ""))


def _leads_alone(world: World, wanted: int) -> list[str]:
    org = world.salesforce
    found: list[str] = []
    soql = "SELECT Email FROM Lead WHERE Email != null ORDER BY Id"
    for (address,) in org.query(soql).rows:
        shared = org.query(f"SELECT COUNT() FROM Contact WHERE Email = '{address}'")
        if not shared.total:
            found.append(str(address))
        if len(found) == wanted:
            break
    return found
