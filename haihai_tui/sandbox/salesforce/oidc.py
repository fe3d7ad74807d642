"""ID tokens and the two documents by which a client checks them.

The signing key is made when the first ID token is, since most clients of the
sandbox never ask for one.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.salesforce.answers import json_response

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from haihai_tui.sandbox.salesforce.context import Context
    from haihai_tui.sandbox.salesforce.sessions import Access

_ID_TOKEN_SECONDS = 120


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


class Keys:
    """The RSA key of one running org."""

    def __init__(self) -> None:
        self._key: RSAPrivateKey | None = None

    def _private(self) -> RSAPrivateKey:
        if self._key is None:
            # Deferred: costs start-up time, and only `openid` grants need it.
            from cryptography.hazmat.primitives.asymmetric import rsa

            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._key

    def jwk(self) -> dict[str, str]:
        """The public key as RFC 7517 wants it."""
        numbers = self._private().public_key().public_numbers()
        modulus = _b64(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8))
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": hashlib.sha256(modulus.encode()).hexdigest()[:8],
            "n": modulus,
            "e": _b64(numbers.e.to_bytes(3)),
        }

    def id_token(
        self,
        base: str,
        identity: str,
        client_id: str,
        access: Access,
        nonce: str | None,
    ) -> str:
        """A signed ID token for the user of `access`."""
        # Deferred: see _private.
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        half = hashlib.sha256(access.token.encode()).digest()[:16]
        issued = int(access.issued)
        claims: dict[str, Any] = {
            "at_hash": _b64(half),
            "sub": identity,
            "aud": client_id,
            "iss": base,
            "exp": issued + _ID_TOKEN_SECONDS,
            "iat": issued,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        header = {"kid": self.jwk()["kid"], "typ": "JWT", "alg": "RS256"}
        parts = [_b64(json.dumps(part).encode()) for part in (header, claims)]
        signed = ".".join(parts)
        signature = self._private().sign(
            signed.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        return f"{signed}.{_b64(signature)}"


def routes(ctx: Context, keys: Keys) -> list[BaseRoute]:
    """`/id/keys` and the discovery document."""

    async def jwks(request: Request) -> Response:
        return json_response(request, {"keys": [keys.jwk()]})

    async def discovery(request: Request) -> Response:
        base = ctx.base_url(request)
        oauth = f"{base}/services/oauth2"
        document = {
            "issuer": base,
            "authorization_endpoint": f"{oauth}/authorize",
            "token_endpoint": f"{oauth}/token",
            "revocation_endpoint": f"{oauth}/revoke",
            "userinfo_endpoint": f"{oauth}/userinfo",
            "jwks_uri": f"{base}/id/keys",
            "introspection_endpoint": f"{oauth}/introspect",
            "scopes_supported": ["api", "refresh_token", "id", "openid", "full"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "display_values_supported": ["page", "popup", "touch", "mobile"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }
        return json_response(request, document)

    return [
        Route("/id/keys", jwks),
        Route("/.well-known/openid-configuration", discovery),
    ]
