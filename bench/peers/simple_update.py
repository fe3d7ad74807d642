"""simple-salesforce: upload rows of a CSV file by a Bulk 2.0 update, to the sandbox."""

from __future__ import annotations

import sys

from loopback import redirect_everything
from simple_salesforce import Salesforce


def main(url: str, token: str, version: str, path: str) -> None:
    redirect_everything(url)
    salesforce = Salesforce(
        instance="bench.my.salesforce.com", session_id=token, version=version
    )
    jobs = salesforce.bulk2.Contact.update(path, wait=0.05)
    failed = sum(job["numberRecordsFailed"] for job in jobs)
    if failed:
        raise SystemExit(f"{failed} rows failed")
    print(sum(job["numberRecordsProcessed"] for job in jobs))


if __name__ == "__main__":
    main(*sys.argv[1:])
