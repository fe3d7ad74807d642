"""All named behaviours of the imitated org, with their defaults, in one table.

Behaviours that the published material leaves open are switches rather than
choices: a client has to work with every value.  docs/sandbox.md explains each.
"""

from __future__ import annotations

DEFAULTS: dict[str, object] = {
    # OAuth
    "refresh_reuse": "revoke_family",  # or reject_only
    "rotation_grace_s": 0,
    "approval_eviction": "oldest",  # or least_recently_used
    "invalid_client_status": 400,  # or 401
    "token_basic_auth": "reject",  # or accept
    "verifier_tilde": "reject",  # or accept
    "loopback_ip_callback": "reject",  # or accept
    "pkce_missing_app": "redirect",  # or body
    "pkce_required_org": "off",  # on: the org asks for PKCE whatever the app says
    "pkce_missing_org": "approval_page",  # or redirect
    "user_not_approved": "app_blocked",  # or invalid_app_access
    "app_propagation_s": 0,
    "session_timeout_s": 7200,
    # REST
    "api_version": "66.0",  # what `sandbox_ready` advertises
    "newest_version": "68.0",
    "limit_info_on_204": "on",  # or off
    "per_app_usage": "off",  # or on
    "daily_api_requests": 15000,
    "query_page_rows": 2000,
    "open_cursors_max": 10,
    "shield_flag": "off",  # on: fields of `shield_fields` say encrypted
    "shield_fields": [],  # ["Contact.Phone", …]
    "connected_app_by_metadata": "reject",  # or allow
    # Field-level security and schema changes, by "Object.Field"
    "hidden_fields": [],
    "readonly_fields": [],
    "field_types": {},  # {"Contact.HaihaiStateAt__c": "date"}
    "field_lengths": {},  # {"Contact.HaihaiLastViewedUrl__c": 80}
    "hidden_objects": [],
    "no_route": "off",  # on: the edge answers 420, as for an org that moved
    "user_permissions": {},  # {"PermissionsViewEncryptedData": false}
    "is_sandbox": False,
    # Bulk API 2.0
    "bulk_last_locator": "null",  # or absent
    "bulk_pages_key": "nextRecordsUrl",  # or nextRecordUrl
    "bulk_gzip": "on",  # or off
    "bulk_field_chars": 32000,
}
