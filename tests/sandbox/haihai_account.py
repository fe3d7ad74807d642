"""A HaiHai Mail sandbox under test, and the few calls that its tests repeat."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from haihai_tui.sandbox.haihai.app import Service
from haihai_tui.sandbox.haihai.gate import Credentials
from haihai_tui.sandbox.serve import Served
from haihai_tui.services.haihai.wire import Wire

CREDENTIALS = Credentials("a01-24", "connector", "token-of-the-test")
COLUMNS = "メールアドレス,姓,名"


@dataclass
class Account:
    """One running sandbox; `call` and `upload` answer the body's text."""

    service: Service
    http: httpx.Client
    port: int

    def upload(
        self,
        table: str | bytes,
        kind: int = 0,
        *,
        gid: str = "",
        token: str | None = CREDENTIALS.api_token,
        **parts: str,
    ) -> str:
        """`token` goes into the header; None leaves the header out."""
        data = table.encode() if isinstance(table, str) else table
        form = {
            "aid": "24",
            "loginid": CREDENTIALS.login_id,
            "import_type": str(kind),
            "is_overwrite": "1",
            "gid": gid,
            "spid": "",
            "report_option": "0",
            **parts,
        }
        answer = self.http.post(
            "/?ac=ScheduleCsvImport",
            data=form,
            files={"csvfile": ("customers.csv", data, "application/octet-stream")},
            headers=_token(token),
        )
        assert answer.status_code == 200
        return answer.text.strip()

    def load(
        self, table: str | bytes, kind: int = 0, *, gid: str = "", **parts: str
    ) -> dict[str, Any]:
        """Upload, wait until it was worked off, and give the job's log row."""
        answer = self.upload(table, kind, gid=gid, **parts)
        assert answer.startswith("10200,"), answer
        self.service.queue.drain(10)
        return self.jobs()[-1]

    def call(self, action: str, **form: str) -> httpx.Response:
        who = {"aid": "24", "loginid": CREDENTIALS.login_id}
        return self.http.post(
            f"/?ac={action}",
            data={**who, **form},
            headers=_token(CREDENTIALS.api_token),
        )

    def raw(self, *sent: bytes) -> bytes:
        """Send bytes on one bare connection and read until one answer is whole."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            for part in sent:
                connection.sendall(part)
            return read_answer(connection)

    def customers(self) -> dict[str, dict[str, Any]]:
        lines = self.http.get("/_sandbox/customers").text.splitlines()
        rows = [json.loads(line) for line in lines]
        return {row["address"]: row for row in rows}

    def state(self, address: str, gid: str = "1") -> str | None:
        member = self.customers()[address]["groups"].get(gid)
        return str(member["state"]) if member else None

    def jobs(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self.http.get("/_sandbox/jobs").json()
        return jobs

    def switch(self, **values: object) -> None:
        answer = self.http.put("/_sandbox/switches", json=values)
        assert answer.status_code == 200, answer.text

    def post(self, path: str, body: object) -> httpx.Response:
        return self.http.post(f"/_sandbox/{path}", json=body)

    def requests(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.http.get("/_sandbox/requests").json()
        return rows


def _token(token: str | None) -> dict[str, str]:
    return {} if token is None else {"X-HM-apitoken": token}


def read_answer(connection: socket.socket) -> bytes:
    """One HTTP answer with a Content-Length, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def running(wire: Wire | None = None, state: Path | None = None) -> Iterator[Account]:
    service = Service(CREDENTIALS, wire=wire, state=state).start()
    service.control.switches.update({"import_delay_s": 0})
    try:
        with (
            Served(service.app) as served,
            httpx.Client(base_url=served.url, timeout=10) as client,
        ):
            yield Account(service, client, served.port)
    finally:
        service.stop()
