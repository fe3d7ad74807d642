"""What a profile tells the sync; wiring fills these from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

OnDelete = Literal["exclude", "bar"]
Blank = Literal["keep", "overwrite"]


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One Salesforce field (also one level up, `Account.Name`) to one item.

    `type` is the Salesforce type that it was mapped for; "": as first seen.
    """

    salesforce: str
    haihai: str
    blank: Blank = "keep"
    type: str = ""


@dataclass(frozen=True, slots=True)
class CustomersConfig:
    """`audience_report`: of the audience, only the records that this report shows."""

    sobject: str
    audience: str
    address_field: str
    fields: tuple[FieldMapping, ...]
    group: str
    on_delete: OnDelete = "exclude"
    create: bool = True
    overlap_minutes: int = 30
    result_wait_s: float = 60.0
    audience_report: str = ""


@dataclass(frozen=True, slots=True)
class SuppressionsConfig:
    """`rollup` is `any`, `all` or the group ids of which any one counts.

    `groups` are the groups to read; empty means all that the service lists.
    """

    sobjects: tuple[str, ...]
    state_field: str
    changed_at_field: str = ""
    status_field: str = ""
    rollup: Literal["any", "all"] | tuple[str, ...] = "any"
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageViewsConfig:
    """`bot_*` are a `views.BotRule`."""

    sobjects: tuple[str, ...]
    url_field: str = ""
    viewed_at_field: str = ""
    count_field: str = ""
    log_field: str = ""
    record_url_field: str = ""
    record_url_template: str = ""
    too_long: Literal["truncate", "skip"] = "truncate"
    overlap_days: int = 400
    bot_urls: int = 0
    bot_seconds: int = 0
    bot_agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """Limits of one run.  A share is only judged above `min_records` records."""

    max_excluded: int = 100
    max_excluded_share: float = 0.05
    max_stopped_share: float = 0.05
    max_blanked_share: float = 0.05
    zero_rows: Literal["halt", "allow"] = "halt"
    min_records: int = 5


@dataclass(frozen=True, slots=True)
class SyncConfig:
    customers: CustomersConfig
    suppressions: SuppressionsConfig
    page_views: PageViewsConfig
    guard: GuardConfig = field(default_factory=GuardConfig)
