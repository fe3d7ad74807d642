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
    "pkce_required_app": "app",  # as the app says; or on, off for every app
    "refresh_rotation": "app",  # as the app says; or on, off for every app
    "refresh_idle_s": 0,  # n: a refresh token idle for longer is dead
    "consent_remembered": "off",  # on: no consent page for what was approved before
    "app_installed": "on",  # off: users cannot authorise
    "app_blocked": "off",  # on: an administrator blocked the app
    "user_approved": "on",  # off: the administrator did not approve the user
    "inactive_user": "off",  # on: every user is frozen
    "ip_restricted": "off",  # on: the client's address is not allowed
    "api_only_user": "off",  # on: the user cannot pass the approval page
    "api_disabled": "off",  # on: the org has no API
    "login_rate_exceeded": "off",  # on: too many logins an hour
    "password_grant": "off",  # on: username-password flow
    "client_credentials_grant": "off",
    "token_error": "",  # "error: description" that every token request meets
    # REST
    "api_version": "66.0",  # what `sandbox_ready` advertises
    "newest_version": "68.0",
    "limit_info_on_204": "on",  # or off
    "per_app_usage": "off",  # or on
    "daily_api_requests": 15000,
    "query_page_rows": 2000,
    "open_cursors_max": 10,
    "shield_flag": "off",  # on: fields of `shield_fields` say encrypted
    "shield_fields": ["Contact.Phone", "Lead.Phone"],
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
    "bulk_page_rows": 50000,
    "bulk_job_polls": 1,  # status requests that still say InProgress
    "bulk_job_s": 0,  # and the least time a job takes, by the sandbox's clock
    "bulk_job_outcome": "done",  # or failed, aborted, stuck
}

_ON_OFF = ("off", "on")

CHOICES: dict[str, tuple[object, ...]] = {
    **{name: _ON_OFF for name, value in DEFAULTS.items() if value in _ON_OFF},
    "refresh_reuse": ("revoke_family", "reject_only"),
    "approval_eviction": ("oldest", "least_recently_used"),
    "invalid_client_status": (400, 401),
    "token_basic_auth": ("reject", "accept"),
    "verifier_tilde": ("reject", "accept"),
    "loopback_ip_callback": ("reject", "accept"),
    "pkce_missing_app": ("redirect", "body"),
    "pkce_missing_org": ("approval_page", "redirect"),
    "user_not_approved": ("app_blocked", "invalid_app_access"),
    "pkce_required_app": ("app", "on", "off"),
    "refresh_rotation": ("app", "on", "off"),
    "connected_app_by_metadata": ("reject", "allow"),
    "bulk_last_locator": ("null", "absent"),
    "bulk_pages_key": ("nextRecordsUrl", "nextRecordUrl"),
    "bulk_job_outcome": ("done", "failed", "aborted", "stuck"),
}
"""All values of those that have but a few."""
