"""A chart of past runs, drawn by plotext with characters of certain width only.

Imported when the first chart is shown: plotext is needed for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text as RichText
from textual.color import Color
from textual_plotext import PlotextPlot

_PLAIN = str.maketrans("│─┤├┼┌┐└┘┬┴█▇▆▅▄▃▂▁", "|-||+++++++########")
_MARK = "#"


class RunChart(PlotextPlot):
    """Bars in the order of time; `labels` beneath some of them."""

    def show(self, values: Sequence[float], labels: Sequence[str]) -> None:
        """Draw these values, the oldest first."""
        plot = self.plt
        plot.clear_data()
        plot.clear_figure()
        plot.frame(False)
        plot.xaxes(True, False)
        plot.yaxes(True, False)
        places = [float(at) for at in range(1, len(values) + 1)]
        plot.bar(
            places,
            list(values),
            marker=_MARK,
            width=0.6,
            color=self._colour(),
        )
        step = max(len(labels) // 6, 1)
        plot.xticks(places[::step], list(labels[::step]))
        plot.ylim(0, max([*values, 1]))
        self.refresh()

    def _colour(self) -> tuple[int, int, int] | str:
        theme = self.app.current_theme
        if theme.name.startswith("ansi"):
            return "blue"
        return Color.parse(theme.primary).rgb

    def render(self) -> RichText:
        drawn = super().render()
        assert isinstance(drawn, RichText)
        drawn.plain = drawn.plain.translate(_PLAIN)
        return drawn
