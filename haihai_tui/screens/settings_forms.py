"""The wizard's questions as fields, and what stands in the fields as answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.visual import VisualType
from textual.widget import Widget
from textual.widgets import RadioSet, Static

from haihai_tui.errors import Text, text
from haihai_tui.screens.settings_mapping import MappingTable
from haihai_tui.screens.widgets.forms import Entry, Field, Option, Tick
from haihai_tui.screens.widgets.words import words
from haihai_tui.screens.widgets.wrapping import wrapped
from haihai_tui.services.checks.model import Status, status_label
from haihai_tui.services.findings import Found
from haihai_tui.services.wizard_questions import TITLES, Question, Step

LONGEST_ANSWER = 10_000
"""Characters; a condition may be long, a page pasted by mistake is no answer."""

_STORED = text("保管済み（変えるときだけ入力）")
_ORDER = (Status.FAIL, Status.WARN, Status.OK, Status.SKIPPED)
_COLOURS = {
    Status.OK: "$success",
    Status.WARN: "$warning",
    Status.FAIL: "bold $error",
    Status.SKIPPED: "$secondary",
}


def field_id(key: str) -> str:
    return "q-" + key.replace(".", "-")


def key_of(widget: Widget | None, asked: Iterable[Question]) -> str:
    """The question whose field holds `widget`; "" where none does."""
    ids = {field_id(one.key): one.key for one in asked}
    while widget is not None:
        if widget.id in ids:
            return ids[widget.id]
        widget = widget.parent if isinstance(widget.parent, Widget) else None
    return ""


class Ticks(Vertical):
    """Several of several."""

    def __init__(self, labels: Mapping[str, Text], chosen: Sequence[str]) -> None:
        super().__init__()
        self._labels = labels
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        for value, label in self._labels.items():
            yield Tick(label, value in self._chosen, id=f"tick-{value}")

    @property
    def values(self) -> list[str]:
        return [
            value
            for value in self._labels
            if self.query_one(f"#tick-{value}", Tick).value
        ]


class Choices(RadioSet):
    """One of several, side by side."""

    def __init__(self, labels: Mapping[str, Text], chosen: str) -> None:
        super().__init__(
            *(Option(label, value == chosen) for value, label in labels.items())
        )
        self._values = tuple(labels)

    @property
    def value(self) -> str:
        return self._values[max(0, self.pressed_index)]


def make_field(asked: Question, answer: Any, has_secret: bool) -> Field:
    """The field of one question, holding its answer."""
    return Field(
        asked.label,
        _widget(asked, answer, has_secret),
        id=field_id(asked.key),
        classes="tall" if asked.kind == "mapping" else None,
    )


def _widget(asked: Question, answer: Any, has_secret: bool) -> Widget:
    if asked.kind == "mapping":
        return MappingTable(answer)
    if asked.kind == "switch":
        return Tick(text("する"), bool(answer))
    if asked.kind == "several" and asked.choices:
        return Ticks(asked.choices, list(answer))
    if asked.kind == "choice" and asked.choices:
        return Choices(asked.choices, str(answer))
    hint = _STORED if asked.is_secret and has_secret else asked.hint or ""
    return Entry(
        str(answer), hint=hint, password=asked.is_secret, max_length=LONGEST_ANSWER
    )


def answer_of(field: Field) -> Any:
    """What stands in a field, as the wizard takes it."""
    widget = field.entry
    if isinstance(widget, MappingTable):
        return widget.mapping
    if isinstance(widget, Ticks):
        return widget.values
    if isinstance(widget, Tick | Choices | Entry):
        return widget.value
    raise TypeError(type(widget).__name__)


class StepLine(Static):
    """`Step2 配配メール連携設定` and below it where every step stands, in a word."""

    def __init__(self) -> None:
        super().__init__("", markup=False, id="steps")
        self._step = Step.BASICS
        self._states: Mapping[Step, Text] = {}

    def show(self, step: Step, states: Mapping[Step, Text]) -> None:
        self._step, self._states = step, states
        self.refresh(layout=True)

    def relabel(self) -> None:
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 2

    def render(self) -> VisualType:
        title = words(self, TITLES[self._step])
        heading = Content.styled(f"Step{int(self._step)}  {title}", "bold $primary")
        return Content("\n").join([heading, Content(" ").join(self._parts())])

    def _parts(self) -> Iterator[Content]:
        narrow = self.size.width < 72
        for step in Step:
            name = "" if narrow else words(self, _SHORT[step])
            state = self._states.get(step)
            told = f"{int(step)}{name}"
            if state is not None:
                told += f":{words(self, state)}"
            if step is self._step:
                yield Content.styled(f"[{told}]", "bold")
            else:
                yield Content.styled(told, "$secondary")


_SHORT: Mapping[Step, Text] = {
    Step.BASICS: text("基本"),
    Step.HAIHAI: text("配配メール"),
    Step.SALESFORCE: text("Salesforce"),
    Step.CUSTOMERS: text("顧客"),
    Step.WRITE_BACK: text("書き戻し"),
    Step.REVIEW: text("確認"),
}


class FoundList(Static):
    """What the live checks of a step found, with what to do about it."""

    def __init__(self) -> None:
        super().__init__("", markup=False, id="found")
        self._found: list[Found] = []

    def clear(self) -> None:
        self._found = []
        self._refresh()

    def add(self, found: Found) -> None:
        self._found.append(found)
        # What has to be mended comes first.
        self._found.sort(key=lambda one: _ORDER.index(one.status))
        self._refresh()

    @property
    def found(self) -> tuple[Found, ...]:
        return tuple(self._found)

    def _refresh(self) -> None:
        self.display = bool(self._found)
        self.refresh(layout=True)

    def relabel(self) -> None:
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> VisualType:
        return Content("\n").join(self._lines(self.size.width))

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        for one in self._found:
            mark = f"[{words(self, status_label(one.status))}] "
            told = text("{title}: {what}", title=one.title, what=one.what)
            first, *rest = wrapped(mark + words(self, told), width, "  ")
            colour = _COLOURS[one.status]
            lines.append(Content(first).stylize(colour, 0, len(mark)))
            lines += map(Content, rest)
            if one.status not in (Status.OK, Status.SKIPPED):
                lines += self._remedies(one, width)
        return lines

    def _remedies(self, one: Found, width: int) -> Iterator[Content]:
        for step in one.remedy:
            for line in wrapped(f"  > {words(self, step)}", width, "    "):
                yield Content.styled(line, "$secondary")
        if one.code:
            see = text("参照: {see}  コード: {code}", see=one.see, code=one.code)
            yield Content.styled(f"  {words(self, see)}", "$secondary")
