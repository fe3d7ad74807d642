"""Messages in both languages; and the catalogue's own keeper."""

from __future__ import annotations

from pathlib import Path

import pytest

from haihai_tui.errors import SettingsError, Text, text
from haihai_tui.locales import Catalogue, choose_language
from tools import catalogue as keeper

JAPANESE, ENGLISH = Catalogue("ja"), Catalogue("en")


def test_japanese_is_the_source() -> None:
    assert JAPANESE.render(text("{n} 件", n=1)) == "1 件"


def test_english_comes_from_the_catalogue() -> None:
    message = text("chmod 600 '{path}' を実行してください。", path="/x")
    assert ENGLISH.render(message) == "Run: chmod 600 '/x'"


def test_messages_inside_messages_are_rendered_in_the_same_language() -> None:
    inner = text("管理者")
    assert JAPANESE.render(text("{role}へ", role=inner)) == "管理者へ"
    assert "administrator" in ENGLISH.render(text("{role}", role=inner))
    assert JAPANESE.render(text("{roles}", roles=[inner, "x"])) == "管理者、x"


def test_an_unknown_message_is_still_a_sentence() -> None:
    assert ENGLISH.render(Text("訳のない文 {n}", {"n": 3})) == "訳のない文 3"
    assert ENGLISH.render(Text("")) == ""


@pytest.mark.parametrize("pattern", ["{missing}", "{0}", "{n.x}", "{n:%%}", "{"])
def test_a_pattern_that_does_not_fit_is_shown_as_it_is(pattern: str) -> None:
    assert JAPANESE.render(Text(pattern, {"n": 1})) == pattern


def test_foreign_text_cannot_steer_the_terminal() -> None:
    shown = JAPANESE.render(text("{v}", v="a\x1b[2J\nb\x9bc"))
    assert shown.isprintable()
    assert shown == "a\\x1b[2J\\nb\\x9bc"


def test_an_error_is_told_with_its_remedy() -> None:
    error = SettingsError(text("何か"), text("閲覧者"))
    assert JAPANESE.error(error) == "何か 閲覧者"


@pytest.mark.parametrize(
    ("option", "environ", "setting", "expected"),
    [
        (None, {}, "", "ja"),
        ("en", {"HAIHAI_LANG": "ja"}, "ja", "en"),
        (None, {"HAIHAI_LANG": "en", "LANG": "ja_JP.UTF-8"}, "ja", "en"),
        (None, {"LANG": "ja_JP.UTF-8"}, "en", "en"),
        (None, {"LANG": "en_GB.UTF-8"}, "", "en"),
        (None, {"LC_ALL": "ja_JP.UTF-8", "LANG": "en_GB.UTF-8"}, "", "ja"),
        (None, {"LC_ALL": "", "LC_MESSAGES": "en_US", "LANG": "ja_JP"}, "", "en"),
        (None, {"LANG": "de_DE.UTF-8"}, "", "ja"),
        (None, {"LC_ALL": "C.UTF-8"}, "", "ja"),
    ],
)
def test_the_language_is_chosen_by_rank(
    option: str | None, environ: dict[str, str], setting: str, expected: str
) -> None:
    assert choose_language(option, environ, setting) == expected


# ---------------------------------------------------------------- the keeper


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "a.py").write_text(
        "text('一つ {n}', n=1)\n"
        "text('二' '行')\n"
        "page.text('別のもの')\n"
        "LATER = text('後で {n}').msgid\n"
        "text(LATER, n=2)\n",
        encoding="utf-8",
    )
    return folder


def test_only_messages_are_extracted(package: Path) -> None:
    found, problems = keeper.extract(package)
    assert set(found) == {"一つ {n}", "二行", "後で {n}"}
    assert problems == []


def test_what_cannot_be_extracted_is_reported(package: Path) -> None:
    (package / "b.py").write_text("text(f'{x} 件')\n", encoding="utf-8")
    assert keeper.extract(package)[1] == ["package/b.py:1: not a plain text"]


def test_translations_survive_and_the_rest_is_reported(package: Path) -> None:
    found, _ = keeper.extract(package)
    first = keeper.updated(b"", found)
    assert len(keeper.check(first)) == 3
    first["一つ {n}"].string = "one {n}"
    first["二行"].string = "two {wrong} lines"
    again = keeper.updated(keeper.as_po(first), found)
    assert again["一つ {n}"].string == "one {n}"
    problems = keeper.check(again)
    assert len(problems) == 2
    assert any("placeholders differ" in problem for problem in problems)
    assert keeper.as_po(again) == keeper.as_po(
        keeper.updated(keeper.as_po(again), found)
    )


def test_the_catalogue_in_the_tree_is_complete() -> None:
    assert keeper.main(["--check"]) == 0
