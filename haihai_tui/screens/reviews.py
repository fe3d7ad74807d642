"""確認待ち: who is behind an address, with the candidates side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.row_view import Piece, RowView
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.review_desk import NOBODY, Comparison, ReviewDesk, compare
from haihai_tui.services.roles import Action
from haihai_tui.services.wording import local_time

if TYPE_CHECKING:
    from haihai_tui.services.store.reviews import ReviewRow

_PAUSE_S = 0.4
_FIELD_WIDTH = 14
_LEAST_WIDTH = 22


class ReviewsRead(Message):
    """The open questions; `count` of them there are in all."""

    def __init__(self, rows: list[ReviewRow], count: int) -> None:
        super().__init__()
        self.rows = rows
        self.count = count


class CandidatesRead(Message):
    """What Salesforce holds of one question's candidates."""

    def __init__(self, review_id: int, comparison: Comparison) -> None:
        super().__init__()
        self.review_id = review_id
        self.comparison = comparison


class ReviewDecided(Message):
    """A person has answered."""

    def __init__(self, decision: str) -> None:
        super().__init__()
        self.decision = decision


class ReviewsScreen(ConsoleScreen):
    TITLE = text("確認待ち")
    NAME = "reviews"

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[ReviewRow] = []
        self._count: int | None = None
        self._known: dict[int, Comparison] = {}
        self._chosen = 0
        self._soon: Timer | None = None

    def body(self) -> ComposeResult:
        yield Words(id="shown", classes="wide")
        yield RowView(self._question, id="questions")
        yield Words(id="sides-head", classes="wide")
        yield RowView(self._side, id="sides")

    def on_mount(self) -> None:
        super().on_mount()
        self._fetch()
        self.query_one("#questions").focus()

    def fill(self) -> None:
        self._tell()

    # ----------------------------------------------------------------- reading

    def _fetch(self) -> None:
        def read() -> Message:
            desk = ReviewDesk(self.ctx.database, self.ctx.profile)
            return ReviewsRead(desk.open(), desk.count())

        self.background(read, "reviews")

    def on_reviews_read(self, message: ReviewsRead) -> None:
        self._rows, self._count = message.rows, message.count
        questions = self.query_one("#questions", RowView)
        questions.show(len(self._rows), questions.cursor)
        self._at_question()
        self.refresh_keys()

    @on(RowView.Moved, "#questions")
    def _at_question(self) -> None:
        self._chosen = 0
        self._show_sides()
        if self._soon is not None:
            self._soon.stop()
        present = self._present
        if present is not None and present.id not in self._known:
            # Not while somebody scrolls past: each question is a call to Salesforce.
            self._soon = self.set_timer(_PAUSE_S, self._read_candidates)

    @property
    def _present(self) -> ReviewRow | None:
        cursor = self.query_one("#questions", RowView).cursor
        return self._rows[cursor] if cursor < len(self._rows) else None

    def _read_candidates(self) -> None:
        review = self._present
        if review is None:
            return

        def read() -> Message:
            # Deferred: HTTP clients load when the first question is looked at.
            from haihai_tui.doors import Doors
            from haihai_tui.services.runs import Stopper

            with (
                self.ctx.workplace() as workplace,
                Doors(workplace, Stopper()).salesforce() as client,
            ):
                found = compare(client.rest, workplace.settings, review)
            return CandidatesRead(review.id, found)

        self.background(read, "candidates")

    def on_candidates_read(self, message: CandidatesRead) -> None:
        self._known[message.review_id] = message.comparison
        self._show_sides()

    # ----------------------------------------------------------------- drawing

    def _question(self, row: int, width: int) -> Sequence[Piece]:
        review = self._rows[row]
        people = self.t(text("{n} 人", n=len(review.candidates)))
        return [
            (self._address(review), 32 if width >= 70 else 24, ""),
            (people, 6, "warning"),
            (local_time(review.asked_at), 12, "quiet"),
            (self.t(review.reason), 0, "quiet"),
        ]

    def _address(self, review: ReviewRow) -> str:
        """The address, once it is known: a question keeps its digest alone."""
        if review.address:
            return review.address
        known = self._known.get(review.id)
        values = known.rows[0][1] if known and known.rows else ()
        shown = next((value for value in values if value), "")
        return shown or review.candidates[0]

    def _side(self, row: int, width: int) -> Sequence[Piece]:
        present = self._present
        if present is None:
            return [("", 0, "")]
        room = max((width - _FIELD_WIDTH) // len(present.candidates), _LEAST_WIDTH)
        first = self._first_in_sight(width, room)
        if row == 0:
            marks = [
                f"{'>' if at == self._chosen else ' '} {one}"
                for at, one in enumerate(present.candidates)
            ]
            tone = ""
            label = self.t(text("候補"))
        else:
            label, values = self._known[present.id].rows[row - 1]
            marks = [f"  {self._value(value)}" for value in values]
            tone = "warning" if len(set(values)) > 1 else "quiet"
        mark = "*" if tone == "warning" else " "
        return [
            (f"{mark}{label}", _FIELD_WIDTH, "quiet"),
            *((one, room, tone) for one in marks[first:]),
        ]

    def _first_in_sight(self, width: int, room: int) -> int:
        fit = max((width - _FIELD_WIDTH) // room, 1)
        return max(self._chosen - fit + 1, 0)

    def _value(self, value: str | None) -> str:
        if value is None:
            return self.t(text("(見つかりません)"))
        return value or self.t(text("(空白)"))

    def _show_sides(self) -> None:
        present = self._present
        known = self._known.get(present.id) if present else None
        rows = 1 + len(known.rows) if known else 1
        self.query_one("#sides", RowView).show(rows if present else 0)
        self._tell()

    def _tell(self) -> None:
        present = self._present
        shown: Text | str = ""
        if self._count == 0:
            shown = text("確認待ちはありません。同じアドレスの人が見つかると並びます。")
        elif self._count:
            shown = text("確認待ち {n} 件", n=f"{self._count:,}")
        self.query_one("#shown", Words).show(shown)
        told: Text | str = ""
        if present is not None:
            told = text("候補 (* は値の違う項目)  F6 で選び、F5 で決めます。")
            if present.id not in self._known:
                told = text("候補を Salesforce から読んでいます。")
        self.query_one("#sides-head", Words).show(told)
        self.query_one("#questions").refresh()

    # ------------------------------------------------------------------- deeds

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if action.startswith("reviews."):
            if not self._rows:
                return text("確認待ちはありません。")
            if action in ("reviews.decide", "reviews.nobody"):
                return self.lacks(Action.REVIEW)
        return None

    def action_next_candidate(self) -> None:
        if (present := self._present) is not None:
            self._chosen = (self._chosen + 1) % len(present.candidates)
            self.query_one("#sides").refresh()

    def action_decide(self) -> None:
        if (present := self._present) is not None:
            self._decide(present, present.candidates[self._chosen])

    def action_nobody(self) -> None:
        if (present := self._present) is not None:
            self._decide(present, NOBODY)

    def _decide(self, review: ReviewRow, decision: str) -> None:
        operator = self.ctx.operator
        assert operator is not None

        def decide() -> Message:
            desk = ReviewDesk(self.ctx.database, self.ctx.profile)
            desk.decide(review.id, decision, operator)
            return ReviewDecided(decision)

        self.background(decide, "decide")

    def on_review_decided(self, message: ReviewDecided) -> None:
        told = text(
            "{record} をこのアドレスの人としました。次の実行から反映します。",
            record=message.decision,
        )
        if message.decision == NOBODY:
            told = text("どの候補も連携しません。次の実行から反映します。")
        self.say(told, "ok")
        self._fetch()
