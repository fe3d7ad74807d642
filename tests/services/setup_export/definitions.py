"""The published definitions of the metadata that is exported, as a small table.

Elements with their types as the vendor's type package lists them, folders and
suffixes as its metadata registry does.  A kind is `text`, `flag`, `number`, a tuple
of the allowed words, or the name of another table; `*` after it: may be repeated;
`!`: required.
"""

from __future__ import annotations

Kind = str | tuple[str, ...]

DIST_STATE = ("Local", "Packaged", "Managed", "AutoInstalled")
PERMITTED = ("AllSelfAuthorized", "AdminApprovedPreAuthorized")
REFRESH = ("Infinite", "Zero", "SpecificLifetime", "SpecificInactivity")
RELAXATION = ("Enforce", "Bypass", "Bypass_2factor", "Enforce_RelaxRefresh")
FIELD_TYPES = (
    *("AutoNumber", "Lookup", "MasterDetail", "Checkbox", "Currency", "Date"),
    *("DateTime", "Email", "Number", "Percent", "Phone", "Picklist", "Text", "Url"),
    *("MultiselectPicklist", "TextArea", "LongTextArea", "Html", "EncryptedText"),
)

PLACES = {
    "ExternalClientApplication": ("externalClientApps", "eca"),
    "ExtlClntAppGlobalOauthSettings": ("extlClntAppGlobalOauthSets", "ecaGlblOauth"),
    "ExtlClntAppOauthSettings": ("extlClntAppOauthSettings", "ecaOauth"),
    "ExtlClntAppOauthConfigurablePolicies": (
        "extlClntAppOauthPolicies",
        "ecaOauthPlcy",
    ),
    "ExtlClntAppConfigurablePolicies": ("extlClntAppPolicies", "ecaPlcy"),
    "ConnectedApp": ("connectedApps", "connectedApp"),
    "PermissionSet": ("permissionsets", "permissionset"),
    "CustomField": ("fields", "field"),
}
"""Kind → folder and suffix; a field lies in `objects/OBJECT/fields`."""

SCOPES = ("Basic", "Api", "Web", "Full", "RefreshToken", "OpenID", "OfflineAccess")

ELEMENTS: dict[str, dict[str, Kind]] = {
    "ExternalClientApplication": {
        "contactEmail": "text",
        "contactPhone": "text",
        "description": "text",
        "distributionState": DIST_STATE,
        "iconUrl": "text",
        "infoUrl": "text",
        "isProtected": "flag",
        "label": "text",
        "logoUrl": "text",
        "orgScopedExternalApp": "text",
    },
    "ExtlClntAppGlobalOauthSettings": {
        "callbackUrl": "text",
        "certificate": "text",
        "consumerKey": "text",
        "consumerSecret": "text",
        "externalClientApplication": "text!",
        "isClientCredentialsFlowEnabled": "flag",
        "isCodeCredFlowEnabled": "flag",
        "isCodeCredPostOnly": "flag",
        "isConsumerSecretOptional": "flag",
        "isDeviceFlowEnabled": "flag",
        "isIntrospectAllTokens": "flag",
        "isNamedUserJwtEnabled": "flag",
        "isPkceRequired": "flag",
        "isRefreshTokenRotationEnabled": "flag",
        "isSecretRequiredForRefreshToken": "flag",
        "isSecretRequiredForTokenExchange": "flag",
        "isTokenExchangeEnabled": "flag",
        "label": "text",
        "shouldRotateConsumerKey": "flag",
        "shouldRotateConsumerSecret": "flag",
    },
    "ExtlClntAppOauthSettings": {
        "areAttributesIncludedInAssetToken": "flag",
        "areCustomPermsIncludedInAssetToken": "flag",
        "commaSeparatedCustomScopes": "text",
        "commaSeparatedOauthScopes": "text",
        "externalClientApplication": "text!",
        "isFirstPartyAppEnabled": "flag",
        "label": "text",
        "oauthLink": "text",
        "singleLogoutUrl": "text",
    },
    "ExtlClntAppOauthConfigurablePolicies": {
        "apexHandler": "text",
        "clientCredentialsFlowUser": "text",
        "commaSeparatedCustomScopes": "text",
        "commaSeparatedPermissionSet": "text",
        "commaSeparatedProfile": "text",
        "executeHandlerAs": "text",
        "externalClientApplication": "text!",
        "guestJwtTimeout": "number",
        "ipRelaxationPolicyType": RELAXATION,
        "isClientCredentialsFlowEnabled": "flag",
        "isGuestCodeCredFlowEnabled": "flag",
        "isTokenExchangeFlowEnabled": "flag",
        "label": "text",
        "namedUserJwtTimeout": "number",
        "permittedUsersPolicyType": PERMITTED,
        "refreshTokenPolicyType": REFRESH,
        "refreshTokenValidityPeriod": "number",
        "refreshTokenValidityUnit": ("Days", "Hours", "Months"),
        "requiredSessionLevel": ("LOW", "STANDARD", "HIGH_ASSURANCE"),
        "sessionTimeoutInMinutes": "number",
        "singleLogoutUrl": "text",
        "startUrl": "text",
    },
    "ExtlClntAppConfigurablePolicies": {
        "externalClientApplication": "text!",
        "isCanvasPluginEnabled": "flag",
        "isEnabled": "flag!",
        "isMobilePluginEnabled": "flag",
        "isNotificationPluginEnabled": "flag",
        "isOauthPluginEnabled": "flag",
        "isPushPluginEnabled": "flag",
        "isSamlPluginEnabled": "flag",
        "label": "text",
        "startUrl": "text",
    },
    "ConnectedApp": {
        "contactEmail": "text!",
        "contactPhone": "text",
        "description": "text",
        "infoUrl": "text",
        "label": "text!",
        "logoUrl": "text",
        "oauthConfig": "ConnectedAppOauthConfig",
        "oauthPolicy": "ConnectedAppOauthPolicy",
        "permissionSetName": "text*",
        "plugin": "text",
        "profileName": "text*",
        "startUrl": "text",
    },
    "ConnectedAppOauthConfig": {
        "callbackUrl": "text!",
        "certificate": "text",
        "consumerKey": "text",
        "consumerSecret": "text",
        "isAdminApproved": "flag",
        "isClientCredentialEnabled": "flag",
        "isCodeCredentialEnabled": "flag",
        "isCodeCredentialPostOnly": "flag",
        "isConsumerSecretOptional": "flag",
        "isIntrospectAllTokens": "flag",
        "isNamedUserJwtEnabled": "flag",
        "isPkceRequired": "flag",
        "isRefreshTokenRotationEnabled": "flag",
        "isSecretRequiredForRefreshToken": "flag",
        "isSecretRequiredForTokenExchange": "flag",
        "isTokenExchangeEnabled": "flag",
        "oauthClientCredentialUser": "text",
        "scopes": SCOPES,
        "singleLogoutUrl": "text",
    },
    "ConnectedAppOauthPolicy": {
        "ipRelaxation": ("ENFORCE", "BYPASS", "ENFORCE_RELAXREFRESH"),
        "isTokenExchangeFlowEnabled": "flag",
        "refreshTokenPolicy": ("infinite", "zero", "specific_lifetime"),
        "singleLogoutUrl": "text",
    },
    "PermissionSet": {
        "description": "text",
        "fieldPermissions": "FieldPermissions*",
        "hasActivationRequired": "flag",
        "label": "text!",
        "license": "text",
        "objectPermissions": "ObjectPermissions*",
        "userPermissions": "UserPermission*",
    },
    "FieldPermissions": {"editable": "flag!", "field": "text!", "readable": "flag"},
    "ObjectPermissions": {
        "allowCreate": "flag!",
        "allowDelete": "flag!",
        "allowEdit": "flag!",
        "allowRead": "flag!",
        "modifyAllRecords": "flag!",
        "object": "text!",
        "viewAllFields": "flag",
        "viewAllRecords": "flag!",
    },
    "UserPermission": {"enabled": "flag!", "name": "text!"},
    "CustomField": {
        "caseSensitive": "flag",
        "defaultValue": "text",
        "description": "text",
        "externalId": "flag",
        "fullName": "text!",
        "inlineHelpText": "text",
        "label": "text",
        "length": "number",
        "precision": "number",
        "required": "flag",
        "scale": "number",
        "trackHistory": "flag",
        "type": FIELD_TYPES,
        "unique": "flag",
        "valueSet": "ValueSet",
        "visibleLines": "number",
    },
    "ValueSet": {
        "controllingField": "text",
        "restricted": "flag",
        "valueSetDefinition": "ValueSetDefinition",
        "valueSetName": "text",
    },
    "ValueSetDefinition": {"sorted": "flag!", "value": "CustomValue*"},
    "CustomValue": {
        "color": "text",
        "default": "flag!",
        "description": "text",
        "fullName": "text!",
        "isActive": "flag",
        "label": "text",
    },
    "Package": {"types": "PackageTypes*", "version": "text!"},
    "PackageTypes": {"members": "text*", "name": "text!"},
}
REPEATED = frozenset({"scopes"})
"""Elements of a few words that may be repeated."""

NEEDS = {
    "Number": {"precision", "scale"},
    "Text": {"length"},
    "Picklist": {"valueSet"},
    "LongTextArea": {"length", "visibleLines"},
}
"""What a field of a type cannot do without."""
