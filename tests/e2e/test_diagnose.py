"""`--diagnose` as the command: what was pasted, and what the profile says beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from haihai_tui.__main__ import main

MISMATCH = "error=redirect_uri_mismatch&error_description=redirect_uri%20must%20match"


def codes(capsys: pytest.CaptureFixture[str], text: str) -> list[str]:
    capsys.readouterr()
    assert main(["--diagnose", text, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert all(one["remedy"] and one["see"] for one in told["causes"])
    return [one["code"] for one in told["causes"]]


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("https://example.lightning.force.com", "lightning_url"),
        ("https://example--uat.sandbox.lightning.force.com/x", "lightning_url"),
        ("https://example.my.salesforce.com", "redirect_uri_mismatch"),
    ],
)
def test_a_screen_url_in_the_profile_is_named_before_the_mismatch(
    url: str,
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HAIHAI_HOME", str(tmp_path))
    (tmp_path / "profiles").mkdir()
    profile = tmp_path / "profiles" / "default.toml"
    profile.write_text(f'[salesforce]\nurl = "{url}"\n', "utf-8")
    found = codes(capsys, MISMATCH)
    assert found[0] == first
    assert "redirect_uri_mismatch" in found
    assert codes(capsys, "error=access_denied")[0] == "access_denied"


@pytest.mark.parametrize("torn", [None, "[salesforce\n", "[nothing]\n"])
def test_without_a_profile_that_can_be_read_it_answers_all_the_same(
    torn: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HAIHAI_HOME", str(tmp_path))
    if torn is not None:
        (tmp_path / "profiles").mkdir()
        (tmp_path / "profiles" / "default.toml").write_text(torn, "utf-8")
    assert codes(capsys, MISMATCH) == ["redirect_uri_mismatch"]
