"""The HaiHai Mail client behind the sync's `Haihai` port.

It can register, take out of a group and set 配信状態, and nothing that destroys:
a request that would delete from the database, or touch customers who are not in
the file, is refused here whatever the caller meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from io import StringIO
from pathlib import Path

from haihai_tui.errors import ConnectorError, NotOffered, text
from haihai_tui.services.haihai import answers, csvfile, csvtext, retrieval
from haihai_tui.services.haihai import rows as read
from haihai_tui.services.haihai.ahead import one_ahead
from haihai_tui.services.haihai.connection import Account, Connection, OnCall
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.http import Channel
from haihai_tui.sync.ports import (
    Batch,
    Group,
    ImportFailure,
    ImportKind,
    ImportResult,
    Member,
    MemberRow,
    Receipt,
    View,
)

SERVICE = "配配メール"
"""The name to give the channel: what operators read in errors."""

_UNAVAILABLE = ImportResult("unavailable")


class HaihaiClient:
    """One account.  Errors are those of the port."""

    def __init__(
        self,
        channel: Channel,
        account: Account,
        wire: Wire,
        *,
        on_call: OnCall | None = None,
        download_s: float = 600.0,
    ) -> None:
        """`on_call` is asked before each counted call and may raise BudgetUsedUp;
        `download_s` bounds one retrieval in seconds."""
        self._wire = wire
        self._connection = Connection(
            channel, account, wire, on_call=on_call, download_s=download_s
        )
        self._tells_results = bool(wire.result_action)

    @property
    def encoding(self) -> str:
        """The Python codec of import files."""
        return self._wire.encoding

    def calls(self) -> int:
        """Counted calls so far; a repetition after a lost answer is none."""
        return self._connection.calls

    def groups(self) -> tuple[Group, ...] | None:
        """All delivery groups, or None where the service cannot list them."""
        return retrieval.groups(self._connection)

    def members(self, group: str, folder: Path) -> Iterator[Member]:
        """Members of a group; downloaded whole before the first is yielded."""
        return retrieval.members(self._connection, group, folder)

    def member_rows(
        self, group: str, items: Sequence[str], folder: Path
    ) -> tuple[tuple[str, ...], Iterator[MemberRow]]:
        """Members with their values, as far as the service tells them."""
        return retrieval.member_rows(self._connection, group, items, folder)

    def views(
        self, since: datetime | None, folder: Path
    ) -> tuple[datetime, Iterator[View]]:
        """Clicks and visits from `since` on; and the service's time of the read."""
        return retrieval.views(self._connection, since, folder)

    def submit(self, batch: Batch, folder: Path) -> Iterator[Receipt]:
        """Pack, upload and have accepted one file after another, lazily.

        Raises ConnectorError at once for a batch that would delete customers or
        that has no group where one is needed.
        """
        _require_harmless(batch)
        return self._submit(batch, folder)

    def result(self, receipt: Receipt) -> ImportResult:
        """What became of an accepted import, as far as the service tells."""
        if not self._tells_results or not receipt.job:
            return _UNAVAILABLE
        wire = self._wire
        try:
            body = self._connection.fetch(
                wire.result_action, {wire.result_job_part: receipt.job}
            )
        except NotOffered:
            self._tells_results = False
            return _UNAVAILABLE
        except answers.UnknownJob:
            return _UNAVAILABLE
        if body is None:
            return ImportResult("pending")
        return ImportResult("done", tuple(_failures(body, wire)))

    def _submit(self, batch: Batch, folder: Path) -> Iterator[Receipt]:
        wire = self._wire
        fields = self._fields(batch)
        files = csvfile.pack(
            batch.columns,
            batch.lines,
            folder,
            encoding=wire.encoding,
            max_rows=wire.max_rows,
            max_bytes=wire.max_bytes,
            line_break=wire.line_break,
            prefix=f"haihai-{batch.kind.name.lower()}",
        )
        with closing(one_ahead(files, _remove)) as packed:
            for file in packed:
                try:
                    answer = self._connection.upload(fields, file.path)
                finally:
                    _remove(file)
                yield Receipt(
                    answer.job, batch.kind, file.path.name, file.first_row, file.rows
                )

    def _fields(self, batch: Batch) -> dict[str, str]:
        wire = self._wire
        # Without it, an existing customer would be left as "already registered".
        overwrite = batch.kind in (ImportKind.REGISTER, ImportKind.ALLOW)
        blank = wire.blank_keep if batch.blank == "keep" else wire.blank_overwrite
        return {
            wire.kind_part: str(int(batch.kind)),
            wire.overwrite_part: wire.overwrite_yes if overwrite else wire.overwrite_no,
            wire.blank_part: blank,
            wire.report_part: wire.report_value,
            **self._connection.target(batch.group),
        }


def _remove(file: csvfile.PackedFile) -> None:
    file.path.unlink(missing_ok=True)


def _require_harmless(batch: Batch) -> None:
    if batch.group or batch.kind is ImportKind.REGISTER:
        return
    if batch.kind is ImportKind.LEAVE:
        raise ConnectorError(
            text(
                "配信グループのない削除は顧客データベースから顧客を消すため、送信しま"
                "せん。"
            )
        )
    raise ConnectorError(
        text(
            "配信状態の変更（種類 {kind}）に配信グループの指定がありません。",
            kind=int(batch.kind),
        )
    )


def _failures(body: str, wire: Wire) -> Iterator[ImportFailure]:
    """Refused rows of a result table, rows counted from 0 in the file."""
    records = csvtext.records(StringIO(body, newline=""))
    wanted = (wire.result_row_column, wire.result_outcome_column)
    optional = (wire.result_address_column, wire.result_reason_column)
    number, outcome, address, reason = retrieval.positions(records, wanted, optional)
    fine = (wire.outcome_done, wire.outcome_other)
    for line, row in read.numbered(records, retrieval.failure):
        try:
            row.append("")
            if row[outcome] not in fine:
                yield ImportFailure(
                    int(row[number]) - wire.result_first_row,
                    row[address],
                    _reason(row[outcome], row[reason], wire),
                )
        except (IndexError, ValueError):
            raise retrieval.failure(
                text("処理結果の {line} 行目を読めません。", line=line), damaged=True
            ) from None


def _reason(outcome: str, reason: str, wire: Wire) -> str:
    """A word that is in no table is told as it came, never taken for success."""
    if outcome == wire.outcome_failed:
        return answers.shown(reason)
    return f"{answers.shown(outcome)}: {answers.shown(reason)}"
