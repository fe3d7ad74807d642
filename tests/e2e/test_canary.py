"""Known secrets go in by every door; none is found in anything that comes out.

Looked for whole, URL-encoded, in Base64 at every alignment, and in parts.
"""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.stage import Stage, staged
from tests.e2e.terminal import Terminal, needs_tmux
from tests.receivers import Hook, Mailbox, mail_server, webhook_server

pytestmark = pytest.mark.e2e

PART = 14
"""Characters of a secret in a row that no text may hold."""

TYPED = {
    "haihai.api_token": "canary1/HqT8zR+Lw4Vb9kXs2",
    "salesforce.consumer_secret": "canary2=Jd7mPq1Yt5Nc8fGw3",
    "salesforce.refresh_token": "5Aep861canary3Kz6vBx0Ru4",
    "salesforce.access_token": "00D000000000001!canary4Qe9sMh2Wl7",
    "alerts.smtp_password": "canary5&Tg3bNy8Ud1Ko6Cz",
}
PASSWORD = "kasumi-tobira-4-mikan"
CODE = "aPrxcanary6Vf4jDk9Lp2Xm7Sq"
ECHOED = "00D000000000001!canary7Rw5tGb8Yh1"


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may stand in something, whole and in parts."""
    yield from {secret.encode(), quote(secret, safe="").encode()}
    for shift in range(3):
        raw = b"\0" * shift + secret.encode()
        for encode in (b64encode, urlsafe_b64encode):
            digits = encode(raw).decode()
            start, end = -(-shift * 8 // 6), len(raw) * 8 // 6
            yield digits[start:end][: PART * 2].encode()
    for at in range(len(secret) - PART + 1):
        yield secret[at : at + PART].encode()


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file, or every file of an archive."""
    found = path.read_bytes()
    if not zipfile.is_zipfile(io.BytesIO(found)):
        yield path.name, found
        return
    with zipfile.ZipFile(io.BytesIO(found)) as archive:
        for name in archive.namelist():
            yield f"{path.name}/{name}", archive.read(name)


def leaks(secrets: Mapping[str, str], told: Mapping[str, bytes]) -> list[str]:
    wanted = {name: set(forms(secret)) for name, secret in secrets.items()}
    return [
        f"{name} in {place}"
        for place, content in told.items()
        for name, shapes in wanted.items()
        if any(shape in content for shape in shapes)
    ]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "home", customers=20) as made:
        yield made


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook_server() as made:
        yield made


def test_the_search_finds_what_it_looks_for() -> None:
    secret = TYPED["haihai.api_token"]
    for shown in (
        secret,
        quote(secret, safe=""),
        b64encode(f"user:{secret}".encode()).decode(),
        secret[3:20],
    ):
        assert leaks({"x": secret}, {"y": f"<{shown}>".encode()}) == ["x in y"]
    assert leaks({"x": secret}, {"y": secret[:10].encode()}) == []


def test_no_secret_is_in_anything_that_comes_out(
    stage: Stage, mailbox: Mailbox, hook: Hook, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    told: dict[str, bytes] = {}

    def tell(name: str, *arguments: str) -> int:
        finished = stage.command(*arguments)
        told[f"{name}: stdout"] = finished.out.encode()
        told[f"{name}: stderr"] = finished.err.encode()
        return finished.code

    own = own_secrets(stage)
    # In by the sandbox's own authorisation: a run that works, and its journals.
    stage.set(
        "alerts.mail_to=['ops@example.jp']",
        "alerts.smtp_host='127.0.0.1'",
        f"alerts.smtp_port={mailbox.port}",
        "alerts.smtp_security='none'",
        f"alerts.webhook_url={hook.url}",
        f"metrics.file='{out}/haihai.prom'",
        "log.level='debug'",
    )
    assert tell("run", "--run-sync", "--json") == 0
    secrets = own | own_secrets(stage)
    # Doors of their own: an import, a pasted answer, an error body.
    given = out / "given.toml"
    given.write_bytes(settings_with_secrets(stage))
    assert tell("import", "--import-settings", str(given), "--json") == 0
    given.unlink()
    pasted = f"http://localhost:8711/sflogged?code={CODE}&state=x&error=access_denied"
    tell("diagnose", "--diagnose", pasted, "--json")
    body = f'{{"error":"invalid_grant","access_token":"{ECHOED}"}}'
    tell("diagnose body", "--diagnose", body)
    # Runs, checks and alerts with secrets that no service takes.
    for name in ("failing", "failing again"):
        code = tell(name, "--run-sync")
        assert code in (2, 3, 4), told[f"{name}: stderr"].decode()
    tell("check", "--check", "--json")
    tell("bundle", "--support-bundle", str(out / "bundle.zip"))
    tell("export", "--export-settings", str(out / "export.toml"))
    tell("export to stdout", "--export-settings", "-")
    tell("status", "--status", "--alert", "--json")
    tell("test", "--status", "--test-alert")
    assert mailbox.mails, "an alert was sent"
    assert hook.bodies
    told["mails"] = "\n".join([*mailbox.subjects, *mailbox.bodies]).encode()
    told["webhook"] = repr(hook.bodies).encode()
    for folder in (stage.folder, out):
        for path in (one for one in folder.rglob("*") if one.is_file()):
            if path.is_relative_to(stage.folder / "secrets"):
                continue  # the store itself; its files are looked at below
            told |= {f"file {name}": content for name, content in contents(path)}
    everything = {**secrets, **TYPED, "code": CODE, "echoed": ECHOED, "hook": hook.url}
    assert leaks(everything, told) == []
    for path in (stage.folder / "secrets").iterdir():
        found = path.read_bytes()
        assert leaks(everything, {path.name: found}) == []


def own_secrets(stage: Stage) -> dict[str, str]:
    world = stage.world
    return {
        "own api token": str(world.ready["haihai"]["api_token"]),
        "own consumer secret": str(world.ready["salesforce"]["client_secret"]),
        # Before the mark stands the org's Id, which is no secret.
        "own access token": world.access_token.partition("!")[2],
        "own refresh token": world.refresh_token,
    }


def settings_with_secrets(stage: Stage) -> bytes:
    finished = stage.command("--export-settings", "-")
    rows = "".join(f'"{name}" = "{value}"\n' for name, value in TYPED.items())
    return f"{finished.out}\n[secrets]\n{rows}".encode()


def test_arguments_of_a_running_process_hold_no_secret(stage: Stage) -> None:
    process = stage.start("--run-sync", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    found = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    process.communicate(timeout=120)
    assert b"--run-sync" in found
    assert leaks(own_secrets(stage), {"cmdline": found}) == []


def test_a_defect_s_traceback_holds_no_secret(stage: Stage) -> None:
    """Even where the trace is asked for, with a secret in the very line."""
    program = (
        "import sys\n"
        "from haihai_tui.arguments import parse\n"
        "from haihai_tui import headless\n"
        "from haihai_tui.wiring import open_workplace\n"
        "def fail(arguments, output):\n"
        "    import os\n"
        "    from haihai_tui.services.paths import find_home\n"
        "    with open_workplace(find_home(os.environ), 'default') as place:\n"
        "        token = place.secrets.get('haihai.api_token').reveal()\n"
        "        raise ZeroDivisionError(token)\n"
        "sys.exit(headless.guarded(parse(['--status']), fail))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=stage.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 70
    assert b"ZeroDivisionError" in done.stderr
    told = {"stdout": done.stdout, "stderr": done.stderr}
    assert leaks(own_secrets(stage), told) == []


@needs_tmux
def test_nothing_typed_in_secret_stays_in_the_terminal(tmp_path: Path) -> None:
    """The screen while it is typed, and the scrollback after the console has left."""
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("最初の管理者を登録します")
        terminal.type("yamada")
        for _ in range(2):
            terminal.press("Tab")
            terminal.type(PASSWORD)
        seen = {"while typed": terminal.wait_for("(いま 4/4").encode()}
        terminal.press("F5")
        terminal.wait_for("次の作業")
        terminal.press("C-q")
        assert terminal.wait_for_end() == 0
        seen["scrollback"] = terminal.scrollback.encode()
    seen |= {
        path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert leaks({"password": PASSWORD}, seen) == []
