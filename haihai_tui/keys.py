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
        return _shown(self.keys.split(",")[0])

    @property
    def keys_shown(self) -> str:
        """All keys as people write them."""
        return " ".join(_shown(key) for key in self.keys.split(","))


def _shown(key: str) -> str:
    parts = key.split("+")
    names = [_KEY_NAMES.get(part, part) for part in parts]
    if len(parts) > 1 and len(parts[-1]) == 1:
        names[-1] = names[-1].upper()
    return "+".join(names)


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
    "left": "Left",
    "right": "Right",
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
    # ----------------------------------------------------------------- lock
    Action(
        "lock.submit",
        "f5",
        text("ロックを解除"),
        text("パスワードを確かめて元の画面に戻ります"),
        "submit",
        ("lock",),
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
    *(
        Action(
            f"home.menu{number}",
            str(number),
            text("メニュー"),
            text("その番号の画面を開きます"),
            f"menu({number})",
            ("home",),
            shown=False,
        )
        for number in range(1, 10)
    ),
    Action(
        "home.next",
        "down,right",
        text("次の項目"),
        text("次のボタンに移ります"),
        "app.focus_next",
        ("home",),
        shown=False,
    ),
    Action(
        "home.previous",
        "up,left",
        text("前の項目"),
        text("前のボタンに移ります"),
        "app.focus_previous",
        ("home",),
        shown=False,
    ),
    # ------------------------------------------------------------- settings
    Action(
        "settings.save",
        "f5",
        text("確認して保存"),
        text("入力した内容で接続して確かめ、問題がなければ保存して次へ進みます"),
        "save",
        ("settings",),
    ),
    Action(
        "settings.previous",
        "f3",
        text("前へ"),
        text("前の手順に戻ります。入力の途中は残ります"),
        "previous",
        ("settings",),
    ),
    Action(
        "settings.next",
        "f4",
        text("次へ"),
        text("保存せずに次の手順へ進みます。入力の途中は残ります"),
        "next",
        ("settings",),
    ),
    Action(
        "settings.pick",
        "f6",
        text("一覧"),
        text("グループ、オブジェクト、項目、条件を一覧から選びます"),
        "pick",
        ("settings",),
    ),
    Action(
        "settings.force",
        "f7",
        text("このまま保存"),
        text("確認で問題が見つかっても、入力を保存します"),
        "force",
        ("settings",),
    ),
    Action(
        "settings.revert",
        "f8",
        text("元に戻す"),
        text("入力の途中を捨て、保存されている設定に戻します"),
        "revert",
        ("settings",),
    ),
    Action(
        "settings_row.accept",
        "f5",
        text("決定"),
        text("この対応を表に入れます"),
        "accept",
        ("settings_row",),
    ),
    Action(
        "settings_row.pick",
        "f6",
        text("一覧"),
        text("Salesforce の項目を一覧から選びます"),
        "pick",
        ("settings_row",),
    ),
    # ------------------------------------------------------------ authorise
    Action(
        "authorise.begin",
        "f5",
        text("開始"),
        text("認可を最初から始めます。失敗した後のやり直しもこのキーです"),
        "begin",
        ("authorise",),
    ),
    Action(
        "authorise.copy",
        "f6",
        text("URL をコピー"),
        text("認可 URL を端末のクリップボードに送ります (OSC 52)"),
        "copy",
        ("authorise", "authorise_url"),
    ),
    Action(
        "authorise.code",
        "f7",
        text("QR コード"),
        text("認可 URL の全体と QR コードを表示します"),
        "code",
        ("authorise",),
    ),
    Action(
        "authorise.smaller",
        "f7",
        text("大きさ"),
        text(
            "QR コードを半分の大きさにします。全角幅で描く端末では崩れることがあります"
        ),
        "smaller",
        ("authorise_url",),
    ),
    Action(
        "authorise.stop",
        "f8",
        text("中止"),
        text("応答を待つのをやめます"),
        "stop",
        ("authorise",),
    ),
    Action(
        "authorise.revoke",
        "f4",
        text("取り消し"),
        text("Salesforce からログアウトし、保管した連携トークンを削除します"),
        "revoke",
        ("authorise",),
    ),
    # ------------------------------------------------------------------ run
    Action(
        "run.start",
        "f5",
        text("実行"),
        text("選んだ連携を実行します"),
        "start",
        ("run",),
    ),
    Action(
        "run.plan",
        "f6",
        text("計画のみ"),
        text("書き込まずに、何が変わるかだけを調べます"),
        "plan_only",
        ("run",),
    ),
    Action(
        "run.reconcile",
        "r",
        text("突き合わせ"),
        text("書き込まずに両サービスのすべてを比べ、不一致を調べます"),
        "reconcile",
        ("run",),
        shown=False,
    ),
    Action(
        "run.stop",
        "f7",
        text("中断する"),
        text("処理中の一括分を終えてから止めます。次の実行が続きから再開します"),
        "stop",
        ("run",),
    ),
    Action(
        "run.show_plan",
        "f8",
        text("計画を開く"),
        text("表示中の実行の変更内容を 1 件ずつ確かめます"),
        "show_plan",
        ("run", "run_record"),
    ),
    Action(
        "run.rejects",
        "f4",
        text("エラー"),
        text("書き込めなかったレコードの一覧を開きます"),
        "show_rejects",
        ("run",),
    ),
    Action(
        "log.open",
        "enter",
        text("1 行の詳細"),
        text("ログの選択行のすべての項目を表示します"),
        "log_open",
        ("run", "run_record"),
        shown=False,
    ),
    Action(
        "log.search",
        "slash",
        text("ログ検索"),
        text("ログから語を探します。上へさかのぼって探します"),
        "log_search",
        ("run", "run_record"),
    ),
    Action(
        "log.next",
        "n",
        text("次の一致"),
        text("検索した語のある次の行へ移ります"),
        "log_next",
        ("run", "run_record"),
        shown=False,
    ),
    Action(
        "log.previous",
        "N",
        text("前の一致"),
        text("検索した語のある前の行へ移ります"),
        "log_previous",
        ("run", "run_record"),
        shown=False,
    ),
    Action(
        "log.level",
        "v",
        text("レベル"),
        text("表示するログのレベルを切り替えます"),
        "log_level",
        ("run", "run_record"),
        shown=False,
    ),
    Action(
        "log.flow",
        "f",
        text("連携で絞る"),
        text("表示するログの連携を切り替えます"),
        "log_flow",
        ("run", "run_record"),
        shown=False,
    ),
    Action(
        "log.copy",
        "c",
        text("コピー"),
        text("ログの選択行を端末のクリップボードに入れます"),
        "log_copy",
        ("run", "run_record"),
        shown=False,
    ),
    # ----------------------------------------------------------------- plan
    Action(
        "plan.confirm",
        "f5",
        text("続行する"),
        text("安全停止した実行を、入力した実行番号で 1 度だけ続行します"),
        "confirm",
        ("plan",),
    ),
    Action(
        "plan.flow",
        "f6",
        text("連携で絞る"),
        text("表示する連携を切り替えます"),
        "next_flow",
        ("plan",),
    ),
    Action(
        "plan.kind",
        "f7",
        text("種類で絞る"),
        text("表示する変更の種類を切り替えます"),
        "next_kind",
        ("plan",),
    ),
    Action(
        "plan.search",
        "f3,slash",
        text("検索"),
        text("ID、メールアドレス、項目名、値から語を探して絞り込みます"),
        "search",
        ("plan",),
    ),
    Action(
        "plan.other",
        "f8",
        text("前の計画"),
        text("1 つ前に保存した計画を開きます。最後まで行くと最新に戻ります"),
        "other_plan",
        ("plan",),
    ),
    Action(
        "plan.fix",
        "f4",
        text("不一致を反映"),
        text("もう一度突き合わせ、見つかった不一致をすべて書き込みます"),
        "fix",
        ("plan",),
    ),
    # -------------------------------------------------------------- rejects
    Action(
        "rejects.retry",
        "f5",
        text("再実行"),
        text("選んだエラーの連携を実行し、その連携のエラーをすべて再送します"),
        "retry",
        ("rejects",),
    ),
    Action(
        "rejects.dismiss",
        "f6",
        text("一覧から外す"),
        text("選んだエラーを一覧から外します。値か原因が変わるとまた現れます"),
        "put_aside",
        ("rejects",),
    ),
    Action(
        "rejects.flow",
        "f7",
        text("連携で絞る"),
        text("表示する連携を切り替えます"),
        "next_flow",
        ("rejects",),
    ),
    Action(
        "rejects.mark",
        "space",
        text("選択"),
        text("この行を選びます。もう一度押すと外れます"),
        "mark",
        ("rejects",),
    ),
    Action(
        "rejects.mark_all",
        "a",
        text("全選択"),
        text("読み込んだ行をすべて選びます。もう一度押すと外れます"),
        "mark_all",
        ("rejects",),
    ),
    Action(
        "rejects.copy",
        "c",
        text("URL コピー"),
        text("Salesforce のレコードの URL を端末のクリップボードに入れます"),
        "copy_link",
        ("rejects",),
        shown=False,
    ),
    # -------------------------------------------------------------- reviews
    Action(
        "reviews.decide",
        "f5",
        text("決める"),
        text("選んだ候補をこのアドレスの人とし、次の実行から反映します"),
        "decide",
        ("reviews",),
    ),
    Action(
        "reviews.next",
        "f6",
        text("次の候補"),
        text("次の候補を選びます"),
        "next_candidate",
        ("reviews",),
    ),
    Action(
        "reviews.nobody",
        "f7",
        text("どれも違う"),
        text("どの候補もこのアドレスの人ではないとし、連携しません"),
        "nobody",
        ("reviews",),
    ),
    # -------------------------------------------------------------- history
    Action(
        "history.open",
        "f5,enter",
        text("開く"),
        text("選んだ実行の件数とログを表示します"),
        "open_run",
        ("history",),
    ),
    Action(
        "history.chart",
        "f6",
        text("グラフ/表"),
        text("所要時間、件数、エラー、API の推移を表示します"),
        "chart",
        ("history",),
    ),
    Action(
        "history.measure",
        "f7",
        text("次の指標"),
        text("グラフにする指標を切り替えます"),
        "measure",
        ("history",),
    ),
    # --------------------------------------------------------- troubleshoot
    Action(
        "troubleshoot.go",
        "f5",
        text("調べる"),
        text("貼り付けたものを診断します。一覧ではすべてを確認します"),
        "go",
        ("troubleshoot",),
    ),
    Action(
        "troubleshoot.diagnose",
        "f3",
        text("診断"),
        text("エラーや URL を貼り付けて原因と対処を調べます"),
        "diagnose",
        ("troubleshoot",),
        shown=False,
    ),
    Action(
        "troubleshoot.checks",
        "f4",
        text("確認"),
        text("設定、接続、権限、項目の確認の一覧です"),
        "checks",
        ("troubleshoot",),
        shown=False,
    ),
    Action(
        "troubleshoot.preparation",
        "f6",
        text("準備"),
        text("マニュアル第 1 章の準備がどこまで済んだかを示します"),
        "preparation",
        ("troubleshoot",),
        shown=False,
    ),
    Action(
        "troubleshoot.bundle",
        "f7",
        text("資料"),
        text("問い合わせ用の資料を書き出します"),
        "bundle",
        ("troubleshoot",),
        shown=False,
    ),
    Action(
        "troubleshoot.next",
        "f8",
        text("次の問題"),
        text("次の問題または注意の行に移ります"),
        "next",
        ("troubleshoot",),
    ),
    # ---------------------------------------------------------------- admin
    Action(
        "admin.go",
        "f5",
        text("実行"),
        text(
            "利用者の追加、ログの再読み込み、プロファイルの切替、送信テストを行います"
        ),
        "go",
        ("admin",),
    ),
    Action(
        "admin.operators",
        "f3",
        text("利用者"),
        text("利用者と役割の一覧です"),
        "operators",
        ("admin",),
        shown=False,
    ),
    Action(
        "admin.audit",
        "f4",
        text("監査ログ"),
        text("誰がいつ何をしたかの記録です"),
        "audit",
        ("admin",),
        shown=False,
    ),
    Action(
        "admin.profiles",
        "f6",
        text("プロファイル"),
        text("プロファイルの一覧、切替、書き出し、取り込みです"),
        "profiles",
        ("admin",),
        shown=False,
    ),
    Action(
        "admin.alerts",
        "f7",
        text("通知"),
        text("いま続いている異常と、通知の送り先、送信テストです"),
        "alerts",
        ("admin",),
        shown=False,
    ),
    # ----------------------------------------------------------- everywhere
    Action(
        "help",
        "f1",
        text("ヘルプ"),
        text("この画面で使えるキーを表示します"),
        "app.help",
    ),
    Action(
        "back", "escape", text("戻る"), text("開いた画面を閉じて戻ります"), "app.back"
    ),
    Action("home", "f2", text("ホーム"), text("ホームに戻ります"), "app.home"),
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
        "quit",
        "ctrl+q",
        text("終了"),
        text("コンソールを終えます。実行中の連携は最後まで続きます"),
        "app.quit",
    ),
    Action(
        "lock",
        "f12",
        text("ロック"),
        text("席を離れる間、画面をロックします"),
        "app.lock",
        shown=False,
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
