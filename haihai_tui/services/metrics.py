"""The figures of a profile as a text file for the Prometheus node exporter.

They are a rendering of the status and of nothing else, so that every number on a
dashboard is one that `--status --json` prints and stored runs explain.  The file is
replaced whole: the collector never reads half of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from haihai_tui import __version__
from haihai_tui.services.atomic import storage_errors
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store.times import moment_of

READABLE = 0o644
"""The node exporter runs as a user of its own; nothing in the file is secret."""

STATUSES = ("ok", "partial", "failed", "paused", "halted", "stopped")
_COUNTS = (
    "read",
    "unchanged",
    "created",
    "updated",
    "excluded",
    "rejected",
    "written",
)

_JAPAN = timezone(timedelta(hours=9))
"""HaiHai Mail counts by Japan's days."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure; `labels` besides the profile."""

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A gauge with its samples; one without samples is left out."""

    name: str
    meaning: str
    samples: tuple[Sample, ...]


def write_metrics(
    settings: Settings, found: Mapping[str, Any], now: datetime
) -> Path | None:
    """Write the profile's file from its status; None where none is asked for.

    `{profile}` in the name stands for the profile.  SettingsError where it cannot
    be written.
    """
    if not settings.metrics.file:
        return None
    path = Path(settings.metrics.file.replace("{profile}", settings.profile))
    _replace(path, rendered(settings, found, now).encode())
    return path


def _replace(path: Path, content: bytes) -> None:
    """All or nothing.  The folder is the collector's: it is neither made nor changed.

    It need not survive a power cut: the next run writes it anew.
    """
    # The collector reads `*.prom` alone, so it never sees the temporary name.
    with (
        storage_errors(path, needed=len(content)),
        tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file,
    ):
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            temporary.chmod(READABLE)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


def rendered(settings: Settings, found: Mapping[str, Any], now: datetime) -> str:
    """The text format: name, meaning, type and samples of each figure."""
    lines: list[str] = []
    for metric in figures(settings, found, now):
        if not metric.samples:
            continue
        name = f"haihai_{metric.name}"
        lines.append(f"# HELP {name} {metric.meaning}")
        lines.append(f"# TYPE {name} gauge")
        lines += [
            f"{name}{{{_labels(settings.profile, one.labels)}}} {_value(one.value)}"
            for one in metric.samples
        ]
    return "\n".join(lines) + "\n"


def figures(
    settings: Settings, found: Mapping[str, Any], now: datetime
) -> Iterator[Metric]:
    """Every figure, from the status as `--status --json` prints it."""
    flows = settings.flows.enabled
    yield _one("info", "Version of the program.", {"version": __version__}, 1)
    yield _one("written_timestamp_seconds", "When this was written.", {}, _epoch(now))
    authorised = found["connection"]["salesforce"]["authorised"]
    yield _one("authorised", "Whether Salesforce takes the token.", {}, authorised)
    yield _one(
        "running", "Whether a run is under way.", {}, found["running"] is not None
    )
    yield _one(
        "paused", "Whether the schedule is paused.", {}, settings.schedule.paused
    )
    yield from _of_flows(flows, found, now)
    yield from _of_last_run(found)
    yield from _of_budgets(settings, found, now)
    yield _by(
        "alert",
        "Conditions that stand, by their state.",
        ({"condition": one["name"], "state": one["state"]} for one in found["alerts"]),
    )


def _of_flows(
    flows: Iterable[str], found: Mapping[str, Any], now: datetime
) -> Iterator[Metric]:
    for kind, meaning in (
        ("success", "left nothing over"),
        ("completed", "came through, rejects or not"),
    ):
        yield Metric(
            f"last_{kind}_timestamp_seconds",
            f"When the flow last {meaning}.",
            tuple(
                Sample({"flow": flow}, _epoch(moment_of(at)))
                for flow, at in found[f"last_{kind}"].items()
            ),
        )
    yield Metric(
        "lag_seconds",
        "How far behind the flow has read: now less its cursor.",
        tuple(
            Sample({"flow": flow}, _passed(moment_of(at), now))
            for flow, at in found["read_until"].items()
        ),
    )
    for name, meaning in (
        ("rejects", "Records with an open reject."),
        ("reviews", "Records that wait for a person."),
        ("pending_imports", "Imports whose result is not known yet."),
    ):
        yield Metric(
            name,
            meaning,
            tuple(
                Sample({"flow": flow}, found[name].get(flow, 0))
                for flow in dict.fromkeys((*flows, *found[name]))
            ),
        )


def _of_last_run(found: Mapping[str, Any]) -> Iterator[Metric]:
    """Of the newest run that is over and was no plan."""
    last = found["last_run"]
    if last is None:
        return
    yield _one("last_run_exit_code", "Its exit code.", {}, last["exit_code"])
    yield _one("last_run_duration_seconds", "How long it took.", {}, last["duration_s"])
    at = _epoch(moment_of(last["finished_at"]))
    yield _one("last_run_timestamp_seconds", "When it ended.", {}, at)
    yield Metric(
        "last_run_status",
        "1 for the status that it ended with.",
        tuple(
            Sample({"status": one}, float(one == last["status"])) for one in STATUSES
        ),
    )
    numbers = {flow: row for flow, row in last["flows"].items() if row}
    yield Metric(
        "last_run_records",
        "Records of the flow by what became of them.",
        tuple(
            Sample({"flow": flow, "count": count}, row[count])
            for flow, row in numbers.items()
            for count in _COUNTS
        ),
    )
    yield Metric(
        "last_run_api_calls",
        "Calls of the flow by service.",
        tuple(
            Sample({"flow": flow, "service": service}, calls)
            for flow, row in numbers.items()
            for service, calls in row["api_calls"].items()
        ),
    )


def _of_budgets(
    settings: Settings, found: Mapping[str, Any], now: datetime
) -> Iterator[Metric]:
    limit, today = settings.budget.haihai_calls, f"{now.astimezone(_JAPAN):%Y-%m-%d}"
    yield Metric(
        "haihai_api_calls_left",
        "Calls left of the day's budget, by API.",
        tuple(
            Sample(
                {"api": row["api"]},
                max(0, limit - (row["calls"] if row["day"] == today else 0)),
            )
            for row in found["api_budgets"]
            if row["service"] == "haihai"
        ),
    )
    used, limit_sf = (found["salesforce_api"][key] for key in ("used", "limit"))
    if used is not None and limit_sf is not None:
        yield _one(
            "salesforce_api_requests_left",
            "Daily API requests left in the org, as last told.",
            {},
            max(0, limit_sf - used),
        )


def _one(name: str, meaning: str, labels: Labels, value: float | None) -> Metric:
    samples = () if value is None else (Sample(labels, float(value)),)
    return Metric(name, meaning, samples)


def _by(name: str, meaning: str, labels: Iterable[Labels]) -> Metric:
    return Metric(name, meaning, tuple(Sample(one, 1.0) for one in labels))


def _epoch(moment: datetime) -> float:
    return round(moment.timestamp(), 3)


def _passed(since: datetime, now: datetime) -> float:
    return round(max(0.0, (now - since).total_seconds()), 3)


def _labels(profile: str, labels: Labels) -> str:
    pairs = {"profile": profile, **labels}
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
