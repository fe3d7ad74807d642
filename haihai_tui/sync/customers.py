"""顧客連携, Salesforce → HaiHai Mail: the plan.

Reads what moved, compares it with the snapshot, decides who owns which address
and leaves a plan on disk.  `customers_run` carries the plan out.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path

from haihai_tui.errors import text
from haihai_tui.sync import draft as drafting
from haihai_tui.sync import guard, matching
from haihai_tui.sync.address_index import rebuild_index
from haihai_tui.sync.config import CustomersConfig
from haihai_tui.sync.customers_fields import check_customer_fields, tell_broken_fields
from haihai_tui.sync.cut_off import LeftOver, collect_left_over, sent_ids
from haihai_tui.sync.draft import FLOW, Draft
from haihai_tui.sync.events import Event
from haihai_tui.sync.findings import Findings
from haihai_tui.sync.mapping import Mapper
from haihai_tui.sync.membership import given_up, is_settled, read_members
from haihai_tui.sync.merges import Merges, hand_on, merges_of
from haihai_tui.sync.ports import Extract, PageFile, SObject
from haihai_tui.sync.reading import (
    IDS_A_QUERY,
    ArrivingPages,
    AudienceQuery,
    NamedRecords,
    OutOfOrder,
    extract_by_ids,
    in_batches,
    in_id_order,
    literal,
    overlapped,
    parse_moment,
    records_of,
    scanned_ids,
    sorted_by_id,
)
from haihai_tui.sync.services import Services
from haihai_tui.sync.suppression_ledger import LEDGER, LEDGER_WIDTH
from haihai_tui.sync.tables.fixed import TableDamaged
from haihai_tui.sync.tables.records import ID_WIDTH, parse_record, record_id
from haihai_tui.sync.tables.snapshot import Snapshot, SnapshotHead

SNAPSHOT = "customers.snapshot"
INDEX = "customers.addresses"
CURSOR = "customers"

RECYCLE_BIN = timedelta(days=14)
"""Deletions are told for 15 days; after a longer gap everything is read."""

MANY = 50_000
"""From here on a whole read by Bulk costs less than picking out what moved."""

TELL_EVERY = 20_000
"""Records between two reports of progress."""

UNSCANNED = b"~"
"""Flag of an Id that is asked for beside the scan; sorts behind the scan's own, which
know whether the record was deleted."""

RETRY_QUERIES = 20
"""With more rejects than fit into these many queries, everything is read."""


@dataclass(slots=True)
class CustomersPlan:
    """All that one run will do; the spool files hold it, change by change."""

    draft: Draft
    decisions: matching.Decisions
    old: Snapshot | None
    head: SnapshotHead
    cursor: str
    full: bool
    forced: Path
    index: Path | None
    events: Path
    types: str
    left_over: LeftOver
    merges: Merges = field(default_factory=Merges)
    findings: Findings | None = None

    @property
    def counts(self) -> drafting.Counts:
        return self.draft.counts

    @property
    def only_newcomers(self) -> bool:
        """Whether all changes are records that nobody was linked to before."""
        return (
            self.old is None
            and self.index is None
            and self.counts.created == self.draft.changes.count
            and not self.left_over.count
        )

    def reduced(self, kinds: bytes) -> int:
        """Changes of a kind that are held back or not wanted."""
        kept_back = [held.kind for held in self.decisions.held.values()]
        kept_back += self.decisions.unknown.values()
        return kept_back.count(kinds)


class CustomersPlanner:
    """Builds the plan of one run; makes no writing call."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._config: CustomersConfig = services.config.customers
        self._folder = services.scratch / FLOW
        self._folder.mkdir(parents=True, exist_ok=True)
        self.described: SObject = services.salesforce.describe(self._config.sobject)
        self._fields_seen = check_customer_fields(services, self.described)
        self.mapper = Mapper(self._config, self._fields_seen, services.haihai.encoding)
        self._query = AudienceQuery(
            self._config.sobject,
            self._config.audience,
            tuple(self.mapper.select),
            merges="masterrecordid" in self.described.fields,
        )
        self._merges = Merges()
        self._asked_for_members = False
        self._members_table: Path | None = None
        self._head = SnapshotHead(
            self.mapper.columns, self.mapper.fingerprint, _fingerprint(self._config)
        )
        tell_broken_fields(services, self.described, self._fields_seen)
        self._draft = self._new_draft()

    def close(self) -> None:
        """Let go of a draft that will not be carried out."""
        self._draft.close()

    def plan(self) -> CustomersPlan:
        old = self._open_snapshot()
        forced = self._forced()
        if old is not None:
            old.project(self.mapper.columns)
        full = self._must_read_all(old, forced)
        if full or old is None:
            cursor = self._compare_all(old, forced)
        else:
            cursor, full = self._compare_moved(old, forced)
        left_over = self._collect_left_over()
        self._draft.close()
        decisions = self._decide(first=old is None)
        return CustomersPlan(
            self._draft,
            decisions,
            old,
            self._head,
            cursor,
            full,
            forced,
            self._index,
            self._events,
            self._fields_seen.memory,
            left_over,
            self._merges,
        )

    def _new_draft(self) -> Draft:
        return Draft(
            self.mapper, self._folder, self._passed_over(), self._merges.losers
        )

    def weight(self, plan: CustomersPlan) -> guard.Weight:
        total = plan.old.active if plan.old else 0
        counts = plan.counts
        return guard.Weight(
            FLOW,
            total=total,
            excluded=counts.left + counts.deleted + len(plan.decisions.unowned),
            blanked=counts.blanked,
            source_empty=plan.full and not counts.read and total > 0,
        )

    # ------------------------------------------------------------- what to read

    def _open_snapshot(self) -> Snapshot | None:
        path = self._services.table(SNAPSHOT)
        if path is None:
            return None
        try:
            return Snapshot(path)
        except (TableDamaged, FileNotFoundError) as error:
            self._services.listener(
                Event(
                    "snapshot_rebuilt",
                    FLOW,
                    text(
                        "前回の控え {path} が壊れているか見つかりません。"
                        "全件を読み直して作り直します。",
                        path=path.name,
                    ),
                    "warning",
                    {"path": str(path), "why": str(error)},
                )
            )
            return None

    def _forced(self) -> Path:
        """Ids to be sent again whatever the snapshot says: the open rejects, and what
        a run that was cut off may have sent."""
        rejected = self._services.state.open_rejects(FLOW)
        ids = (one.encode() for one in rejected if len(one) == ID_WIDTH)
        sent = sent_ids(self._services)
        return self._write_ids("forced", heapq.merge(sorted(ids), sent))

    def _read_again(self, forced: Path) -> Path:
        """Ids to be read again: the rejects, and whoever a review is about."""
        state = self._services.state
        about = [review.candidates for review in state.open_reviews(FLOW)]
        about += [answer.candidates for answer in state.answers(FLOW)]
        asked = {one.encode() for candidates in about for one in candidates}
        return self._write_ids("again", heapq.merge(ids_of(forced), sorted(asked)))

    def _write_ids(self, name: str, ids: Iterable[bytes]) -> Path:
        path = self._folder / name
        with path.open("wb") as out:
            last = b""
            for one in ids:
                if one != last:
                    out.write(one)
                last = one
        return path

    def _passed_over(self) -> set[tuple[bytes, bytes]]:
        """(address key, Id) of those whom a person has decided against."""
        return {
            (bytes.fromhex(answer.key), one.encode())
            for answer in self._services.state.answers(FLOW)
            for one in answer.candidates
            if one != answer.chosen
        }

    def _must_read_all(self, old: Snapshot | None, forced: Path) -> bool:
        cursor = self._services.state.cursor(CURSOR)
        if self._services.options.full or old is None or cursor is None:
            return True
        if old.meaning != self._head or self._query.is_silent:
            return True
        if self._config.audience_report:
            return True
        return forced.stat().st_size > IDS_A_QUERY * RETRY_QUERIES * ID_WIDTH

    def _compare_all(self, old: Snapshot | None, forced: Path) -> str:
        if old is not None and self._query.merges:
            forced = self._with_heirs(old, self._merged_away(), forced)
        extract = self._read_all(old)
        watched = self._watched(extract, old.count if old else 0)
        with ArrivingPages(watched) as pages:
            forced, expelled = self._other_side(pages, old, forced)
            try:
                self._merge(in_id_order(pages), old, forced, expelled, pages)
            except OutOfOrder:
                self._draft.close()
                self._draft = self._new_draft()
                records = sorted_by_id(
                    records_of(pages), self._folder, "sorting", repeats=False
                )
                self._merge(in_batches(records), old, forced, expelled, pages)
            for page in pages:
                page.path.unlink(missing_ok=True)
        return literal(extract.as_of)

    def _read_all(self, old: Snapshot | None) -> Extract:
        salesforce, report = self._services.salesforce, self._config.audience_report
        if not report:
            return salesforce.extract(
                self._query.all(),
                self._folder,
                expect_many=old is not None and old.count > MANY,
            )
        asked = salesforce.extract(
            f"SELECT Id FROM {self._config.sobject} LIMIT 1", self._folder
        )
        ids = salesforce.report_ids(report, self.described)
        self._progress("report", len(ids))
        return NamedRecords(salesforce, self._query, ids, asked.as_of, self._folder)

    def _merged_away(self) -> Iterator[tuple[bytes, bytes]]:
        """Each merged record in the recycle bin, and what it was merged into."""
        soql = self._query.merged_away()
        binned = self._services.salesforce.extract(
            soql, self._folder, include_deleted=True
        )
        for record in records_of(binned.pages()):
            loser, winner = parse_record(record, 2)
            yield loser.encode(), winner.encode()

    def _with_heirs(
        self, old: Snapshot, pairs: Iterable[tuple[bytes, bytes]], forced: Path
    ) -> Path:
        """`forced`, and with it those who inherit a stop: it is theirs in this run."""
        merges = merges_of(pairs, old)
        if not merges.winners:
            return forced
        ledger = self._services.table(LEDGER, LEDGER_WIDTH)
        hand_on(merges, self._known_members(), ledger)
        self._merges = merges
        self._draft.merged = merges.losers
        ids = heapq.merge(ids_of(forced), sorted(merges.inherited))
        return self._write_ids("heirs", ids)

    def _other_side(
        self, pages: Iterable[PageFile], old: Snapshot | None, forced: Path
    ) -> tuple[Path, Path | None]:
        """Ids to send again, and Ids whose addresses have to leave the group although
        we took them out before: a run does not ask the other side for either."""
        return forced, None

    def _merge(
        self,
        batches: Iterable[list[bytes]],
        old: Snapshot | None,
        forced: Path,
        expelled: Path | None,
        pages: ArrivingPages,
    ) -> None:
        drafting.compare_all(
            self._counted(batches, pages),
            old.lines() if old else iter(()),
            ids_of(forced),
            self._recycled(old),
            ids_of(expelled) if expelled else iter(()),
            self._draft,
            read_anew=old is not None and old.meaning.mapping != self._head.mapping,
        )

    def _recycled(self, old: Snapshot | None) -> Iterator[bytes]:
        """Ids in the recycle bin, where deleting differs from leaving."""
        if old is None or self._config.on_delete != "bar":
            return
        binned = self._services.salesforce.extract(
            self._query.in_recycle_bin(), self._folder, include_deleted=True
        )
        records = records_of(binned.pages())
        for record in sorted_by_id(records, self._folder, "recycled", repeats=True):
            yield record_id(record)

    def _counted(
        self, batches: Iterable[list[bytes]], pages: ArrivingPages
    ) -> Iterator[list[bytes]]:
        """Progress is told when all is read: until then, reading tells its own."""
        done = told = 0
        for batch in batches:
            self._services.pacer.check()
            yield batch
            done += len(batch)
            if pages.complete and done - told >= TELL_EVERY:
                self._progress("compare", done, pages.rows)
                told = done

    def _watched(self, extract: Extract, expected: int) -> Iterator[PageFile]:
        """The pages, told as they come; `expected` rows, 0 where nobody knows."""
        rows = 0
        for page in extract.pages():
            self._services.pacer.check()
            rows += page.rows
            self._progress("read", rows, max(rows, expected) if expected else None)
            yield page

    def _progress(self, stage: str, done: int, total: int | None = None) -> None:
        wording = {
            "report": text("レポートから {done} 件の ID を読み取りました", done=done),
            "read": text("Salesforce から読み取り中: {done} 件", done=done),
            "compare": text("前回の控えと照合中: {done} 件", done=done),
        }[stage]
        data = {"stage": stage, "done": done, "total": total}
        self._services.listener(Event("progress", FLOW, wording, "debug", data))

    def _compare_moved(self, old: Snapshot, forced: Path) -> tuple[str, bool]:
        """Returns the new cursor, and whether all had to be read after all."""
        services = self._services
        cursor = services.state.cursor(CURSOR) or ""
        since = overlapped(cursor, self._config.overlap_minutes)
        scan = services.salesforce.extract(
            self._query.scan_since(since), self._folder, include_deleted=True
        )
        scanned = self._folder / "scanned"
        merged: list[tuple[bytes, bytes]] = []
        with scanned.open("wb") as out:
            for one, master in scanned_ids(scan):
                out.write(one)
                if master:
                    merged.append((one[:ID_WIDTH], master))
        count = scanned.stat().st_size // (ID_WIDTH + 1)
        self._progress("read", count)
        gap = scan.as_of - parse_moment(cursor)
        if gap > RECYCLE_BIN or count > MANY:
            if gap > RECYCLE_BIN:
                self._tell_gap(gap)
            return self._compare_all(old, forced), True
        if merged:
            forced = self._with_heirs(old, merged, forced)
        self._merge_moved(old, forced, scanned, since, count)
        return literal(scan.as_of), False

    def _tell_gap(self, gap: timedelta) -> None:
        wording = text(
            "前回の顧客連携から {days} 日が過ぎ、削除の記録がごみ箱に残っていないおそれ"
            "があります。全件を読み取って控えと突き合わせます。",
            days=gap.days,
        )
        data = {"days": gap.days}
        self._services.listener(Event("gap", FLOW, wording, "warning", data))

    def _merge_moved(
        self,
        old: Snapshot,
        forced: Path,
        scanned: Path,
        since: str,
        count: int,
    ) -> None:
        pages: list[PageFile] = []
        if count:
            moved = self._services.salesforce.extract(
                self._query.moved_since(since), self._folder
            )
            pages += self._watched(moved, count)
        again = self._read_again(forced)
        wanted = (one.decode() for one in ids_of(again))
        pages += extract_by_ids(
            self._services.salesforce, self._query, wanted, self._folder
        )
        records = sorted_by_id(records_of(pages), self._folder, "moved", repeats=True)
        asked = heapq.merge(
            sorted(_scanned(scanned)), (one + UNSCANNED for one in ids_of(again))
        )
        _compare_some(records, asked, set(ids_of(forced)), old, self._draft)
        for page in pages:
            page.path.unlink(missing_ok=True)

    # ---------------------------------------------------------------- matching

    def _collect_left_over(self) -> LeftOver:
        """Have the addresses that a run left over judged with those of the draft."""
        found = collect_left_over(self._services, self._folder)
        self._has_left_over = found.count > 0
        for key, one, _ in found.lines():
            self._draft.events.write(key, one, matching.LEFT_OVER)
        return found

    def _decide(self, *, first: bool) -> matching.Decisions:
        services = self._services
        self._events = events = self._draft.events.sorted()
        self._index = None if first else self._usable_index()
        index = self._index
        ledger = services.table(LEDGER, LEDGER_WIDTH)
        members = None
        if self._needs_members(events, ledger, first=first):
            members = self._known_members()
        decisions = matching.decide(
            events,
            matching.Tables(index, members, ledger, is_settled(services)),
            create=self._config.create,
            inherited=self._merges.inherited,
        )
        decisions.given_up = given_up(services)
        return decisions

    def _known_members(self) -> Path | None:
        """The members, read when they are first needed."""
        if not self._asked_for_members:
            self._members_table = self._read_members()
            self._asked_for_members = True
        return self._members_table

    def _usable_index(self) -> Path:
        """The address index; made anew from the snapshot where it is damaged."""
        index = self._services.table(INDEX, matching.EVENT_WIDTH)
        snapshot = self._services.table(SNAPSHOT)
        if index is None and snapshot is not None:
            index = self._folder / "index.rebuilt"
            rebuild_index(snapshot, index)
        assert index is not None
        return index

    def _read_members(self) -> Path | None:
        return read_members(self._services, self._folder)

    def _needs_members(self, events: Path, ledger: Path | None, *, first: bool) -> bool:
        counts = self._draft.counts
        if self._has_left_over:
            return True
        if counts.moved or counts.left or counts.deleted or counts.returned:
            return True
        if counts.created and (first or not self._config.create):
            return True
        return matching.touches_a_stop(events, ledger)


def _fingerprint(config: CustomersConfig) -> str:
    parts = [config.sobject, config.audience, config.group]
    if config.audience_report:
        parts.append(config.audience_report)
    return blake2b("\x00".join(parts).encode(), digest_size=8).hexdigest()


def ids_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while one := stream.read(ID_WIDTH):
            yield one


def _scanned(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while one := stream.read(ID_WIDTH + 1):
            yield one


def _compare_some(
    records: Iterator[bytes],
    asked: Iterator[bytes],
    forced: set[bytes],
    old: Snapshot,
    draft: Draft,
) -> None:
    """Judge the records that moved, and those that moved out of the audience."""
    record = next(records, None)
    last = b""
    for one in asked:
        current, deleted = one[:ID_WIDTH], one[ID_WIDTH:] == b"d"
        while record is not None and record_id(record) < current:
            _judge_record(record, forced, old, draft)
            record = next(records, None)
        if current == last:
            continue
        last = current
        if record is not None and record_id(record) == current:
            _judge_record(record, forced, old, draft)
            record = next(records, None)
            continue
        line = old.find(current)
        if line is not None:
            draft.departed(line, deleted=deleted)
    while record is not None:
        _judge_record(record, forced, old, draft)
        record = next(records, None)


def _judge_record(
    record: bytes, forced: set[bytes], old: Snapshot, draft: Draft
) -> None:
    current = record_id(record)
    draft.counts.read += 1
    draft.moved_record(current, record, old.find(current), forced=current in forced)
