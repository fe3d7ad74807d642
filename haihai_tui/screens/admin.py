"""管理: operators and their roles, the audit log, profiles, alerts.

Four views of one screen.  What a role may not do is refused by the service; the
screen only says so beforehand.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import ContentSwitcher

from haihai_tui.errors import Text, text
from haihai_tui.screens.admin_views.alerts import AlertsView
from haihai_tui.screens.admin_views.audit import AuditView
from haihai_tui.screens.admin_views.base import AdminView, Done, Read, Rows
from haihai_tui.screens.admin_views.operators import OperatorsView
from haihai_tui.screens.admin_views.profiles import ProfilesView
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.views import View, ViewLine

VIEWS = (
    View("operators", "F3", text("利用者"), "admin.operators"),
    View("audit", "F4", text("監査ログ"), "admin.audit"),
    View("profiles", "F6", text("プロファイル"), "admin.profiles"),
    View("alerts", "F7", text("通知"), "admin.alerts"),
)


class AdminScreen(ConsoleScreen):
    """`view` is shown first."""

    TITLE = text("管理")
    NAME = "admin"

    def __init__(self, view: str = "operators") -> None:
        super().__init__()
        self._view = view

    def body(self) -> ComposeResult:
        yield ViewLine(VIEWS, self._view)
        with ContentSwitcher(initial=self._view):
            yield OperatorsView()
            yield AuditView()
            yield ProfilesView()
            yield AlertsView()

    def on_mount(self) -> None:
        self._show(self._view)

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if action == "admin.go" and self.is_mounted:
            return self._front.why_not()
        return None

    @property
    def _front(self) -> AdminView:
        return self._view_of(self._view)

    def _view_of(self, name: str) -> AdminView:
        return self.query_one(f"#{name}", AdminView)

    # -------------------------------------------------------------------- views

    def action_operators(self) -> None:
        self._show("operators")

    def action_audit(self) -> None:
        self._show("audit")

    def action_profiles(self) -> None:
        self._show("profiles")

    def action_alerts(self) -> None:
        self._show("alerts")

    def _show(self, name: str) -> None:
        self._view = name
        self.query_one(ContentSwitcher).current = name
        self.query_one(ViewLine).choose(name)
        self._front.reload()
        self._front.query_one(Rows).focus()
        self.refresh_keys()

    def action_go(self) -> None:
        """The deed of the view in front."""
        self._front.deed()

    # ----------------------------------------------------------------- messages

    def on_read(self, message: Read) -> None:
        self._view_of(message.view).take(message.value)
        self.refresh_keys()

    async def on_done(self, message: Done) -> None:
        self.say(message.say, "ok")
        await self._view_of(message.view).done(message.value)
