"""simple-salesforce, Bulk 2.0: `files` streams to disk, `rows` reads dicts."""

from __future__ import annotations

import csv
import io
import sys
import tempfile

from loopback import redirect_everything
from simple_salesforce import Salesforce


def main(url: str, soql: str, how: str) -> None:
    redirect_everything(url)
    salesforce = Salesforce(
        instance="bench.my.salesforce.com", session_id="00D!bench", version="66.0"
    )
    bulk, count = salesforce.bulk2.Contact, 0
    if how == "files":
        with tempfile.TemporaryDirectory() as folder:
            for page in bulk.download(soql, folder, wait=0.05):
                count += int(page["number_of_records"])
    else:
        for text in bulk.query(soql, wait=0.05):
            count += sum(1 for _ in csv.DictReader(io.StringIO(str(text))))
    print(count)


if __name__ == "__main__":
    main(*sys.argv[1:])
