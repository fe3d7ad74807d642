"""Lets clients that insist on https and on fixed hosts speak to the page server.

Only where their requests go is changed: every https request of `requests` is sent
to the loopback server instead, whatever host it was meant for.
"""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter


class Loopback(HTTPAdapter):
    """Sends what is meant for a Salesforce host to `url`."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        assert request.url is not None
        path = request.url.split("/", 3)[3]
        request.url = f"{self._url}/{path}"
        return super().send(request, **options)


def redirect_everything(url: str) -> None:
    """Every new session goes to the loopback server."""
    begin = Session.__init__

    def with_loopback(self: Session, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        self.mount("https://", Loopback(url))

    Session.__init__ = with_loopback  # type: ignore[method-assign]
