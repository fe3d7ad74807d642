"""How many histories are told: a few hundred, or as many as `HAIHAI_HISTORIES` says;
always from a fixed seed (`HAIHAI_HISTORIES_SEED`), which the report's head names."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from haihai_tui.sync import candidates, customers, reading, suppressions
from haihai_tui.sync.tables import fixed, lines, records, sorting

HISTORIES = int(os.environ.get("HAIHAI_HISTORIES", "200"))
SEED = int(os.environ.get("HAIHAI_HISTORIES_SEED", "20260216"))

SMALL = (
    (customers, "MANY", 6),
    (customers, "IDS_A_QUERY", 2),
    (reading, "IDS_A_QUERY", 2),
    (customers, "RETRY_QUERIES", 2),
    (candidates, "LOOK_UP_LIMIT", 2),
    (candidates, "FILTER_LIMIT", 4),
    (candidates, "URL_BUDGET", 40),
    (suppressions, "KNOWN_LIMIT", 2),
    (fixed, "BLOCK_RECORDS", 2),
    (fixed, "SPARSE", 2),
    (lines, "SPARSE", 2),
    (lines, "_PROBE", 64),
    (records, "BLOCK", 48),
    (sorting, "CHUNK_BYTES", 300),
    (sorting, "BUCKET_BYTES", 64),
)
"""Limits that a few records reach, so that every path of the data plane is taken."""


def told(share: float) -> settings:
    """Settings of a property that is shown for this share of the histories."""
    return settings(
        max_examples=max(1, round(HISTORIES * share)),
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        print_blob=False,
    )


def pytest_report_header() -> str:
    return f"sync histories: {HISTORIES}, seed {SEED}"


@pytest.fixture(scope="module", autouse=True)
def _in_memory() -> Iterator[None]:
    """Power cuts are not what is tried here: nothing waits for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _killed_runs_are_buried() -> Iterator[None]:
    """A killed run leaves its files open, as a killed process does: they are closed
    here, before another test is blamed for them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module", params=["small limits", "real limits"])
def limits(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "small limits":
            for module, name, value in SMALL:
                patch.setattr(module, name, value)
        yield
