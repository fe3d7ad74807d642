"""Updates of many records: Bulk 2.0 ingest, from disk to result file.

A job takes its data in one piece and nothing happens before it is closed, so an
upload of unknown outcome is aborted and made anew: no row can be written twice.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

import stamina

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.salesforce.download import download
from haihai_tui.services.salesforce.errors import (
    Kind,
    classify_row,
    refusal_of,
    to_error,
)
from haihai_tui.services.salesforce.failures import FailureFile
from haihai_tui.services.salesforce.jobs import Job, Jobs, Stuck
from haihai_tui.services.salesforce.page_check import broken
from haihai_tui.services.salesforce.session import Session
from haihai_tui.sync.ports import RowFailure

# 150 MB are allowed, counted in base64.
MOST_BYTES = 100_000_000
ROUNDS = 3
PAUSE_S = 8.0  # at most, before rows that met a lock are tried again
UPLOAD_DEADLINE_S = 1800.0
_FIELDS = re.compile(r":([^:]*?) ?--$")


@dataclass
class _Again:
    """Rows worth another round, as a table like the first."""

    path: Path
    rows: int = 0


class Ingest:
    """Updates by ingest jobs; errors as for `Session`."""

    def __init__(self, session: Session, jobs: Jobs, folder: Path) -> None:
        self._session = session
        self._jobs = jobs
        self._folder = folder
        self._name = f"ingest-{token_hex(4)}"

    def update(
        self, sobject: str, table: Path, rows: int, failures: FailureFile
    ) -> int:
        """Update every row of `table`; refused rows go into `failures`.

        Returns how many rows were written.  Rows that met a lock, and rows that a
        job left out, are tried again.
        """
        written = 0
        for number in range(1, ROUNDS + 1):
            again = _Again(self._folder / f"{self._name}-again-{number}.csv")
            last = number == ROUNDS
            for part in self._parts(table, number):
                written += self._run(sobject, part, again, failures, last=last)
                if part != table:
                    part.unlink(missing_ok=True)
            if not again.rows:
                break
            table = again.path
            pause = 0.0 if stamina.is_testing() else random.uniform(0.25, 1.0)
            self._session.channel.patience.sleep(pause * PAUSE_S)
        return written

    def _parts(self, table: Path, number: int) -> Iterator[Path]:
        if table.stat().st_size <= MOST_BYTES:
            yield table
            return
        yield from split_table(table, self._folder, f"{self._name}-{number}")

    def _run(
        self,
        sobject: str,
        table: Path,
        again: _Again,
        failures: FailureFile,
        *,
        last: bool,
    ) -> int:
        """One job: how many of its rows were written."""
        job = self._session.channel.repeat(
            "PUT /jobs/ingest", lambda: self._upload(sobject, table)
        )
        try:
            ended = self._jobs.wait(job)
        except Stuck:
            # Aborted by now: what it did not reach is in its unprocessed rows.
            ended = self._jobs.status(job.id)
        self._jobs.forget(job.id)
        _raise_if_settings(ended)
        refused = 0
        unsure = ended.state != "JobComplete" and ended.processed > 0
        if ended.failed or unsure:
            refused = self._take_failed(ended, again, failures, last=last)
        if ended.state != "JobComplete":
            self._take_unprocessed(ended, again, failures, last=last)
        return ended.processed - refused

    def _upload(self, sobject: str, table: Path) -> Job:
        job = self._jobs.create(
            {
                "object": sobject,
                "operation": "update",
                "contentType": "CSV",
                "columnDelimiter": "COMMA",
                "lineEnding": "LF",
            }
        )
        with self._jobs.abandoned_on_error(job.id):
            target = job.content_url or f"{self._jobs.path(job.id)}/batches"
            self._session.stream(
                "PUT",
                target,
                lambda response: response.read(),
                content=lambda: _opened(table),
                headers={"Content-Type": "text/csv"},
                deadline_s=UPLOAD_DEADLINE_S,
            )
            self._close(job)
        return job

    def _close(self, job: Job) -> None:
        try:
            self._jobs.set_state(job.id, "UploadComplete")
        except SettingsError:
            raise
        except Exception as error:
            # Its answer may have been lost once: closing twice is refused.
            refusal = refusal_of(error)
            if refusal is None or refusal.kind is Kind.RETRY:
                raise
            if self._jobs.status(job.id).state == "Open":
                raise

    def _take_failed(
        self, job: Job, again: _Again, failures: FailureFile, *, last: bool
    ) -> int:
        path = self._result(job, "failedResults", job.failed)
        count = 0
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader)
            own = _own_columns(header)
            id_column = _id_column(header, own)
            with _appending(again, [header[i] for i in own]) as write:
                for row in reader:
                    count += 1
                    failure = to_failure(
                        row[id_column] or row[0], row[header.index("sf__Error")]
                    )
                    kind = classify_row(failure.code, failure.message).kind
                    if kind is Kind.RETRY and not last:
                        write([row[i] for i in own])
                    else:
                        failures.add(failure)
        path.unlink()
        return count

    def _take_unprocessed(
        self, job: Job, again: _Again, failures: FailureFile, *, last: bool
    ) -> None:
        path = self._result(job, "unprocessedrecords", None)
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader)
            id_column = _id_column(header, range(len(header)))
            with _appending(again, header) as write:
                for row in reader:
                    if not last:
                        write(row)
                        continue
                    reason = job.error or job.state
                    failures.add(RowFailure(row[id_column], "UNPROCESSED", reason))
        path.unlink()

    def _result(self, job: Job, name: str, expected: int | None) -> Path:
        resource = f"{self._jobs.path(job.id)}/{name}"
        target = self._folder / f"{self._name}-{job.id}-{name}.csv"

        def attempt() -> Path:
            page = download(self._session, resource, target)
            if expected is not None and page.file.rows != expected:
                page.file.path.unlink(missing_ok=True)
                raise broken(
                    text(
                        "{promised} 行のはずが {rows} 行でした。",
                        promised=expected,
                        rows=page.file.rows,
                    )
                )
            return page.file.path

        return self._session.channel.repeat(f"GET {resource}", attempt)


def to_failure(record_id: str, error: str) -> RowFailure:
    """Read `sf__Error`: `CODE:message:fields --`, the message may hold colons."""
    code, _, rest = error.partition(":")
    found = _FIELDS.search(f":{rest}" if ":" not in rest else rest)
    named = found.group(1) if found else ""
    message = rest[: -len(found.group(0))] if found and ":" in rest else rest
    fields = tuple(name.strip() for name in named.split(",") if name.strip())
    return RowFailure(record_id, code.strip(), message.strip(" -"), fields)


def split_table(
    table: Path, folder: Path, name: str, most_bytes: int = MOST_BYTES
) -> Iterator[Path]:
    """Cut a CSV file into files of about `most_bytes`, lazily.

    A record is never cut, so a file may be longer by the rest of its last one.
    """
    with table.open("rb") as source:
        header = source.readline()
        number, size, inside = 0, 0, False
        part: BinaryIO | None = None
        path = table
        for line in source:
            if part is None or (not inside and size + len(line) > most_bytes):
                if part is not None:
                    part.close()
                    yield path
                number, size = number + 1, len(header)
                path = folder / f"{name}-part-{number:03d}.csv"
                part = path.open("wb")
                part.write(header)
            part.write(line)
            size += len(line)
            inside ^= line.count(b'"') % 2 == 1
        if part is not None:
            part.close()
            yield path


@contextmanager
def _opened(table: Path) -> Iterator[BinaryIO]:
    with table.open("rb") as file:
        yield file


Write = Callable[[list[str]], None]


@contextmanager
def _appending(again: _Again, header: list[str]) -> Iterator[Write]:
    """Appends rows to the table of the next round, creating it with `header`."""
    with again.path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        if file.tell() == 0:
            writer.writerow(header)

        def write(row: list[str]) -> None:
            writer.writerow(row)
            again.rows += 1

        yield write


def _own_columns(header: list[str]) -> list[int]:
    """Positions of the columns that were sent; `sf__…` is the service's."""
    return [i for i, name in enumerate(header) if not name.startswith("sf__")]


def _id_column(header: list[str], among: Iterable[int]) -> int:
    for position in among:
        if header[position].lower() == "id":
            return position
    raise broken(text("結果に Id 列がありません。"))


def _raise_if_settings(job: Job) -> None:
    """A job that failed for its header would fail again: say so."""
    if job.state != "Failed":
        return
    code, _, message = job.error.partition(":")
    name = code.strip().upper().replace(" ", "_")
    if name == "INVALIDBATCH" and "field" in message.lower():
        name = "INVALID_FIELD"
    refusal = classify_row(name, message.strip())
    if refusal.cause in ("missing_field", "missing_object", "no_edit_permission"):
        raise to_error(replace(refusal, kind=Kind.CONFIG))
