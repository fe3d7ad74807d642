"""One operator's evening, from an empty home to the end of work, typed on real keys.

Nothing is prepared but the two services: what the console needs is typed, chosen or
pasted, and the browser's part is walked over HTTP from the URL that was copied.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from haihai_tui.services.paths import home_at
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.rejects import RejectRow, Rejects
from tests.e2e.browser import Browser
from tests.e2e.stage import AUDIENCE, MAPPED, Stage, staged
from tests.e2e.terminal import Terminal, needs_tmux

pytestmark = [pytest.mark.e2e, needs_tmux]
NAME, PASSWORD = "yamada", "kasumi-tobira-4-mikan"
LONG_S = 120.0
"""For what asks the services: a busy machine is slow."""


class Evening:
    """The console of an empty home, and what the operator does there."""

    def __init__(self, stage: Stage, home: Path, terminal: Terminal) -> None:
        self.stage = stage
        self.home = home
        self.terminal = terminal
        self.authorise_url = ""

    def filled(self, *values: str) -> None:
        """One field after the other, from the one in focus on."""
        for at, value in enumerate(values):
            if at:
                self.terminal.press("Tab")
            self.terminal.press("C-u")
            self.terminal.type(value)

    def rejects(self) -> list[RejectRow]:
        database = open_database(home_at(self.home))
        try:
            return Rejects(database, "default").listed()
        finally:
            database.close()

    # ------------------------------------------------------------------ the way

    def sign_up(self) -> None:
        self.terminal.wait_for("最初の管理者を登録します")
        self.filled(NAME, PASSWORD, PASSWORD)
        self.terminal.wait_for("(いま 4/4")
        self.terminal.press("F5")

    def first_administrator(self) -> None:
        self.sign_up()
        shown = self.terminal.wait_for("[ 連携設定を始める ]")
        assert f"{NAME} (管理者)" in shown
        assert shown.count("未設定") == 2

    def basics(self) -> None:
        self.terminal.press("Enter")
        self.terminal.wait_for("Step2")
        self.terminal.press("F3")
        self.terminal.wait_for("プロファイル  ")
        self.terminal.press("F5")
        self.terminal.wait_for("「基本設定」に変更はありません")

    def haihai(self) -> None:
        ready = self.stage.world.ready["haihai"]
        self.terminal.wait_for("例: a01-24")
        self.filled(ready["contract_id"], ready["login_id"], ready["api_token"])
        self.terminal.press("Tab", "Tab", "Tab")
        self.terminal.type(ready["base_url"])
        shown = self.terminal.wait_for(ready["base_url"])
        assert ready["api_token"] not in shown
        self.terminal.press("BTab", "BTab", "F6")
        self.terminal.wait_for("メルマガ会員", LONG_S)
        self.terminal.press("Enter")
        self.terminal.wait_for("配信グループ ID          1")
        self.terminal.press("F5")
        self.terminal.wait_for("Step3", LONG_S)

    def salesforce(self) -> None:
        ready = self.stage.world.ready["salesforce"]
        self.terminal.wait_for("例: https://example.my.salesforce.com")
        self.filled(
            ready["login_url"],
            ready["client_id"],
            ready["client_secret"],
            ready["callback_url"],
        )
        shown = self.terminal.wait_for(ready["callback_url"])
        assert ready["client_secret"][-20:] not in shown
        self.terminal.press("F5")
        self.terminal.wait_for("2 ブラウザーでのログインと許可（残り", LONG_S)

    def consent(self) -> None:
        """The URL is copied, opened elsewhere, and the browser sent back."""
        self.terminal.press("F6")
        self.terminal.wait_for("クリップボードに送りました")
        self.authorise_url = self.terminal.clipboard
        # Its beginning is what the screen shows.
        assert self.authorise_url[:70] in self.terminal.shown
        back = Browser(self.stage).answer_of(self.authorise_url)
        assert httpx.get(back, timeout=60).status_code == 200
        shown = self.terminal.wait_for("連携トークンを保管しました", LONG_S)
        assert shown.count("[済]") == 6
        self.terminal.press("Escape")
        self.terminal.wait_for("[3Salesforce:済]")
        self.terminal.press("F5")
        self.terminal.wait_for("Step4", LONG_S)

    def customers(self) -> None:
        """The pairs are added one by one; the focus stays where the next begins."""
        self.terminal.wait_for("[ 対応を追加 ]")
        self.terminal.press("BTab")
        for item, name in MAPPED.items():
            self.terminal.press_for("例: LastName、Account.Name", "Enter")
            self.filled(name, item)
            self.terminal.press("Enter")
            self.terminal.wait_for("[ 対応を追加 ]")
        self.terminal.press("F5")
        shown = self.terminal.wait_for("[ 次の手順へ ]", LONG_S)
        assert "のうち最初の 5 件" in shown

    def write_back_and_review(self) -> None:
        self.terminal.press("Enter")
        self.terminal.wait_for("HaihaiState__c")
        self.terminal.press("F5")
        self.terminal.wait_for("Step6", LONG_S)
        self.terminal.wait_for("[ 計画を作る ]")
        self.terminal.press("F5")
        shown = self.terminal.wait_for("連携を始められます", LONG_S)
        assert "0 件問題" in shown

    def plan_and_run(self, wrong: str) -> None:
        """One customer cannot be written; the plan says so, and writes nothing."""
        self.terminal.press("Enter")
        shown = self.terminal.wait_for("一部エラー  計画", LONG_S)
        assert "計画済み  エラー 1  新規 29" in shown
        self.terminal.wait_for(" F5 実行")
        assert not self.stage.customers()
        self.terminal.press("F5")
        shown = self.terminal.wait_for("一部エラー  差分", LONG_S)
        assert "完了  エラー 1  書き込み 29  新規 29" in shown
        assert self.stage.difference() == {"missing": {wrong}}
        assert [row.address for row in self.rejects()] == [wrong]

    def mended(self, record: str, wrong: str) -> None:
        self.terminal.press("F4")
        shown = self.terminal.wait_for(f"配配メール: 顧客検索で {wrong}")
        assert "原因: 項目「姓」の文字「🍣」" in shown
        assert record in shown
        self.terminal.wait_for(" F5 再実行")
        self.stage.update(record, LastName="寿司")
        self.terminal.press("F5")
        self.terminal.wait_for("正常終了  再実行", LONG_S)
        assert not self.stage.difference()
        assert self.stage.customers()[wrong]["items"]["姓"] == "寿司"
        assert not self.rejects()
        self.terminal.press("F2")
        self.terminal.wait_for("メニュー")
        self.terminal.press("5")
        self.terminal.wait_for("エラーはありません")

    def asked(self) -> None:
        """A URL that a colleague sent, pasted: its cause is named."""
        self.terminal.press("F2")
        self.terminal.wait_for("メニュー")
        self.terminal.press("8")
        self.terminal.wait_for("貼り付けて F5 を押します")
        self.terminal.paste(self.refused_url())
        self.terminal.wait_for("redirect_uri_mismatch")
        self.terminal.press("F5")
        cause = "コールバック URL が一致していません"
        shown = self.terminal.wait_for(f"考えられる原因: {cause}", LONG_S)
        assert f"1. {cause} (redirect_uri_mismatch" in shown

    def refused_url(self) -> str:
        """What Salesforce tells of a callback that is not registered, as a URL."""
        asked = self.authorise_url.replace("sflogged", "sflogin")
        answer = httpx.get(asked, timeout=60)
        assert answer.status_code == 400
        callback = self.stage.world.ready["salesforce"]["callback_url"]
        return f"{callback}?{answer.text}"

    def end_of_work(self) -> None:
        self.terminal.press("C-l")
        shown = self.terminal.wait_for("[ ログイン ]")
        assert NAME not in shown
        self.terminal.press("C-q")
        assert self.terminal.wait_for_end() == 0


def test_a_whole_evening(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with (
        staged(tmp_path / "services", customers=30) as stage,
        Terminal(home) as terminal,
    ):
        soql = f"SELECT Id, Email FROM Contact WHERE {AUDIENCE} ORDER BY Id LIMIT 1"
        (wrong,) = stage.query(soql)
        stage.update(wrong["Id"], LastName="寿司🍣")
        evening = Evening(stage, home, terminal)
        evening.first_administrator()
        evening.basics()
        evening.haihai()
        evening.salesforce()
        evening.consent()
        evening.customers()
        evening.write_back_and_review()
        evening.plan_and_run(wrong["Email"])
        evening.mended(wrong["Id"], wrong["Email"])
        evening.asked()
        evening.end_of_work()


def test_a_run_from_elsewhere_is_followed_live(tmp_path: Path) -> None:
    """The service holds the import, so that the run is surely seen under way."""
    with staged(tmp_path, customers=30) as stage, Terminal(tmp_path) as terminal:
        evening = Evening(stage, tmp_path, terminal)
        evening.sign_up()
        terminal.wait_for("メニュー")
        terminal.press("3")
        terminal.wait_for("まだ実行していません")
        stage.set("haihai.result_wait_s=120")
        stage.haihai_control("switches", {"import_hold": True}, "PUT")
        run = stage.start("--run-sync", "customers", "--json")
        try:
            shown = terminal.wait_for(f"のプロセス {run.pid}", LONG_S)
            assert "実行中" in shown
            terminal.wait_for("30 行を受け付けました", LONG_S)
            assert not stage.customers()
            assert run.poll() is None
        finally:
            stage.haihai_control("switches", {"import_hold": False}, "PUT")
            _, told = run.communicate(timeout=LONG_S)
        assert run.returncode == 0, told
        terminal.wait_for("正常終了", LONG_S)
        terminal.wait_for("完了  書き込み 30  新規 30", LONG_S)
        assert not stage.difference()
        evening.end_of_work()
