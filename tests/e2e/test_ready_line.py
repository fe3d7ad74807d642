"""What `--sandbox` tells when it is ready can be used, also after a profile of the same
credentials was stored."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.e2e


def test_the_ready_line_holds_credentials_that_work(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "haihai_tui", "--sandbox", "--write-profile"),
            *("--customers", "20"),
        ],
        env={**os.environ, "HAIHAI_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        salesforce = ready["salesforce"]
        answer = httpx.get(
            f"{salesforce['login_url']}/services/data/v66.0/limits",
            headers={"Authorization": f"Bearer {salesforce['access_token']}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        assert "…" not in salesforce["client_secret"]
        assert "…" not in ready["haihai"]["api_token"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0
