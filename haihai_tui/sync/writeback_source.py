"""What a write-back flow is told by its source: addresses that changed, and what
each record should hold."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from haihai_tui.sync import guard
from haihai_tui.sync.mapping import Problem
from haihai_tui.sync.ports import Field, SObject, Transaction
from haihai_tui.sync.services import Services

NULL = "#N/A"
"""Sets a field to null in an update table (as in Bulk 2.0)."""


@dataclass(slots=True)
class Target:
    """One object's fields that a flow writes, as the user may see and edit them."""

    described: SObject
    address_field: str
    fields: tuple[Field, ...]
    linked: bool

    @property
    def name(self) -> str:
        return self.described.name

    @property
    def columns(self) -> tuple[str, ...]:
        return ("Id", self.address_field, *(field.name for field in self.fields))

    def select(self, *conditions: str, addressed: bool = True) -> str:
        """SOQL; `addressed` leaves out those who have no address."""
        wanted = [f"{self.address_field} != null"] if addressed else []
        if "isconverted" in self.described.fields:
            # A converted lead can no longer be changed; its contact can.
            wanted.insert(0, "IsConverted = false")
        where = " AND ".join((*wanted, *conditions))
        soql = f"SELECT {', '.join(self.columns)} FROM {self.name}"
        return f"{soql} WHERE {where}" if where else soql


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one record should hold: new values by field name; problems beside it."""

    values: Mapping[str, str]
    problems: tuple[Problem, ...] = ()
    silences: bool = False


class Source(ABC):
    """What the two flows differ in."""

    flow: str

    def __init__(self, services: Services) -> None:
        self.services = services
        self.folder = services.scratch / self.flow
        self.folder.mkdir(parents=True, exist_ok=True)
        self.read = 0
        self.changed = 0

    @property
    def marked(self) -> int:
        """Events that are kept and do not count; known after `collect`."""
        return 0

    @property
    @abstractmethod
    def sobjects(self) -> tuple[str, ...]: ...

    @property
    @abstractmethod
    def field_names(self) -> tuple[str, ...]:
        """The configured target fields, the empty ones left out."""

    @abstractmethod
    def types_for(self, field_name: str) -> frozenset[str]:
        """The field types that can take what this source writes there."""

    @property
    @abstractmethod
    def had_ledger(self) -> bool:
        """Whether earlier runs have kept anything; known after `collect`."""

    @abstractmethod
    def collect(self, changed: IO[bytes]) -> None:
        """Read the service, build the next ledger, write changed addresses.

        One line each: the address's key in hex, a tab, the folded address;
        ascending.
        """

    @abstractmethod
    def rewind(self) -> None:
        """The next `wanted` asks from the lowest key again."""

    @abstractmethod
    def link(self, links: Mapping[bytes, bytes]) -> None:
        """Id → key (hex) of the address that a record is linked to, where it is not
        the one it has; told before `wanted` is asked for an object's records."""

    @abstractmethod
    def wanted(
        self, key: bytes, one: bytes, target: Target, current: Mapping[str, str]
    ) -> Wanted | None:
        """What a record (its Id) with this address should hold; keys come ascending.
        None where nothing is known."""

    @abstractmethod
    def weight(self, stopped: int) -> guard.Weight: ...

    @abstractmethod
    def keep(self, transaction: Transaction) -> None:
        """Make the next ledger current."""

    @abstractmethod
    def done(self) -> None:
        """After the commit: drop what was superseded."""

    @abstractmethod
    def close(self) -> None:
        """Close what is open, whether or not there was a commit."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Addresses whose records may not agree with the ledger: a file of lines as
    `Source.collect` writes them, and their number."""

    path: Path
    count: int

    def lines(self) -> Iterator[tuple[str, str]]:
        """Key (hex) and folded address of each, ascending by key."""
        with self.path.open(encoding="utf-8") as stream:
            for line in stream:
                key, address = line.rstrip("\n").split("\t")
                yield key, address


def relinked_table(flow: str) -> str:
    """The table of addresses that a flow has to look at since records were linked to
    them anew; lines as `Source.collect` writes them."""
    return f"{flow}.relinked"


def merge_changed(target: Path, *parts: Path | None) -> Changed:
    """Changed addresses from several files, each address once."""
    count, last = 0, b""
    with ExitStack() as stack:
        files = [stack.enter_context(one.open("rb")) for one in parts if one]
        out = stack.enter_context(target.open("wb"))
        for line in heapq.merge(*files):
            if line != last:
                out.write(line)
                count += 1
            last = line
    return Changed(target, count)


def write_changed(out: IO[bytes], changed: Iterable[tuple[bytes, str]]) -> int:
    """Write changed addresses as `Source.collect` has to; their number."""
    count = 0
    for key, address in changed:
        out.write(f"{key.hex()}\t{address}\n".encode())
        count += 1
    return count
