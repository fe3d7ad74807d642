"""simple-salesforce: the rows of a Bulk 2.0 query as dicts, counted."""

from __future__ import annotations

import csv
import io
import sys
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce


class Loopback(HTTPAdapter):
    """Sends what is meant for the instance to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: PreparedRequest, **options: Any) -> Response:
        assert request.url is not None
        path = request.url.split("/", 3)[3]
        request.url = f"{self._url}/{path}"
        return super().send(request, **options)


def main(url: str, token: str, api: str, soql: str) -> None:
    session = Session()
    session.mount("https://", Loopback(url))
    salesforce = Salesforce(
        instance="bench.my.salesforce.com",
        session_id=token,
        version=api,
        session=session,
    )
    count = 0
    for page in salesforce.bulk2.Contact.query(soql, wait=0.1):
        count += sum(1 for _ in csv.DictReader(io.StringIO(str(page))))
    print(count)


if __name__ == "__main__":
    main(*sys.argv[1:])
