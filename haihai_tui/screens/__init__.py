"""The registry of screens: name to module and class, imported when first shown.

The menu on the front page and the command palette list what stands here and
exists; a screen that is not built is left out rather than shown as a dead button.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from haihai_tui.errors import Text, text
from haihai_tui.services.roles import Action

if TYPE_CHECKING:
    from haihai_tui.screens.base import ConsoleScreen


@dataclass(frozen=True, slots=True)
class Entry:
    """One screen; `needs` is the right without which it only shows."""

    name: str
    place: str
    label: Text
    tells: Text
    needs: Action = Action.VIEW
    in_menu: bool = True

    @property
    def module(self) -> str:
        return f"{__name__}.{self.place.partition(':')[0]}"


_ENTRIES = (
    Entry("login", "login:LoginScreen", text("ログイン"), text(""), in_menu=False),
    Entry(
        "first_run",
        "first_run:FirstRunScreen",
        text("最初の管理者"),
        text(""),
        in_menu=False,
    ),
    Entry(
        "home", "home:HomeScreen", text("ホーム"), text("状態と次の作業"), in_menu=False
    ),
    Entry(
        "settings",
        "settings:SettingsScreen",
        text("連携設定"),
        text("接続先、対象の顧客、書き戻し先を決めます"),
    ),
    Entry(
        "authorise",
        "authorise:AuthoriseScreen",
        text("連携トークンの更新"),
        text("Salesforce の認可を取り直します"),
        Action.AUTHORISE,
    ),
    Entry(
        "run",
        "run:RunScreen",
        text("連携の実行"),
        text("計画を見て実行し、進み具合とログを見ます"),
    ),
    Entry(
        "plan",
        "plan:PlanScreen",
        text("計画"),
        text("書き込む前に変更の内容を確かめます"),
    ),
    Entry(
        "rejects",
        "rejects:RejectsScreen",
        text("エラー一覧"),
        text("書き込めなかった顧客を直して再実行します"),
    ),
    Entry(
        "reviews",
        "reviews:ReviewsScreen",
        text("確認待ち"),
        text("同じ人かどうかを人が決めます"),
    ),
    Entry(
        "history",
        "history:HistoryScreen",
        text("実行履歴"),
        text("過去の実行の件数、ログ、推移を見ます"),
    ),
    Entry(
        "troubleshoot",
        "troubleshoot:TroubleshootScreen",
        text("トラブルシューティング"),
        text("エラーや URL を貼り付けて原因を調べます"),
    ),
    Entry(
        "admin",
        "admin:AdminScreen",
        text("管理"),
        text("利用者、監査ログ、プロファイル"),
    ),
    Entry(
        "password",
        "password:PasswordScreen",
        text("パスワード変更"),
        text("自分のパスワードを変えます"),
    ),
    Entry("lock", "lock:LockScreen", text("ロック中"), text(""), in_menu=False),
    Entry(
        "help",
        "help:HelpScreen",
        text("ヘルプ"),
        text("この画面で使えるキーの一覧"),
        in_menu=False,
    ),
)
SCREENS = {entry.name: entry for entry in _ENTRIES}


@cache
def exists(name: str) -> bool:
    """Whether the screen is built, without importing it."""
    return find_spec(SCREENS[name].module) is not None


def menu() -> list[Entry]:
    """What an operator can go to, in the order of a night's work."""
    return [entry for entry in _ENTRIES if entry.in_menu and exists(entry.name)]


def load(name: str) -> type[ConsoleScreen]:
    """The class of a registered screen."""
    entry = SCREENS[name]
    # Deferred: a screen loads what it needs when it is shown, not before.
    module = import_module(entry.module)
    return cast("type[ConsoleScreen]", getattr(module, entry.place.partition(":")[2]))
