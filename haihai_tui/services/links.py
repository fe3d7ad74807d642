"""Where a person can look at a record: the address of its page in each service.

Salesforce opens any record under its Id.  HaiHai Mail documents no such address;
where the profile knows one (`page_views.record_url_template`), it is used.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from haihai_tui.services.settings_schema import Settings

_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?\Z")


def salesforce_link(settings: Settings, record: str) -> str:
    """The record's page; "" where `record` is no Salesforce Id."""
    base = settings.salesforce.url.rstrip("/")
    return f"{base}/{record}" if base and _ID.match(record) else ""


def haihai_link(settings: Settings, address: str) -> str:
    """The customer's page; "" where the profile has no template or no address."""
    template = settings.page_views.record_url_template
    if not template or not address:
        return ""
    return template.replace("{address}", quote(address, safe=""))
