"""The integration token in the encrypted store.

Access and refresh token are secrets of their own names, as the contract lists
them; what else belongs to an authorisation is kept beside them in one entry.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager

from haihai_tui.services.salesforce.tokens import Tokens
from haihai_tui.services.secrets import SecretStore

ACCESS = "salesforce.access_token"
REFRESH = "salesforce.refresh_token"
DETAILS = "salesforce.token_details"


class StoredTokens:
    """A `TokenStore` over a profile's secrets."""

    def __init__(self, secrets: SecretStore) -> None:
        self._secrets = secrets

    def read(self) -> Tokens | None:
        access, refresh = self._secrets.get(ACCESS), self._secrets.get(REFRESH)
        if access is None and refresh is None:
            return None
        details = self._secrets.get(DETAILS)
        values = json.loads(details.reveal()) if details else {}
        values["access_token"] = access.reveal() if access else ""
        values["refresh_token"] = refresh.reveal() if refresh else ""
        return Tokens.from_dict(values)

    def write(self, tokens: Tokens) -> None:
        details = tokens.as_dict()
        access = details.pop("access_token")
        refresh = details.pop("refresh_token")
        self._secrets.set_many(
            {ACCESS: access, REFRESH: refresh, DETAILS: json.dumps(details)}
        )

    def clear(self) -> None:
        """Forget the authorisation as a whole."""
        self._secrets.set_many({ACCESS: "", REFRESH: "", DETAILS: ""})

    def lock(self) -> AbstractContextManager[object]:
        return self._secrets.locked()
