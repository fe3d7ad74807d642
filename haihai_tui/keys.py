"""One table of actions: keys, label, tooltip, where they hold.

The bindings, the line of keys at the foot and the help are all drawn from it, so
that no key works without being shown.  Function keys on forms; letters only where
no input can have the focus.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from haihai_tui.errors import Text, text

EVERYWHERE: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does.

    `id` is stable and unique; `keys` as Textual names them, separated by commas,
    the first is the one shown; `action` is a Textual action of the screen
    (`deed` is `action_deed`) or, with the prefix `app.`, of the app.  `screens`
    are names in the registry; none means everywhere.  `shown=False` leaves it to
    the help alone.
    """

    id: str
    keys: str
    label: Text
    tooltip: Text
    action: str
    screens: tuple[str, ...] = EVERYWHERE
    shown: bool = True

    @property
    def key_shown(self) -> str:
        """The first key as people write it: `Ctrl+Q`, `F5`, `PageUp`."""
        first = self.keys.split(",")[0]
        parts = first.split("+")
        shown = [_KEY_NAMES.get(part, part) for part in parts]
        if len(shown) > 1:
            shown[-1] = shown[-1].upper() if len(parts[-1]) == 1 else shown[-1]
        return "+".join(shown)


_KEY_NAMES = {
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
    "ctrl": "Ctrl",
    "shift": "Shift",
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "tab": "Tab",
    "up": "Up",
    "down": "Down",
    "pageup": "PageUp",
    "pagedown": "PageDown",
    "home": "Home",
    "end": "End",
    "delete": "Delete",
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}

ACTIONS: tuple[Action, ...] = (
    # ---------------------------------------------------------------- login
    Action(
        "login.submit",
        "f5",
        text("ログイン"),
        text("利用者名とパスワードを確かめます"),
        "submit",
        ("login",),
    ),
    # ------------------------------------------------------------ first_run
    Action(
        "first_run.submit",
        "f5",
        text("登録"),
        text("最初の管理者を登録してホームへ進みます"),
        "submit",
        ("first_run",),
    ),
    # ------------------------------------------------------------- password
    Action(
        "password.submit",
        "f5",
        text("変更"),
        text("新しいパスワードに変えます"),
        "submit",
        ("password",),
    ),
    Action(
        "password.reveal",
        "f6",
        text("表示"),
        text("入力したパスワードを表示または隠します"),
        "reveal",
        ("password", "first_run"),
    ),
    # ----------------------------------------------------------------- home
    Action(
        "home.refresh",
        "f5",
        text("再読み込み"),
        text("状態を読み直します"),
        "reload",
        ("home",),
    ),
    # ------------------------------------------------------------- settings
    # ------------------------------------------------------------ authorise
    # ------------------------------------------------------------------ run
    # ----------------------------------------------------------------- plan
    # -------------------------------------------------------------- rejects
    # -------------------------------------------------------------- reviews
    # -------------------------------------------------------------- history
    # --------------------------------------------------------- troubleshoot
    # ---------------------------------------------------------------- admin
    # ----------------------------------------------------------- everywhere
    Action(
        "help",
        "f1",
        text("ヘルプ"),
        text("この画面で使えるキーを表示します"),
        "app.help",
    ),
    Action("home", "f2", text("ホーム"), text("ホームに戻ります"), "app.home"),
    Action(
        "back", "escape", text("戻る"), text("開いた画面を閉じて戻ります"), "app.back"
    ),
    Action(
        "palette",
        "ctrl+p",
        text("検索"),
        text("画面と操作を名前で探して開きます"),
        "app.command_palette",
    ),
    Action(
        "logout",
        "ctrl+l",
        text("ログアウト"),
        text("ログイン画面に戻ります。実行中の連携は続きます"),
        "app.logout",
    ),
    Action(
        "language",
        "f9",
        text("English"),
        text("表示言語を日本語と英語で切り替えます"),
        "app.language",
    ),
    Action("theme", "f10", text("配色"), text("画面の配色を切り替えます"), "app.theme"),
    Action(
        "quit",
        "ctrl+q",
        text("終了"),
        text("コンソールを終えます。実行中の連携は最後まで続きます"),
        "app.quit",
    ),
    Action(
        "suspend",
        "ctrl+z",
        text("一時中断"),
        text("シェルに戻ります。fg で再開します"),
        "app.suspend_process",
        shown=False,
    ),
    Action(
        "next",
        "tab",
        text("次の項目"),
        text("次の入力欄やボタンに移ります"),
        "app.focus_next",
        shown=False,
    ),
    Action(
        "previous",
        "shift+tab",
        text("前の項目"),
        text("前の入力欄やボタンに移ります"),
        "app.focus_previous",
        shown=False,
    ),
)


def of_screen(name: str) -> Iterator[Action]:
    """The actions that one screen adds."""
    return (action for action in ACTIONS if name in action.screens)


def everywhere() -> Iterator[Action]:
    """The actions that every screen has."""
    return (action for action in ACTIONS if action.screens == EVERYWHERE)


def by_id(identifier: str) -> Action:
    """KeyError where there is none."""
    return next(action for action in ACTIONS if action.id == identifier)


OWN = ("next", "previous")
"""Textual binds these itself; they stand in the table for the help's sake."""
