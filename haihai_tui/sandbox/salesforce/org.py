"""The imitated org: records, schema and rules, without any HTTP.

(Signatures first, so that the parts around it can be written.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haihai_tui.sandbox.salesforce.switches import DEFAULTS

if TYPE_CHECKING:
    from haihai_tui.sandbox.control import Clock
    from haihai_tui.sandbox.salesforce.schema import Schema


@dataclass(frozen=True)
class QueryResult:
    """Rows of one query, in SELECT order; a parent's field is `Account.Name`."""

    sobject: str
    columns: list[str]
    is_count: bool
    total: int
    rows: Iterator[tuple[Any, ...]]


class Org:
    """One org; `switches` is shared with the control interface of its server."""

    def __init__(
        self,
        clock: Clock,
        seed: int = 1,
        switches: Mapping[str, object] = DEFAULTS,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.switches = switches
        self.org_id: str = ""
        self.admin_user_id: str = ""  # the integration user, 005…
        self.admin_username: str = ""

    def schema(self, sobject: str) -> Schema:
        """The schema by name, any case; ApiError NOT_FOUND if there is none."""
        raise NotImplementedError

    def query(
        self, soql: str, *, include_deleted: bool = False, user_id: str | None = None
    ) -> QueryResult:
        """Run SOQL; ApiError MALFORMED_QUERY, INVALID_FIELD, INVALID_TYPE."""
        raise NotImplementedError

    def insert(
        self, sobject: str, values: Mapping[str, Any], user_id: str | None = None
    ) -> str:
        """Create a record and give its id; RowError when it is refused."""
        raise NotImplementedError

    def update(
        self,
        sobject: str,
        record_id: str,
        values: Mapping[str, Any],
        user_id: str | None = None,
    ) -> None:
        """Change a record; RowError when it is refused."""
        raise NotImplementedError

    def delete(self, sobject: str, record_id: str, user_id: str | None = None) -> None:
        """Move a record to the recycle bin."""
        raise NotImplementedError

    def upsert(
        self,
        sobject: str,
        ext_field: str,
        ext_value: Any,
        values: Mapping[str, Any],
        user_id: str | None = None,
        update_only: bool = False,
    ) -> tuple[str, bool]:
        """Create or update by an external id; (id, created)."""
        raise NotImplementedError

    def bulk_load(
        self,
        sobject: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        last_modified: Iterable[Any] | None = None,
    ) -> None:
        """Load rows without checks (seeding)."""
        raise NotImplementedError

    def save(self, directory: Path) -> None:
        """Write the whole org to `directory`, atomically."""
        raise NotImplementedError

    def load(self, directory: Path) -> bool:
        """Read what `save` wrote; False if there is nothing."""
        raise NotImplementedError
