"""The Salesforce client of one profile, as the sync sees it.

Which way a table goes is decided here, by its size: REST answers a small question
in one call, Bulk 2.0 moves a large table in a few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from types import TracebackType

from haihai_tui.errors import ConnectorError, ServiceUnreachable
from haihai_tui.services.http import (
    Channel,
    OnRetry,
    RetryPolicy,
    Timeouts,
    new_client,
)
from haihai_tui.services.salesforce.budget import Budget
from haihai_tui.services.salesforce.bulk import BulkExtract
from haihai_tui.services.salesforce.collections_update import update_rows
from haihai_tui.services.salesforce.errors import SERVICE, Kind, refusal_of
from haihai_tui.services.salesforce.failures import FailureFile
from haihai_tui.services.salesforce.ingest import Ingest
from haihai_tui.services.salesforce.jobs import JobLimits, Jobs
from haihai_tui.services.salesforce.oauth import App, OAuth
from haihai_tui.services.salesforce.rest import LONGEST_QUERY, Rest, RestExtract
from haihai_tui.services.salesforce.session import Session
from haihai_tui.services.salesforce.tokens import TokenStore
from haihai_tui.services.sockets import Patience
from haihai_tui.sync.ports import Extract, PageFile, SObject, UpdateOutcome


@dataclass(frozen=True, slots=True)
class Options:
    """What of the client's behaviour may be set.

    `bulk_from_rows`: results larger than this are read by Bulk.
    `collections_rows`: updates of up to this many rows go as collections.
    `parallel`: Bulk result pages read at the same time (1: one by one).
    `share`: the part of the org's daily API requests for this client, 0 to 1.
    """

    api_version: str = "66.0"
    expected_org_id: str = ""
    bulk_from_rows: int = 10_000
    collections_rows: int = 2_000
    parallel: int = 4
    share: float = 1.0
    ca_file: str = ""
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    job_limits: JobLimits = field(default_factory=JobLimits)


class SalesforceClient:
    """Implements `ports.Salesforce`; close it, or use it as a context manager.

    `journal` is a folder that outlives the run: the Ids of jobs under way are kept
    there, so that the next run can abort what a killed one left behind.
    """

    def __init__(
        self, session: Session, options: Options, *, journal: Path | None = None
    ) -> None:
        self.session = session
        self.rest = Rest(session)
        self._options = options
        # One of each kind: what an earlier run left behind is swept only once.
        self._query_jobs, self._ingest_jobs = (
            Jobs(session, kind, limits=options.job_limits, journal=journal)
            for kind in ("query", "ingest")
        )
        self._closers: list[Callable[[], None]] = []

    # ----------------------------------------------------- ports.Salesforce

    def describe(self, sobject: str) -> SObject:
        return self.rest.describe(sobject)

    def count(self, sobject: str, condition: str) -> int:
        return self.rest.count(sobject, condition)

    def extract(
        self,
        soql: str,
        folder: Path,
        *,
        include_deleted: bool = False,
        expect_many: bool = False,
    ) -> Extract:
        if not expect_many and len(soql.encode()) <= LONGEST_QUERY:
            small = self._extract_small(soql, folder, include_deleted)
            if small is not None:
                return small
        return self._extract_large(soql, folder, include_deleted)

    def update(
        self, sobject: str, table: Path, rows: int, folder: Path
    ) -> UpdateOutcome:
        failures = FailureFile(folder / f"failures-{token_hex(4)}.ndjson")
        with failures:
            if rows == 0:
                written = 0
            elif rows <= self._options.collections_rows:
                described = self.rest.described(sobject) or self.describe(sobject)
                written = update_rows(self.session, described, table, failures)
            else:
                ingest = Ingest(self.session, self._ingest_jobs, folder)
                written = ingest.update(sobject, table, rows, failures)
        return UpdateOutcome(written, failures)

    def calls(self) -> int:
        return self.session.budget.spent

    # ------------------------------------------------------------- internal

    def _extract_small(
        self, soql: str, folder: Path, include_deleted: bool
    ) -> Extract | None:
        """By REST; None where the answer shows that Bulk is the better way."""
        try:
            first = self.rest.query(soql, include_deleted=include_deleted)
        except ServiceUnreachable as error:
            refusal = refusal_of(error)
            if refusal is not None and refusal.kind is Kind.SMALLER:
                return None
            raise
        if first.next_url and first.total > self._options.bulk_from_rows:
            return None
        return RestExtract(
            self.rest, soql, folder, include_deleted=include_deleted, first=first
        )

    def _extract_large(self, soql: str, folder: Path, include_deleted: bool) -> Extract:
        def by_rest() -> RestExtract:
            return RestExtract(self.rest, soql, folder, include_deleted=include_deleted)

        def fallback() -> Iterator[PageFile]:
            return by_rest().pages()

        try:
            return BulkExtract(
                self.session,
                self._query_jobs,
                soql,
                folder,
                fallback=fallback,
                include_deleted=include_deleted,
                parallel=self._options.parallel,
            )
        except ConnectorError as error:
            refusal = refusal_of(error)
            # Not every object and field can be read by Bulk.
            if refusal is not None and refusal.code in _NOT_BY_BULK:
                return by_rest()
            raise

    def on_close(self, closer: Callable[[], None]) -> None:
        """Call `closer` when the client is closed."""
        self._closers.append(closer)

    def close(self) -> None:
        """Close the connections."""
        while self._closers:
            self._closers.pop()()

    def __enter__(self) -> SalesforceClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(Exception):
            self.close()


_NOT_BY_BULK = frozenset(("INVALIDENTITY", "API_ERROR", "FEATURENOTENABLED"))


def open_oauth(
    app: App, options: Options | None = None
) -> tuple[OAuth, Callable[[], None]]:
    """OAuth over a connection of its own, and what closes it.

    Nothing interrupts it and no connection is kept: a refresh whose answer is lost
    can cost the whole authorisation.
    """
    chosen = options or Options()
    patience = Patience()
    http = new_client(
        timeouts=chosen.timeouts,
        ca_file=chosen.ca_file,
        patience=patience,
        keep_alive=False,
    )
    channel = Channel(http, SERVICE, policy=chosen.retries, patience=patience)
    oauth = OAuth(channel, app, expected_org_id=chosen.expected_org_id)
    return oauth, http.close


def open_client(
    app: App,
    store: TokenStore,
    options: Options | None = None,
    *,
    on_usage: Callable[[int, int], None] | None = None,
    on_retry: OnRetry | None = None,
    cancelled: Callable[[], bool] | None = None,
    journal: Path | None = None,
) -> SalesforceClient:
    """A client over real connections; nothing is sent before the first call.

    Raises SettingsError for an unreadable CA file or proxy setting.
    """
    chosen = options or Options()
    oauth, close_oauth = open_oauth(app, chosen)
    patience = Patience(cancelled)
    http = new_client(
        timeouts=chosen.timeouts,
        ca_file=chosen.ca_file,
        patience=patience,
        connections=max(4, chosen.parallel + 2),
    )
    channel = Channel(
        http, SERVICE, policy=chosen.retries, patience=patience, on_retry=on_retry
    )
    session = Session(
        channel,
        oauth,
        store,
        api_version=chosen.api_version,
        expected_org_id=chosen.expected_org_id,
        budget=Budget(chosen.share, on_usage),
    )
    client = SalesforceClient(session, chosen, journal=journal)
    client.on_close(close_oauth)
    client.on_close(http.close)
    return client
