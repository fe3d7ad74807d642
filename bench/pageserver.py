"""`python -m bench.pageserver FOLDER`: serves ready-made pages, and little else.

It answers what well-known clients ask on their way to the rows: a token, a describe,
the limits, a job that is always finished.  Pages go from the file to the socket
without being looked at, so that the server is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_JOB = "750000000000001AAA"
_BATCH = "751000000000001AAA"
_XML = "application/xml"
_JSON = "application/json"


class Pages:
    """What a request is answered with: status, headers, and bytes or a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        index = json.loads((folder / "index.json").read_text("utf-8"))
        self.rows: list[int] = index["rows"]
        self.rest: int = index["rest"]
        self.columns: list[str] = index["columns"]
        self.url = ""
        # Bulk 1.0 jobs by the form of their results.
        self._as_json: set[str] = set()
        self._jobs = 0
        self._routes: list[tuple[str, Callable[..., Any]]] = [
            (r"POST .*/services/oauth2/token", self._token),
            (r"GET .*/services/data/v[\d.]+/limits/?", self._limits),
            (r"GET .*/sobjects/?", self._sobjects),
            (r"GET .*/sobjects/Contact/describe/?", self._describe),
            (r"GET .*/jobs/query/\w+/results(?:\?(?P<q>.*))?", self._page),
            (r"GET .*/jobs/query/\w+", self._job),
            (r"POST .*/jobs/query/?", self._job),
            (r"GET .*/query(?:All)?/?\?.*", lambda: self._rest_page("0")),
            (r"GET .*/query/01g-(?P<n>\d+).*", self._rest_page),
            (r"POST .*/services/async/[\d.]+/job", self._old_job),
            (r"POST .*/async/[\d.]+/job/(?P<job>\w+)/batch", self._old_batch),
            (r"GET .*/async/[\d.]+/job/(?P<job>\w+)/batch/\w+", self._old_batch),
            (r"GET .*/job/(?P<job>\w+)/batch/\w+/result", self._old_results),
            (r"GET .*/job/(?P<job>\w+)/batch/\w+/result/(?P<n>\d+)", self._old_page),
            (r".*/async/.*", lambda: self._told({"id": _JOB, "state": "Closed"})),
            (r"(?:PATCH|DELETE) .*", lambda: self._told({})),
        ]

    def answer(
        self, line: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes | Path]:
        for pattern, act in self._routes:
            found = re.fullmatch(pattern, line)
            if found:
                named = found.groupdict()
                if act == self._old_job:
                    named["body"] = body
                status, headers, content = act(**named)
                return status, headers, content
        return 404, {"Content-Type": _JSON}, b'[{"errorCode":"NOT_FOUND"}]'

    # ------------------------------------------------------------ what is said

    def _told(self, body: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": _JSON}, json.dumps(body).encode()

    def _token(self) -> tuple[int, dict[str, str], bytes]:
        return self._told(
            {
                "access_token": "00D!bench",
                "instance_url": self.url,
                "token_type": "Bearer",
                "id": f"{self.url}/id/00D/005",
            }
        )

    def _limits(self) -> tuple[int, dict[str, str], bytes]:
        left = {"Max": 15_000, "Remaining": 15_000}
        return self._told({"DailyBulkApiBatches": left, "DailyApiRequests": left})

    def _sobjects(self) -> tuple[int, dict[str, str], bytes]:
        return self._told({"sobjects": [{"name": "Contact", "queryable": True}]})

    def _describe(self) -> tuple[int, dict[str, str], bytes]:
        plain = {"type": "string", "compoundFieldName": None}
        fields = [{"name": name, **plain} for name in self.columns]
        return self._told({"name": "Contact", "fields": fields})

    def _job(self) -> tuple[int, dict[str, str], bytes]:
        return self._told(
            {
                "id": _JOB,
                "state": "JobComplete",
                "object": "Contact",
                "numberRecordsProcessed": sum(self.rows),
                "apiVersion": 66.0,
            }
        )

    def _page(self, q: str | None) -> tuple[int, dict[str, str], Path]:
        found = re.search(r"locator=(\d+)", q or "")
        number = int(found[1]) if found else 0
        last = number + 1 >= len(self.rows)
        headers = {
            "Content-Type": "text/csv",
            "Sforce-Locator": "null" if last else str(number + 1),
            "Sforce-NumberOfRecords": str(self.rows[number]),
        }
        return 200, headers, self.folder / f"bulk-{number}.csv"

    def _rest_page(self, n: str) -> tuple[int, dict[str, str], Path]:
        return 200, {"Content-Type": _JSON}, self.folder / f"rest-{n}.json"

    # --------------------------------------------------------------- Bulk 1.0

    def _old_job(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        self._jobs += 1
        job = f"{_JOB[:-5]}{self._jobs:05}"
        if json.loads(body).get("contentType") == "JSON":
            self._as_json.add(job)
        return self._told({"id": job, "state": "Open"})

    def _old_batch(self, job: str) -> tuple[int, dict[str, str], bytes]:
        batch = {"id": _BATCH, "jobId": job, "state": "Completed"}
        if job in self._as_json:
            return self._told(batch)
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in batch.items())
        return 200, {"Content-Type": _XML}, f"<batchInfo>{inner}</batchInfo>".encode()

    def _old_results(self, job: str) -> tuple[int, dict[str, str], bytes]:
        numbers = [str(number) for number in range(len(self.rows))]
        if job in self._as_json:
            return self._told(numbers)
        inner = "".join(f"<result>{number}</result>" for number in numbers)
        body = f"<result-list>{inner}</result-list>"
        return 200, {"Content-Type": _XML}, body.encode()

    def _old_page(self, job: str, n: str) -> tuple[int, dict[str, str], Path]:
        if job in self._as_json:
            return 200, {"Content-Type": _JSON}, self.folder / f"bulk-{n}.json"
        return 200, {"Content-Type": "text/csv"}, self.folder / f"bulk-{n}.csv"


class Connection:
    """HTTP/1.1 with kept-alive connections, as little of it as clients need."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def __call__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        asked = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        body = await reader.readexactly(int(asked.get("content-length", "0")))
        status, headers, content = self._pages.answer(f"{method} {target}", body)
        if isinstance(content, Path) and "gzip" in asked.get("accept-encoding", ""):
            content = content.with_name(f"{content.name}.gz")
            headers["Content-Encoding"] = "gzip"
        await self._send(writer, status, headers, content)
        return asked.get("connection") != "close"

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        status: int,
        headers: dict[str, str],
        content: bytes | Path,
    ) -> None:
        is_file = isinstance(content, Path)
        size = content.stat().st_size if is_file else len(content)
        told = {**headers, "Content-Length": str(size)}
        lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in told.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        if not is_file:
            writer.write(content)
            await writer.drain()
            return
        await writer.drain()
        with content.open("rb") as file:
            await asyncio.get_running_loop().sendfile(writer.transport, file)


async def serve(folder: Path) -> None:
    pages = Pages(folder)
    server = await asyncio.start_server(Connection(pages), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pages.url = f"http://127.0.0.1:{port}"
    print(pages.url, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
