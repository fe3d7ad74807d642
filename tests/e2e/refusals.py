"""Every way in which an authorisation fails, provoked by a switch of the sandbox.

The rows follow the manual's appendix 6.1 and the two tables of OAuth refusals: what
is made wrong, how the answer reaches us (`probe`: before a browser is opened;
`callback`; `page`: Salesforce's own error page, whose address a person pastes), and
the cause that has to be named first.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from haihai_tui.services.paths import home_at
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from tests.e2e.browser import Browser
from tests.e2e.stage import Stage

How = Literal["probe", "callback", "page"]


@dataclass(frozen=True)
class Refusal:
    """`code` stands first, `also` somewhere behind it; `exit_code` is headless's.

    `switches` and `app` are set in the sandbox, `secret` in the profile, `fault` is
    met by the token endpoint.  `plain` opens the URL without its PKCE challenge, as a
    client that knows none would.
    """

    name: str
    how: How
    code: str
    exit_code: int
    also: tuple[str, ...] = ()
    switches: Mapping[str, object] = field(default_factory=dict)
    app: Mapping[str, object] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict)
    fault: Mapping[str, object] | None = None
    deny: bool = False
    plain: bool = False


def _token(told: str, code: str, exit_code: int) -> Refusal:
    switches = {"token_error": told}
    return Refusal(told, "callback", code, exit_code, switches=switches)


def _fault(name: str, code: str, exit_code: int, do: str, **more: object) -> Refusal:
    return Refusal(name, "callback", code, exit_code, fault={"do": do, **more})


_LIMIT = '[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit."}]'

REFUSALS: tuple[Refusal, ...] = (
    # ------------------------------------------------------------ /authorize
    Refusal(
        "unknown consumer key",
        "probe",
        "invalid_client_id",
        2,
        ("not_yet_active",),
        secret={"salesforce.consumer_key": "3MVG9.mistyped"},
    ),
    Refusal(
        "app of a minute ago",
        "probe",
        "invalid_client_id",
        2,
        ("not_yet_active",),
        switches={"app_propagation_s": 600},
        app={"created_at": "2100-01-01T00:00:00+00:00"},
    ),
    Refusal(
        "callback URL not registered",
        "probe",
        "redirect_uri_mismatch",
        2,
        app={"callback_urls": ["http://localhost:8711/other"]},
    ),
    Refusal("Deny was pressed", "callback", "access_denied", 4, deny=True),
    Refusal(
        "app not installed",
        "page",
        "app_not_installed",
        4,
        switches={"app_installed": "off"},
    ),
    Refusal(
        "app blocked", "callback", "app_blocked", 4, switches={"app_blocked": "on"}
    ),
    Refusal(
        "user not approved, told as blocked",
        "callback",
        "app_blocked",
        4,
        switches={"user_approved": "off", "user_not_approved": "app_blocked"},
    ),
    Refusal(
        "user not approved",
        "callback",
        "app_not_approved",
        4,
        switches={"user_approved": "off", "user_not_approved": "invalid_app_access"},
    ),
    Refusal(
        "address not allowed at login",
        "page",
        "app_not_installed",
        4,
        ("ip_restricted",),
        switches={"ip_restricted": "on"},
    ),
    Refusal(
        "API-only user",
        "page",
        "app_not_installed",
        4,
        switches={"api_only_user": "on"},
    ),
    Refusal(
        "scope that the app lacks",
        "page",
        "app_not_installed",
        4,
        ("scope_missing",),
        app={"scopes": ["api"]},
    ),
    Refusal(
        "PKCE demanded by the app",
        "callback",
        "pkce_required",
        4,
        switches={"pkce_required_app": "on"},
        plain=True,
    ),
    Refusal(
        "PKCE demanded by the org",
        "callback",
        "pkce_required",
        4,
        switches={"pkce_required_org": "on", "pkce_missing_org": "redirect"},
        plain=True,
    ),
    Refusal(
        "PKCE demanded by the org, told on a page",
        "page",
        "app_not_installed",
        4,
        ("pkce_required",),
        switches={"pkce_required_org": "on", "pkce_missing_org": "approval_page"},
        plain=True,
    ),
    # ---------------------------------------------------------------- /token
    Refusal(
        "consumer secret mistyped",
        "callback",
        "invalid_client_secret",
        2,
        secret={"salesforce.consumer_secret": "MISTYPED"},
    ),
    Refusal(
        "consumer secret mistyped, told with 401",
        "callback",
        "invalid_client_secret",
        2,
        switches={"invalid_client_status": 401},
        secret={"salesforce.consumer_secret": "MISTYPED"},
    ),
    _token("invalid_grant: expired authorization code", "code_expired", 4),
    _token("invalid_grant: invalid authorization code", "code_expired", 4),
    _token("invalid_grant: invalid code verifier", "invalid_code_verifier", 4),
    _token("invalid_grant: expired access/refresh token", "token_expired", 4),
    _token("invalid_grant: inactive user", "inactive_user", 4),
    _token("invalid_grant: ip restricted", "ip_restricted", 4),
    _token("invalid_grant: authentication failure", "login_failed", 4),
    _token("invalid_grant: login rate exceeded", "login_failed", 4),
    _token("invalid_grant: activation secret invalid", "token_expired", 4),
    _token("invalid_grant: user hasn't approved this consumer", "app_not_approved", 4),
    _token(
        "invalid_grant: request not supported on this domain",
        "not_a_salesforce_url",
        2,
    ),
    _token("invalid_client_id: client identifier invalid", "invalid_client_id", 2),
    _token("invalid_client: invalid client credentials", "invalid_client_secret", 2),
    _token("invalid_client: app must be installed into org", "app_not_installed", 4),
    _token(
        "invalid_app_access: user is not admin approved to access this app",
        "app_not_approved",
        4,
    ),
    _token(
        "redirect_uri_mismatch: redirect_uri must match configuration",
        "redirect_uri_mismatch",
        2,
    ),
    _token("unsupported_grant_type: grant type not supported", "unknown", 70),
    _token("invalid_request: must use HTTP POST", "unknown", 70),
    _token("unknown_error: retry your request", "service_unavailable", 3),
    _fault("no API calls left", "api_limit", 6, "status:403", body=_LIMIT),
    _fault("down", "service_unavailable", 3, "status:503", body="<html>down</html>"),
    _fault("org gone", "service_unavailable", 3, "status:420", body="<html>?</html>"),
    _fault("a page instead of JSON", "service_unavailable", 3, "status:200", body="<"),
)


def provoke(stage: Stage, refusal: Refusal, undo: ExitStack) -> None:
    """Make it wrong; `undo` mends it."""
    if refusal.switches:
        before = stage.salesforce_control("switches", None, "GET")
        kept = {name: before[name] for name in refusal.switches}
        stage.salesforce_control("switches", dict(refusal.switches), "PUT")
        undo.callback(stage.salesforce_control, "switches", kept, "PUT")
    if refusal.app:
        app = stage.world.parts.app
        kept = {name: getattr(app, name) for name in refusal.app}
        client = {"client_id": app.client_id}
        stage.salesforce_control("apps", {**client, **refusal.app})
        undo.callback(stage.salesforce_control, "apps", {**client, **kept})
    if refusal.secret:
        home = home_at(stage.folder)
        secrets = SecretStore(home, "default", KeySource(home, {}))
        known = {name: secrets.get(name) for name in refusal.secret}
        secrets.set_many(refusal.secret)
        undo.callback(
            secrets.set_many, {name: value or "" for name, value in known.items()}
        )
    if refusal.fault is not None:
        fault = {"match": "POST /oauth2/token", "times": None, **refusal.fault}
        stage.salesforce_control("faults", [fault])
        undo.callback(stage.salesforce_control, "faults", [])


def walk(stage: Stage, refusal: Refusal, url: str) -> tuple[How, str]:
    """Log in and answer as the person would; how it ended, and at which address."""
    if refusal.plain:
        url = _without_challenge(url)
    base = stage.world.salesforce_url
    answer = _at_once(stage, url) or Browser(stage, deny=refusal.deny).answer_of(url)
    if answer.startswith("/"):
        return "page", f"{base}{answer}"
    assert answer.startswith(stage.world.ready["salesforce"]["callback_url"])
    return "callback", answer


def _at_once(stage: Stage, url: str) -> str:
    """Where the browser is sent back before it may log in."""
    target = str(stage.http.get(url).headers.get("location", ""))
    callback = stage.world.ready["salesforce"]["callback_url"]
    return target if target.startswith(callback) else ""


def _without_challenge(url: str) -> str:
    parts = urlsplit(url)
    kept = [
        pair
        for pair in parse_qsl(parts.query)
        if pair[0] not in ("code_challenge", "code_challenge_method")
    ]
    return parts._replace(query=urlencode(kept)).geturl()
