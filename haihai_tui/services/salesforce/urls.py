"""What people paste as "Salesforce URL", turned into a host that speaks OAuth.

The consumer secret and the authorisation code are posted to that host, so the
result is on a list of allowed suffixes, each compared with its leading dot.
Sources: the vendor client's `isSalesforceDomain` and `toLightningDomain`.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from haihai_tui.errors import SettingsError, Text, text

LOGIN_HOSTS = ("login.salesforce.com", "test.salesforce.com")

# suffix that a browser shows -> suffix that serves OAuth and the API
_MAPPED = (
    (".lightning.force.com", ".my.salesforce.com"),
    (".my.salesforce-setup.com", ".my.salesforce.com"),
    (".lightning.crmforce.mil", ".my.salesforce.mil"),
    (".my-lightning.com", ".my-salesforce.com"),
    (".lightning.sfcrmapps.cn", ".my.sfcrmproducts.cn"),
)
_ALLOWED = (
    ".salesforce.com",
    ".my.salesforce.mil",
    ".my-salesforce.com",
    ".my.sfcrmproducts.cn",
    ".cloudforce.com",
)
# Hosts of the vendor's own pages: safe, but nobody can log in there.
_NO_LOGIN = re.compile(
    r"^(www|help|developer|trailhead|trust|status|admin|appexchange|ideas|success"
    r"|info|community|investor|security|store|setup)\.salesforce\.com$"
)
_REFUSED = (".visual.force.com", ".my.site.com", ".vf.force.com")
_VISUALFORCE = re.compile(r"^(.+)--c(\.[a-z.]+)?\.vf\.force\.com$")
_HOST = re.compile(r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$")
_QUOTES = "\"'`<>「」『』【】()"


@dataclass(frozen=True, slots=True)
class NormalisedUrl:
    """`url` is scheme and host alone.  `hint` tells what was changed, and why."""

    url: str
    changed: bool
    hint: Text | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """A callback URL, exactly as registered.

    `listen` is the port on loopback where the answer can be received; None: the
    address that the browser ends up at has to be pasted.
    """

    url: str
    path: str
    listen: int | None


def normalise_url(entered: str) -> NormalisedUrl:
    """The login host that `entered` means.

    Raises SettingsError, cause `lightning_url` or `not_a_salesforce_url`.
    """
    parts = _split(entered)
    host = (parts.hostname or "").rstrip(".")
    if _is_loopback(host):
        url = f"{parts.scheme}://{_netloc(host, parts)}"
        return NormalisedUrl(url, changed=url != entered)
    if not _HOST.match(host):
        raise _refuse(entered)
    mapped, hint = _map_host(host, entered)
    url = f"https://{mapped}"
    return NormalisedUrl(url, changed=url != entered, hint=hint)


def _fold(entered: str) -> str:
    """Full-width characters, ideographic stops and invisible marks made plain."""
    folded = unicodedata.normalize("NFKC", entered).replace("。", ".")
    kept = (c for c in folded if unicodedata.category(c) not in ("Cf", "Cc"))
    return "".join(kept).strip().strip(_QUOTES).strip()


def _split(entered: str) -> SplitResult:
    folded = _fold(entered)
    if "://" not in folded:
        folded = f"https://{folded.lstrip('/')}"
    try:
        parts = urlsplit(folded)
        credentials = parts.username is not None or parts.password is not None
        _ = parts.port
    except ValueError as error:
        raise _refuse(entered) from error
    if parts.scheme.lower() not in ("http", "https") or credentials:
        raise _refuse(entered)
    return parts


def _netloc(host: str, parts: SplitResult) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{parts.port}" if parts.port else name


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _map_host(host: str, entered: str) -> tuple[str, Text | None]:
    for shown, serving in _MAPPED:
        if host == shown[1:]:
            raise _refuse_lightning(entered)
        if host.endswith(shown):
            return _explain(host, host.removesuffix(shown) + serving)
    visualforce = _VISUALFORCE.match(host)
    if visualforce:
        name, partition = visualforce.group(1), visualforce.group(2) or ""
        return _explain(host, f"{name}{partition}.my.salesforce.com")
    if host.endswith(_REFUSED):
        raise _refuse_site(host)
    if _NO_LOGIN.match(host) or not host.endswith(_ALLOWED):
        raise _refuse(entered)
    return host, None


def _explain(host: str, mapped: str) -> tuple[str, Text]:
    hint = text(
        "{host} は画面用の URL です。ログイン用の {mapped} に置き換えました。",
        host=host,
        mapped=mapped,
    )
    return mapped, hint


def _refuse_lightning(entered: str) -> SettingsError:
    return SettingsError(
        text("{url} は Lightning の画面用の URL です。", url=entered.strip()),
        text("「組織名.my.salesforce.com」の形の URL を入力してください。"),
        cause="lightning_url",
    )


def _refuse_site(host: str) -> SettingsError:
    return SettingsError(
        text("{host} はサイトまたは Visualforce の URL です。", host=host),
        text(
            "設定の［私のドメイン］に表示される「組織名.my.salesforce.com」を"
            "入力してください。"
        ),
        cause="not_a_salesforce_url",
    )


def _refuse(entered: str) -> SettingsError:
    return SettingsError(
        text("{url} は Salesforce の URL ではありません。", url=entered.strip()),
        text(
            "https://login.salesforce.com、https://test.salesforce.com、または"
            "「組織名.my.salesforce.com」の形の URL を入力してください。"
        ),
        cause="not_a_salesforce_url",
    )


def parse_callback(entered: str) -> Callback:
    """Check a callback URL; it is compared by character, so nothing is changed.

    Raises SettingsError, cause `redirect_uri_mismatch`.
    """
    url = entered.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refuse_callback(url) from error
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or len(url) > 2000 or parts.fragment or parts.username is not None:
        raise _refuse_callback(url)
    scheme = parts.scheme.lower()
    if scheme == "http":
        if not _is_loopback(parts.hostname or ""):
            raise _refuse_callback(url)
        return Callback(url, parts.path or "/", port or 80)
    if scheme == "https" and not parts.hostname:
        raise _refuse_callback(url)
    if not scheme or scheme in ("file", "javascript", "data", "ftp"):
        raise _refuse_callback(url)
    return Callback(url, parts.path or "/", None)


def _refuse_callback(url: str) -> SettingsError:
    return SettingsError(
        text("コールバック URL {url} は使えません。", url=url),
        text(
            "https:// か http://localhost:ポート番号/パス の形で、"
            "Salesforce のアプリに登録したものと一字一句同じにしてください。"
        ),
        cause="redirect_uri_mismatch",
    )
