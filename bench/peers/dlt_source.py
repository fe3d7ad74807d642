"""dlt's Salesforce source: `extract` alone, or `load` to files as well."""

from __future__ import annotations

import os
import sys
import tempfile

from loopback import redirect_everything


def main(url: str, how: str) -> None:
    redirect_everything(url)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DLT_DATA_DIR": folder,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DESTINATION__FILESYSTEM__BUCKET_URL": f"file://{folder}/out",
            "SOURCES__SALESFORCE__CREDENTIALS__SESSION_ID": "00D!bench",
            "SOURCES__SALESFORCE__CREDENTIALS__INSTANCE": "bench.my.salesforce.com",
        }
        # Deferred: dlt reads its settings when it is loaded.
        import dlt
        from salesforce import salesforce_source
        from salesforce.helpers.client import InstanceAuth

        login = InstanceAuth()
        login.session_id, login.instance = "00D!bench", "bench.my.salesforce.com"
        login.resolve()
        source = salesforce_source(credentials=login).with_resources("contact")
        pipeline = dlt.pipeline(
            "bench", destination="filesystem", dataset_name="d", pipelines_dir=folder
        )
        pipeline.extract(source)
        counts = pipeline.last_trace.last_extract_info.metrics
        if how == "load":
            pipeline.normalize()
            pipeline.load()
        steps = [step for found in counts.values() for step in found]
        tables = [step["table_metrics"] for step in steps]
        print(sum(one["contact"].items_count for one in tables if "contact" in one))


if __name__ == "__main__":
    main(*sys.argv[1:])
