"""Which checks show whether a suspected cause is there now.

A diagnosis names what an error usually means; the checks named here tell what is
true on this machine at this moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from haihai_tui.services.checks.model import Check

_APP = ("app_known", "callback_registered", "token")
_BY_CAUSE: Mapping[str, tuple[str, ...]] = {
    "redirect_uri_mismatch": ("salesforce_url", "callback_url", "callback_registered"),
    "lightning_url": ("salesforce_url",),
    "not_a_salesforce_url": ("salesforce_url", "salesforce_answer"),
    "invalid_client_id": ("consumer_key", "app_known"),
    "invalid_client_secret": ("consumer_secret", "token"),
    "pkce_required": _APP,
    "invalid_code_verifier": _APP,
    "access_denied": _APP,
    "app_not_installed": _APP,
    "app_blocked": _APP,
    "app_not_approved": _APP,
    "not_yet_active": _APP,
    "scope_missing": ("scopes",),
    "code_expired": ("clock", "token"),
    "token_expired": ("token", "app_policies", "token_count"),
    "token_not_stored": ("secret_files", "secrets", "disk", "token"),
    "inactive_user": ("token", "identity"),
    "ip_restricted": ("token",),
    "login_failed": ("salesforce_url", "token"),
    "state_mismatch": ("callback_url", "token"),
    "no_answer": ("callback_url", "callback_port", "app_known", "callback_registered"),
    "api_disabled": ("api_enabled",),
    "api_limit": ("api_limits",),
    "missing_object": ("object.",),
    "missing_field": ("address_fields", "fields."),
    "no_edit_permission": ("edit.",),
    "no_encrypted_data_permission": ("encrypted_data",),
    "field_type_mismatch": ("types.",),
    "field_too_short": ("types.",),
    "wrong_org": ("organisation",),
    "clock_skew": ("clock",),
    "dns": ("salesforce_dns", "haihai_dns"),
    "tls": ("salesforce_tls", "haihai_tls"),
    "timeout": ("proxy", "salesforce_tls", "haihai_tls"),
    "service_unavailable": ("proxy", "salesforce_answer", "haihai_tls"),
    "haihai_token_invalid": ("haihai_account", "haihai_token"),
    "haihai_ip_denied": ("haihai_address",),
    "haihai_limit": ("haihai_calls",),
    "haihai_group_unknown": ("haihai_group",),
    "haihai_item_unknown": ("haihai_items",),
    "callback_port_busy": ("callback_port",),
}


def checks_for(cause: str, checks: Sequence[Check]) -> tuple[Check, ...]:
    """The checks of `checks` that look for `cause`; none for `unknown`.

    A name ending in a point stands for all checks that begin with it.
    """
    wanted = _BY_CAUSE.get(cause, ())
    return tuple(
        check
        for check in checks
        if any(
            check.name.startswith(name) if name.endswith(".") else check.name == name
            for name in wanted
        )
    )


def with_needs(wanted: Iterable[Check], checks: Sequence[Check]) -> tuple[Check, ...]:
    """`wanted` and all that they need, in the order of `checks`."""
    by_name = {check.name: check for check in checks}
    kept: set[str] = set()
    stack = [check.name for check in wanted]
    while stack:
        name = stack.pop()
        if name in kept or name not in by_name:
            continue
        kept.add(name)
        stack += by_name[name].needs
    return tuple(check for check in checks if check.name in kept)
