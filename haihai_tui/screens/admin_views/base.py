"""What the views of 管理 share: a table that keeps its row, work on threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text as Cell
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import DataTable

from haihai_tui.errors import Text
from haihai_tui.screens.widgets.words import words

if TYPE_CHECKING:
    from haihai_tui.screens.base import ConsoleScreen
    from haihai_tui.services.administration import Administration


class Read(Message):
    """A view's rows, read on a thread."""

    def __init__(self, view: str, value: Any) -> None:
        super().__init__()
        self.view = view
        self.value = value


class Done(Message):
    """A deed is done; `say` goes to the message bar, `value` to the view."""

    def __init__(self, view: str, say: Text, value: Any = None) -> None:
        super().__init__()
        self.view = view
        self.say = say
        self.value = value


class AdminView(Vertical):
    """`read` and `take` are the view's own; the screen carries the messages."""

    @property
    def host(self) -> ConsoleScreen:
        return cast("ConsoleScreen", self.screen)

    def reload(self) -> None:
        """Read the rows anew."""
        self.work(lambda admin: Read(self.id or "", self.read(admin)), "read")

    def read(self, admin: Administration) -> Any:
        """The rows; on a thread."""
        raise NotImplementedError

    def take(self, value: Any) -> None:
        """Show what `read` returned."""
        raise NotImplementedError

    async def done(self, value: Any) -> None:
        """After a deed: read anew."""
        self.reload()

    def deed(self) -> None:
        """What F5 does here."""
        self.reload()

    def why_not(self) -> Text | None:
        """Why F5 does nothing now."""
        return None

    def work(self, body: Callable[[Administration], Message], group: str) -> None:
        """Do something with the services on a thread."""
        ctx, name = self.host.ctx, f"{self.id}-{group}"

        def run() -> Message:
            # Deferred: the store's driver, 200 ms that no frame waits for.
            from haihai_tui.services.administration import Administration

            assert ctx.operator is not None
            return body(
                Administration(
                    ctx.home, ctx.database, ctx.operator, ctx.environ, clock=ctx.clock
                )
            )

        self.host.background(run, name)


class Rows(DataTable[Cell]):
    """A table of lines; the row with the cursor stays, by key, when it is refilled.

    Cells are Rich texts: the table would read markup in a plain string.
    """

    def __init__(self, columns: Sequence[Text], *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", cell_padding=1)
        self._heads = columns

    def show(self, rows: Iterable[tuple[str, Sequence[str]]]) -> None:
        """Replace all rows: key and cells."""
        before = self.chosen
        self.clear(columns=True)
        for head in self._heads:
            self.add_column(Cell(words(self, head)))
        for key, cells in rows:
            self.add_row(*(Cell(cell) for cell in cells), key=key)
        if before is not None and before in self.rows:
            self.move_cursor(row=self.get_row_index(before), animate=False)

    @property
    def chosen(self) -> str | None:
        """The key of the row with the cursor."""
        if not self.row_count:
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value
