"""`--export-setup` as the command: offline, without a secret, never over anything."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from haihai_tui.__main__ import main

SECRETS = {
    "salesforce.consumer_key": "3MVG9.key-of-the-app",
    "salesforce.consumer_secret": "51D2-secret-of-the-app",
    "salesforce.refresh_token": "5Aep861.refresh-token",
    "haihai.api_token": "token-of-haihai",
}


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("HAIHAI_HOME", str(tmp_path / "home"))
    settings = tmp_path / "settings.toml"
    secrets = "\n".join(f'"{name}" = "{value}"' for name, value in SECRETS.items())
    settings.write_text(
        '[salesforce]\nurl = "https://example.my.salesforce.com"\n[haihai]\n'
        f'contract_id = "a01-24"\n[secrets]\n{secrets}\n',
        "utf-8",
    )
    assert main(["--import-settings", str(settings)]) == 0
    return tmp_path


def test_the_project_is_written_offline_and_holds_no_secret(
    offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = offline / "setup"
    capsys.readouterr()
    assert main(["--export-setup", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["event"] == "setup_exported" and told["profile"] == "default"
    there = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert set(told["files"]) == set(there)
    for secret in SECRETS.values():
        assert secret not in "".join(there.values())
    before = dict(there)
    assert main(["--export-setup", str(folder), "--as-in-manual", "--lang", "ja"]) == 2
    assert f"{folder} は空ではありません" in capsys.readouterr().err
    assert all(
        (folder / name).read_text("utf-8") == text for name, text in before.items()
    )


def test_the_options_belong_to_their_mode(
    offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in (
        ["--status", "--as-in-manual"],
        ["--check", "--contact-email", "admin@example.com"],
        ["--export-setup", str(offline / "x"), "--contact-email", "<b>@example"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2
    assert not (offline / "x").exists()
    folder = offline / "with"
    asked = ["--export-setup", str(folder), "--contact-email", "admin@example.com"]
    assert main(asked) == 0
    app = next(folder.rglob("*.eca-meta.xml")).read_text("utf-8")
    assert "<contactEmail>admin@example.com</contactEmail>" in app
