"""When no run may begin: a pause by hand, and hours of every day.

A plan writes nothing and is let through.  What is under way when a span begins ends
after its batch; the next run goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone

from haihai_tui.errors import OnHold, text
from haihai_tui.services.settings_unattended import ScheduleSettings

JAPAN = timezone(timedelta(hours=9))


@dataclass(frozen=True, slots=True)
class Schedule:
    """The `[schedule]` of a profile; `profile` is named in messages."""

    settings: ScheduleSettings
    profile: str

    def check(self, now: datetime) -> None:
        """OnHold unless a run may begin at `now` (aware)."""
        if self.settings.paused:
            raise OnHold(
                text(
                    "プロファイル「{profile}」は一時停止中です。", profile=self.profile
                ),
                text(
                    "再開するには、管理のプロファイルで再開するか、"
                    "haihai-tui --profile {profile} --set schedule.paused=false を"
                    "実行してください。",
                    profile=self.profile,
                ),
                reason="paused",
            )
        self.check_hours(now)

    def held(self, now: datetime) -> OnHold | None:
        """Why no run may begin at `now`; None where one may."""
        try:
            self.check(now)
        except OnHold as hold:
            return hold
        return None

    def check_hours(self, now: datetime) -> None:
        """OnHold within one of the spans."""
        local = now.astimezone(JAPAN).time()
        for begin, end in self._spans():
            inside = (
                begin <= local < end if begin < end else local >= begin or local < end
            )
            if inside:
                raise OnHold(
                    text(
                        "{begin} から {end}（日本時間）は連携を実行しない時間帯です。",
                        begin=f"{begin:%H:%M}",
                        end=f"{end:%H:%M}",
                    ),
                    text("{end} 以降の実行が続きから行います。", end=f"{end:%H:%M}"),
                    reason="blackout",
                )

    def _spans(self) -> Iterator[tuple[time, time]]:
        for span in self.settings.blackout:
            begin, _, end = span.partition("-")
            yield time.fromisoformat(begin), time.fromisoformat(end)
