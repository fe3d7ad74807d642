"""aiosalesforce, REST: the rows of a query as dicts."""

from __future__ import annotations

import asyncio
import sys

import httpx
from aiosalesforce import Salesforce
from aiosalesforce.auth import Auth


class Given(Auth):
    """A token that is at hand already."""

    async def _acquire_new_access_token(self, client: Salesforce) -> str:
        return "00D!bench"


class Loopback(httpx.AsyncHTTPTransport):
    """Sends what is meant for the instance to the page server."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = httpx.URL(url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = self._url
        request.url = request.url.copy_with(
            scheme=url.scheme, host=url.host, port=url.port
        )
        return await super().handle_async_request(request)


async def main(url: str, soql: str) -> None:
    async with httpx.AsyncClient(transport=Loopback(url), timeout=600) as client:
        salesforce = Salesforce(
            client, "https://bench.my.salesforce.com", Given(), version="60.0"
        )
        count = 0
        async for _ in salesforce.query(soql):
            count += 1
        print(count)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
