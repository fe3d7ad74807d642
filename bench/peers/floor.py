"""The floor: a Bulk 2.0 query's pages streamed to disk as sent, nothing else."""

from __future__ import annotations

import sys
import tempfile
import time

import httpx


def main(url: str, token: str, api: str, soql: str) -> None:
    base = f"{url}/services/data/v{api}/jobs/query"
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
    with httpx.Client(headers=headers, timeout=600) as client:
        job = client.post(base, json={"operation": "query", "query": soql}).json()
        while True:
            state = client.get(f"{base}/{job['id']}").json()["state"]
            if state == "JobComplete":
                break
            time.sleep(0.05)
        locator = ""
        with tempfile.TemporaryFile() as out:
            while locator != "null":
                params = {"locator": locator} if locator else {}
                path = f"{base}/{job['id']}/results"
                with client.stream("GET", path, params=params) as page:
                    for block in page.iter_raw():
                        out.write(block)
                    locator = page.headers.get("Sforce-Locator", "null")


if __name__ == "__main__":
    main(*sys.argv[1:])
