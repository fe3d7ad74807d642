"""A private certificate authority by setting; redirects never take the credentials."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from haihai_tui.errors import ConnectorError
from haihai_tui.services.http import RetryPolicy
from haihai_tui.services.paths import Home
from haihai_tui.services.runs import Stopper
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.store.database import Database
from haihai_tui.wiring import Workplace, haihai_of
from tests.receivers import make_certificate

ONCE = RetryPolicy(attempts=1, total_s=20)


class Heard:
    """What a server was asked, and where it sends its callers."""

    def __init__(self) -> None:
        self.url = ""
        self.location = ""
        self.requests: list[str] = []


@contextmanager
def server(certificate: Path | None = None) -> Iterator[Heard]:
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.requests.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(307 if heard.location else 503)
            if heard.location:
                self.send_header("Location", heard.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            return

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        scheme = "https"
    heard.url = f"{scheme}://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield heard
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def ask(
    home: Home, store: SecretStore, database: Database, url: str, ca_bundle: str = ""
) -> ConnectorError:
    """One call of the HaiHai Mail client; it always fails, the question is how."""
    store.set("haihai.api_token", "t0k3n-of-the-account")
    account = {
        "contract_id": "a01-24",
        "base_url": url,
        "login_id": "x",
        "group_id": "1",
        "ca_bundle": ca_bundle,
    }
    settings = parse_profile("default", {"haihai": account}, "default.toml")
    place = Workplace(home, settings, store, database)
    with ExitStack() as stack, pytest.raises(ConnectorError) as failed:
        client = haihai_of(
            place, stack, Stopper(), on_retry=lambda record: None, policy=ONCE
        )
        client.groups()
    return failed.value


def test_a_private_authority_is_trusted_where_it_is_named(
    home: Home, secret_store: SecretStore, database: Database, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path / "server.pem")
    with server(certificate) as heard:
        refused = ask(home, secret_store, database, heard.url)
        assert refused.cause == "tls"
        assert heard.requests == []
        answered = ask(home, secret_store, database, heard.url, str(certificate))
        assert answered.cause != "tls"
        assert heard.requests


def test_a_redirect_to_another_host_is_not_followed(
    home: Home, secret_store: SecretStore, database: Database
) -> None:
    with server() as heard, server() as other:
        heard.location = f"{other.url}/elsewhere"
        ask(home, secret_store, database, heard.url)
        assert heard.requests
        assert other.requests == []
