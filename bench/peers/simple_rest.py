"""simple-salesforce, REST: the rows of a query as dicts."""

from __future__ import annotations

import sys

from loopback import redirect_everything
from simple_salesforce import Salesforce


def main(url: str, soql: str) -> None:
    redirect_everything(url)
    salesforce = Salesforce(
        instance="bench.my.salesforce.com", session_id="00D!bench", version="66.0"
    )
    print(sum(1 for _ in salesforce.query_all_iter(soql)))


if __name__ == "__main__":
    main(*sys.argv[1:])
