"""The Salesforce client of one profile, as the sync sees it.

Which way a table goes is decided here, by its size: REST answers a small question
in one call, Bulk 2.0 moves a large table in a few.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote_plus

from haihai_tui.errors import ConnectorError, ServiceUnreachable
from haihai_tui.services.salesforce.bulk import BulkExtract
from haihai_tui.services.salesforce.collections_update import update_rows
from haihai_tui.services.salesforce.errors import Kind, refusal_of
from haihai_tui.services.salesforce.failures import FailureFile
from haihai_tui.services.salesforce.ingest import Ingest
from haihai_tui.services.salesforce.jobs import JobLimits, Jobs
from haihai_tui.services.salesforce.reports import Reports
from haihai_tui.services.salesforce.rest import LONGEST_QUERY, Rest, RestExtract
from haihai_tui.services.salesforce.session import Session
from haihai_tui.sync.ports import Extract, PageFile, SObject, UpdateOutcome


class SalesforceClient:
    """Implements `ports.Salesforce`; who built the session closes its connections.

    `bulk_threshold`: results of more rows than this are read by Bulk.
    `collections_rows`: updates of up to this many rows go as collections.
    `parallel`: Bulk result pages read at the same time (1: one by one).
    `journal`: a folder that outlives the run; the Ids of jobs under way are kept
    there, so that the next run can abort what a killed one left behind.
    """

    def __init__(
        self,
        session: Session,
        *,
        bulk_threshold: int = 10_000,
        collections_rows: int = 2_000,
        parallel: int = 4,
        job_limits: JobLimits | None = None,
        journal: Path | None = None,
    ) -> None:
        self.session = session
        self.rest = Rest(session)
        self._bulk_threshold = bulk_threshold
        self._collections_rows = collections_rows
        self._parallel = parallel
        # One of each kind: what an earlier run left behind is swept only once.
        self._query_jobs, self._ingest_jobs = (
            Jobs(session, kind, limits=job_limits, journal=journal)
            for kind in ("query", "ingest")
        )

    def abandon_left_jobs(self) -> None:
        """Abort the jobs of a run that was killed, before anything is read: one that
        is still worked off would change what was compared with."""
        for jobs in (self._ingest_jobs, self._query_jobs):
            jobs.sweep()

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
        if not expect_many and len(quote_plus(soql)) <= LONGEST_QUERY:
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
            elif rows <= self._collections_rows:
                described = self.rest.described(sobject) or self.describe(sobject)
                written = update_rows(self.session, described, table, failures)
            else:
                ingest = Ingest(self.session, self._ingest_jobs, folder)
                written = ingest.update(sobject, table, rows, failures)
        return UpdateOutcome(written, failures)

    def may_view_encrypted(self) -> bool:
        column = "PermissionsViewEncryptedData"
        try:
            found = self.rest.query(f"SELECT {column} FROM UserPermissionAccess")
        except ConnectorError as error:
            refusal = refusal_of(error)
            if refusal is not None and refusal.code in (
                "INVALID_FIELD",
                "INVALID_TYPE",
            ):
                return True
            raise
        return all(row.get(column) is not False for row in found.records)

    def report_ids(self, report: str, described: SObject) -> Sequence[str]:
        return Reports(self.session).members(report, described).ids

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
        if first.next_url and first.total > self._bulk_threshold:
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
                parallel=self._parallel,
            )
        except ConnectorError as error:
            refusal = refusal_of(error)
            # Not every object and field can be read by Bulk.
            if refusal is not None and refusal.code in _NOT_BY_BULK:
                return by_rest()
            raise


_NOT_BY_BULK = frozenset(("INVALIDENTITY", "API_ERROR", "FEATURENOTENABLED"))
