"""The settings that Salesforce is reached with, judged by their form alone."""

from __future__ import annotations

import errno
import re
import socket
import unicodedata
from urllib.parse import urlsplit

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services.checks.bench import Bench
from haihai_tui.services.checks.model import (
    Area,
    Check,
    Finding,
    fail,
    failed_by,
    ok,
    warn,
)
from haihai_tui.services.salesforce.urls import normalise_url, parse_callback

KEY_FORM = re.compile(r"3MVG9[A-Za-z0-9._]{40,}")
PUBLIC_KEYS = ("PlatformCLI",)


def checks() -> tuple[Check, ...]:
    return (
        Check(
            "salesforce_url",
            text("Salesforce URL の形"),
            text("Salesforce URL が、ログインに使えるホストの形かを調べます。"),
            Area.APP,
            _url_form,
            needs=("profile",),
            see="2.1.3",
        ),
        Check(
            "callback_url",
            text("コールバック URL の形"),
            text("コールバック URL が、Salesforce に登録できる形かを調べます。"),
            Area.APP,
            _callback_form,
            needs=("profile",),
            see="1.2.3",
        ),
        Check(
            "callback_port",
            text("コールバックのポート"),
            text("コールバックを待つポートを、いま開けるかを試します。"),
            Area.APP,
            _callback_port,
            needs=("callback_url",),
            see="1.2.3",
        ),
        Check(
            "consumer_key",
            text("コンシューマ鍵の形"),
            text("保管されたコンシューマ鍵の形を調べます。"),
            Area.APP,
            _key_form,
            needs=("secrets",),
            see="1.2.5",
        ),
        Check(
            "consumer_secret",
            text("コンシューマの秘密の形"),
            text("保管されたコンシューマの秘密の形を調べます。"),
            Area.APP,
            _secret_form,
            needs=("secrets",),
            see="1.2.5",
        ),
    )


def _url_form(bench: Bench) -> Finding:
    entered = bench.settings.salesforce.url
    if not entered:
        return fail(
            text("Salesforce URL が設定されていません。"), code="not_a_salesforce_url"
        )
    try:
        normal = normalise_url(entered)
    except ConnectorError as error:
        return failed_by(error)
    facts = (
        text("設定: {url}", url=entered),
        text("接続先: {url}", url=normal.url),
    )
    if normal.hint is not None:
        return warn(normal.hint, *facts, code="lightning_url")
    return ok(text("ログインに使える URL です。"), *facts)


def _callback_form(bench: Bench) -> Finding:
    url = bench.settings.salesforce.callback_url
    try:
        callback = parse_callback(url)
    except ConnectorError as error:
        return failed_by(error)
    fact = text("コールバック URL: {url}", url=url)
    if urlsplit(url).hostname in ("127.0.0.1", "::1"):
        return warn(
            text("コールバック URL には localhost を使ってください。"),
            fact,
            code="redirect_uri_mismatch",
        )
    if callback.listen is None:
        return ok(
            text("このマシンでは待てない URL です。認可の結果は貼り付けで渡します。"),
            fact,
        )
    return ok(text("このマシンで応答を待てる URL です。"), fact)


def _callback_port(bench: Bench) -> Finding:
    port = parse_callback(bench.settings.salesforce.callback_url).listen
    if port is None:
        return ok(text("このマシンでは待たないため、ポートは使いません。"))
    try:
        _try_port(port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = text("ポート {port} はほかのプログラムが使用中です。", port=port)
        elif error.errno in (errno.EACCES, errno.EPERM):
            what = text("ポート {port} を開く権限がありません。", port=port)
        else:
            raise
        return fail(what, code="callback_port_busy")
    return ok(text("ポート {port} は空いています。", port=port))


def _try_port(port: int) -> None:
    """Bind as the callback's listener would, and let go.  Raises OSError."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError as error:
            no_ipv6 = error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
            if not (family == socket.AF_INET6 and no_ipv6):
                raise


def _key_form(bench: Bench) -> Finding:
    secret = bench.secrets.get("salesforce.consumer_key")
    if secret is None:
        what = text("コンシューマ鍵が登録されていません。")
        return fail(what, code="invalid_client_id")
    key = secret.reveal()
    problem = _unusable(key)
    if problem is not None:
        return fail(problem, code="invalid_client_id")
    fact = text("長さ {n} 文字", n=len(key))
    if KEY_FORM.fullmatch(key) or key in PUBLIC_KEYS:
        return ok(text("コンシューマ鍵の形をしています。"), fact)
    return warn(
        text("コンシューマ鍵は、ふつう 3MVG9 で始まる 80 文字ほどの英数字です。"),
        fact,
        code="invalid_client_id",
    )


def _secret_form(bench: Bench) -> Finding:
    secret = bench.secrets.get("salesforce.consumer_secret")
    if secret is None:
        key = bench.secrets.get("salesforce.consumer_key")
        if key is not None and key.reveal() in PUBLIC_KEYS:
            return ok(text("公開クライアントなので、秘密は要りません。"))
        return warn(
            text("コンシューマの秘密が登録されていません。"),
            code="invalid_client_secret",
        )
    value = secret.reveal()
    problem = _unusable(value)
    if problem is not None:
        return fail(problem, code="invalid_client_secret")
    return ok(
        text("コンシューマの秘密の形をしています。"),
        text("長さ {n} 文字", n=len(value)),
    )


def _unusable(value: str) -> Text | None:
    """What no key of Salesforce can hold."""
    if any(character.isspace() for character in value):
        return text("値に空白か改行が混じっています。")
    if not value.isascii():
        folded = unicodedata.normalize("NFKC", value)
        if folded.isascii():
            return text("値に全角の文字が混じっています。半角で登録し直してください。")
        return text("値に英数字と記号以外の文字が混じっています。")
    return None
