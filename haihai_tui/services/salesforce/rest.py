"""Reading by the REST API: queries page by page, counts, descriptions, limits.

A cursor can die in the middle of a result, and then only the whole query can be
asked again.  So the pages of one query are handed out when all have arrived; a
result that goes this way is small.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx

from haihai_tui.errors import ServiceUnreachable, SettingsError, Text, text
from haihai_tui.services.salesforce import canonical
from haihai_tui.services.salesforce.describe import to_sobject
from haihai_tui.services.salesforce.errors import (
    Kind,
    damaged,
    gave_up,
    refusal_of,
)
from haihai_tui.services.salesforce.session import Session
from haihai_tui.sync.ports import PageFile, SObject

READ_AGAIN = 3
# The URI limit is 16,384 bytes for URI and headers together; a JWT can be 2 KB.
LONGEST_QUERY = 12_000


class Incomplete(ServiceUnreachable):
    """A result whose pages contradict each other."""


@dataclass(frozen=True, slots=True)
class QueryPage:
    """One answer of `/query`.  `asked_at` is the service's time of the request."""

    total: int
    records: tuple[Mapping[str, Any], ...]
    next_url: str
    asked_at: datetime


class Rest:
    """REST calls of one session; errors as for `Session`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._described: dict[str, SObject] = {}

    def query(self, soql: str, *, include_deleted: bool = False) -> QueryPage:
        """The first page of a query."""
        resource = "/queryAll" if include_deleted else "/query"
        return self._page(resource, {"q": soql})

    def more(self, next_url: str) -> QueryPage:
        """The page behind a `nextRecordsUrl`."""
        return self._page(next_url, None)

    def _page(self, resource: str, params: dict[str, str] | None) -> QueryPage:
        started = time.monotonic()

        def parse(response: httpx.Response) -> QueryPage:
            body = response.read()
            asked_at = service_time(response) - timedelta(
                seconds=time.monotonic() - started
            )
            try:
                return _to_page(canonical.decode(body), asked_at)
            except (ValueError, KeyError, TypeError) as error:
                raise damaged(
                    text("Salesforce の検索結果を読み取れません。")
                ) from error

        return self._session.fetch("GET", resource, parse, params=params)

    def count(self, sobject: str, condition: str) -> int:
        """Rows of `sobject` that meet `condition` ("" for all)."""
        where = f" WHERE {condition}" if condition.strip() else ""
        return self.query(f"SELECT COUNT() FROM {sobject}{where}").total

    def describe(self, sobject: str) -> SObject:
        """The object as the running user sees it now."""
        document = self._describe_document(sobject)
        try:
            described = to_sobject(document)
        except (KeyError, TypeError, ValueError) as error:
            raise gave_up(
                text("{object} の項目一覧を読み取れません。", object=sobject)
            ) from error
        self._described[sobject.lower()] = described
        return described

    def _describe_document(self, sobject: str) -> Any:
        try:
            return self._session.json("GET", f"/sobjects/{sobject}/describe")
        except SettingsError as error:
            if error.cause != "missing_object":
                raise
            # Salesforce says "the requested resource" and not which.
            what = text("{object} の項目一覧を読み取れません。", object=sobject)
            raise SettingsError(what, error.remedy, cause=error.cause) from error

    def described(self, sobject: str) -> SObject | None:
        """The last description that was asked for, without a call."""
        return self._described.get(sobject.lower())

    def limits(self) -> dict[str, Any]:
        """All limits of the org: name to {"Max", "Remaining"}."""
        limits: dict[str, Any] = self._session.json("GET", "/limits")
        return limits

    def versions(self) -> tuple[str, ...]:
        """The API versions that the org serves, oldest first, as `66.0`."""
        listed = self._session.json("GET", "/services/data")
        return tuple(str(entry["version"]) for entry in listed)

    def is_time(self, sobject: str, column: str) -> bool:
        """Whether a column holds date-times, as far as that is known for free.

        Text that looks exactly like one is told apart once the object is described;
        parents are not described for that.
        """
        described = self.described(sobject)
        field = described.fields.get(column.lower()) if described else None
        return field is None or field.type == "datetime"


def service_time(response: httpx.Response) -> datetime:
    """The service's clock, no later than it was (the header drops fractions)."""
    try:
        stamp = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return datetime.now(UTC)
    return stamp.astimezone(UTC)


def _to_page(document: Mapping[str, Any], asked_at: datetime) -> QueryPage:
    total, done = int(document["totalSize"]), document["done"]
    next_url = str(document.get("nextRecordsUrl") or "")
    if bool(next_url) == bool(done):
        raise ValueError("done and nextRecordsUrl contradict each other")
    return QueryPage(total, tuple(document["records"]), next_url, asked_at)


class RestExtract:
    """A query's result by REST; see `ports.Extract`."""

    def __init__(
        self,
        rest: Rest,
        soql: str,
        folder: Path,
        *,
        include_deleted: bool = False,
        first: QueryPage | None = None,
    ) -> None:
        self._rest = rest
        self._soql = soql
        self._folder = folder
        self._name = f"rest-{token_hex(4)}"
        self._include_deleted = include_deleted
        self._object = canonical.select_object(soql)
        self.columns = canonical.select_columns(soql)
        self._first: QueryPage | None = first or self._ask()
        self.as_of = self._first.asked_at

    def _ask(self) -> QueryPage:
        return self._rest.query(self._soql, include_deleted=self._include_deleted)

    def pages(self) -> Iterator[PageFile]:
        """All pages, once every one has arrived and their rows add up."""
        for attempt in range(1, READ_AGAIN + 1):
            written: list[PageFile] = []
            try:
                self._download(written)
            except ServiceUnreachable as error:
                _drop(written)
                refusal = refusal_of(error)
                restart = refusal is not None and refusal.kind is Kind.RESTART
                if attempt == READ_AGAIN or not (
                    restart or isinstance(error, Incomplete)
                ):
                    raise
            except BaseException:
                _drop(written)
                raise
            else:
                yield from written
                return

    def _download(self, written: list[PageFile]) -> None:
        page = self._first or self._ask()
        self._first = None
        total, rows, seen = page.total, 0, set[str]()
        while True:
            if page.records:
                written.append(self._write(page, len(written)))
                rows += len(page.records)
            if not page.next_url:
                break
            if page.next_url in seen:
                raise _incomplete(text("同じ続きの位置が二度返されました。"))
            seen.add(page.next_url)
            page = self._rest.more(page.next_url)
        if rows != total:
            raise _incomplete(
                text("{total} 行のはずが {rows} 行でした。", total=total, rows=rows)
            )

    def _write(self, page: QueryPage, number: int) -> PageFile:
        path = self._folder / f"{self._name}-{number:05d}.csv"
        part = path.with_suffix(".part")

        def is_time(column: str) -> bool:
            return self._rest.is_time(self._object, column)

        try:
            with part.open("wb") as file:
                file.write(canonical.header_line(self.columns))
                for record in page.records:
                    file.write(canonical.record_line(record, self.columns, is_time))
            part.replace(path)
        except KeyError as error:
            part.unlink(missing_ok=True)
            raise _incomplete(
                text("応答に項目 {field} がありません。", field=str(error.args[0]))
            ) from error
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return PageFile(path, len(page.records), gzip=False)


def _incomplete(detail: Text) -> Incomplete:
    return Incomplete(
        text("Salesforce の検索結果が不完全です: {detail}", detail=detail),
        text("しばらく待ってから再実行してください。"),
        cause="service_unavailable",
    )


def _drop(pages: list[PageFile]) -> None:
    for page in pages:
        page.path.unlink(missing_ok=True)
