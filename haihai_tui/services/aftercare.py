"""What follows every recorded run: alerts and the file of figures.

Nothing here may change what the run did or its exit code; whatever goes wrong comes
back as a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services.alerts.watch import AlertWatch, Delivery
from haihai_tui.services.metrics import write_metrics
from haihai_tui.services.paths import Home
from haihai_tui.services.runs import RunResult
from haihai_tui.services.status import status


@dataclass(frozen=True, slots=True)
class Aftercare:
    """Called by the conductor with every run that left a record."""

    home: Home
    watch: AlertWatch

    def __call__(self, result: RunResult) -> list[Text]:
        return [
            *self._safely(lambda: self._alert(result)),
            *self._safely(self._measure),
        ]

    def _measure(self) -> Iterator[Text]:
        settings, secrets = self.watch.settings, self.watch.secrets
        if settings.metrics.file:
            found = status(
                self.home,
                settings.profile,
                store_url=settings.store.url,
                secret_names=secrets.names(),
                last_runs=1,
            )
            write_metrics(settings, found, self.watch.clock())
        yield from ()

    def _alert(self, result: RunResult) -> Iterator[Text]:
        error = result.defect or result.error
        for delivery in self.watch.after_run(result.summary, error):
            if (warning := undelivered(delivery)) is not None:
                yield warning

    def _safely(self, deed: Callable[[], Iterator[Text]]) -> Iterator[Text]:
        try:
            yield from deed()
        except ConnectorError as error:
            yield text("実行後の処理に失敗しました: {what}", what=error.what)
        except Exception as error:
            yield text("実行後の処理に失敗しました: {what}", what=type(error).__name__)


def undelivered(delivery: Delivery) -> Text | None:
    """What to say about a channel that did not take a message."""
    if delivery.problem is None:
        return None
    return text(
        "通知を {channel} で送れませんでした。次の機会に送り直します: {what}",
        channel=delivery.channel,
        what=delivery.problem.what,
    )
