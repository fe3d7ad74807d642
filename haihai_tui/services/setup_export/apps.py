"""The app in both of its forms, and who may use it.

Names are the manual's (1.2.3).  Its settings are too with `as_in_manual`; without,
PKCE is demanded, the secret is asked for at each refresh, and only users with the
permission set may authorise.  Key and secret are left to Salesforce to make: a
deployed file that held them would carry them into version control.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from haihai_tui.services.setup_export.metadata import Component, Value

APP = "App_HaihaiConnect"
PERMISSION_SET = "Haihai_Integration"
CONTACT_VARIABLE = "HAIHAI_CONTACT_EMAIL"
SCOPES = ("Api", "RefreshToken")
_ABOUT = "配配メールと Salesforce の連携 (HaiHai Mail connector)"


def external_client_app(
    callback_url: str, contact: str, *, as_in_manual: bool
) -> Iterator[Component]:
    """The external client app: header, OAuth settings and policies."""
    yield Component(
        "ExternalClientApplication",
        APP,
        [
            ("contactEmail", contact),
            ("description", _ABOUT),
            ("distributionState", "Local"),
            ("isProtected", False),
            ("label", APP),
        ],
    )
    yield Component(
        "ExtlClntAppGlobalOauthSettings",
        f"{APP}_glbloauth",
        [
            ("callbackUrl", callback_url),
            ("externalClientApplication", APP),
            ("isClientCredentialsFlowEnabled", False),
            ("isCodeCredFlowEnabled", False),
            ("isConsumerSecretOptional", False),
            ("isDeviceFlowEnabled", False),
            ("isIntrospectAllTokens", False),
            ("isNamedUserJwtEnabled", False),
            ("isPkceRequired", not as_in_manual),
            ("isRefreshTokenRotationEnabled", False),
            ("isSecretRequiredForRefreshToken", not as_in_manual),
            ("isTokenExchangeEnabled", False),
            ("label", f"{APP}_glbloauth"),
            ("shouldRotateConsumerKey", False),
            ("shouldRotateConsumerSecret", False),
        ],
    )
    yield Component(
        "ExtlClntAppOauthSettings",
        f"{APP}_oauth",
        [
            ("commaSeparatedOauthScopes", ", ".join(SCOPES)),
            ("externalClientApplication", APP),
            ("label", f"{APP}_oauth"),
        ],
    )
    yield Component(
        "ExtlClntAppOauthConfigurablePolicies",
        f"{APP}_oauthPlcy",
        [
            *_permitted("commaSeparatedPermissionSet", as_in_manual),
            ("externalClientApplication", APP),
            ("ipRelaxationPolicyType", "Enforce"),
            ("isClientCredentialsFlowEnabled", False),
            ("isGuestCodeCredFlowEnabled", False),
            ("isTokenExchangeFlowEnabled", False),
            ("label", f"{APP}_oauthPlcy"),
            (
                "permittedUsersPolicyType",
                "AllSelfAuthorized" if as_in_manual else "AdminApprovedPreAuthorized",
            ),
            # "Valid until revoked" (1.2.4); without a session timeout: "None".
            ("refreshTokenPolicyType", "Infinite"),
        ],
    )
    yield Component(
        "ExtlClntAppConfigurablePolicies",
        f"{APP}_plcy",
        [
            ("externalClientApplication", APP),
            ("isEnabled", True),
            ("isOauthPluginEnabled", True),
            ("label", f"{APP}_plcy"),
        ],
    )


def connected_app(callback_url: str, contact: str, *, as_in_manual: bool) -> Component:
    """The connected app, for orgs that have one already."""
    config: Sequence[tuple[str, Value]] = [
        ("callbackUrl", callback_url),
        ("isAdminApproved", not as_in_manual),
        ("isClientCredentialEnabled", False),
        ("isCodeCredentialEnabled", False),
        ("isConsumerSecretOptional", False),
        ("isIntrospectAllTokens", False),
        ("isNamedUserJwtEnabled", False),
        ("isPkceRequired", not as_in_manual),
        ("isRefreshTokenRotationEnabled", False),
        ("isSecretRequiredForRefreshToken", not as_in_manual),
        ("isTokenExchangeEnabled", False),
        *(("scopes", scope) for scope in SCOPES),
    ]
    return Component(
        "ConnectedApp",
        APP,
        [
            ("contactEmail", contact),
            ("description", _ABOUT),
            ("label", APP),
            ("oauthConfig", config),
            (
                "oauthPolicy",
                [("ipRelaxation", "ENFORCE"), ("refreshTokenPolicy", "infinite")],
            ),
            *_permitted("permissionSetName", as_in_manual),
        ],
    )


def _permitted(tag: str, as_in_manual: bool) -> list[tuple[str, Value]]:
    return [] if as_in_manual else [(tag, PERMISSION_SET)]
