"""Whatever comes in, what comes out is a result or a named error, never a defect."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from haihai_tui.errors import ConnectorError, SettingsError, text
from haihai_tui.locales import Catalogue
from haihai_tui.services.diagnosis import diagnose
from haihai_tui.services.haihai import answers
from haihai_tui.services.haihai.fromfile import members_from_file, views_from_file
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.paths import home_at
from haihai_tui.services.redaction import redact
from haihai_tui.services.salesforce import oauth_answers
from haihai_tui.services.salesforce.errors import classify, to_error
from haihai_tui.services.salesforce.oauth_errors import callback_error
from haihai_tui.services.salesforce.urls import normalise_url, parse_callback
from haihai_tui.services.settings import parse_profile, parse_toml
from haihai_tui.services.settings_edit import _split, _toml_value
from haihai_tui.services.settings_schema import SECTIONS
from haihai_tui.sync.ports import PageFile
from haihai_tui.sync.tables.records import parse_record, record_batches, record_id

quick = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WIRE = Wire()
RENDER = Catalogue("en").render

# Pieces that parsers trip over, among any other text.
PIECES = st.sampled_from(
    [
        "http://[",
        "https://[::1]:99999999/",
        "https://x.my.salesforce.com/?code=",
        "?error=access_denied&state=",
        "%",
        "%zz",
        "%00",
        "\x00",
        "\x1b]0;title\x07",
        "\x1b[2J",
        "\u202e",
        "\ud800",
        "\U0001f600",
        '"',
        "'",
        ",",
        "\r\n",
        "\n",
        "[[[[[[[[",
        "{",
        "}",
        "{0}",
        "{x!r}",
        "=cmd|' /C calc'!A0",
        "メールアドレス,配信状態\r\n",
        "10200,OK,",
        "&#x110000;",
        "\\u",
        "\\ud800",
        "=3D",
        "9" * 5000,
        "[" * 3000,
    ]
)
TEXT = st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=8).map("".join)
BYTES = st.one_of(
    st.binary(max_size=200),
    TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")),
)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=12),
    ),
    lambda inside: st.one_of(
        st.lists(inside, max_size=4),
        st.dictionaries(st.text(max_size=12), inside, max_size=4),
    ),
    max_leaves=12,
)


def told(error: ConnectorError) -> None:
    """An error can be shown, and shows nothing that a terminal obeys."""
    shown = RENDER(error.what) + (RENDER(error.remedy) if error.remedy else "")
    assert "\x1b" not in shown
    assert "\x00" not in shown


def harmless(deed: Callable[[], object]) -> None:
    """It works, or it fails with an error that can be told."""
    try:
        deed()
    except ConnectorError as error:
        told(error)


# ---------------------------------------------------------------- pasted text


@quick
@given(TEXT)
@example("http://[x?code=1")
@example("\ud800\udfff")
def test_pasted_text_is_diagnosed_whatever_it_is(pasted: str) -> None:
    causes = diagnose(pasted)
    assert causes
    for cause in causes:
        assert 0 <= cause.confidence <= 1


@quick
@given(TEXT)
@example("http://[x?code=1")
@example("https://xn--\ud800.my.salesforce.com")
def test_urls_are_refused_or_understood(pasted: str) -> None:
    harmless(lambda: normalise_url(pasted))
    harmless(lambda: parse_callback(pasted))


@quick
@given(TEXT)
@example("http://[x?code=1")
@example("code=%ff%fe")
def test_a_redirect_url_gives_parameters_or_none(pasted: str) -> None:
    found = oauth_answers.parse_answer(pasted)
    assert all(isinstance(value, str) for value in found.values())
    error = callback_error(found)
    if error is not None:
        told(error)


# -------------------------------------------------------------------- profiles


@quick
@given(BYTES)
def test_a_profile_of_any_bytes_is_refused_or_read(content: bytes) -> None:
    harmless(lambda: parse_profile("x", parse_toml(content, Path("x.toml")), "x.toml"))


@quick
@given(st.dictionaries(st.sampled_from(sorted(SECTIONS)), JSON, max_size=4))
def test_a_profile_of_any_shape_is_refused_or_taken(table: Mapping[str, Any]) -> None:
    harmless(lambda: parse_profile("x", table, "x.toml"))


@quick
@given(TEXT)
def test_an_assignment_of_any_text_is_refused_or_taken(pasted: str) -> None:
    harmless(lambda: _split(pasted))
    harmless(lambda: _toml_value("x.y", pasted))


# ----------------------------------------------------------- HaiHai Mail's CSV


@quick
@given(BYTES)
def test_an_answer_of_any_bytes_is_an_answer_or_none(body: bytes) -> None:
    def read() -> None:
        answer = answers.read_answer(answers.decode(body), WIRE)
        if answer is not None:
            answers.require_success(answer, WIRE)

    harmless(read)


@quick
@given(BYTES, st.booleans())
@example("メールアドレス,配信状態\r\na@example.jp,\x1b[2J\r\n".encode(), True)
def test_a_list_of_any_bytes_is_read_or_refused(body: bytes, with_header: bool) -> None:
    head = "メールアドレス,配信状態,クリックURL,クリック日時\r\n".encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(head + body if with_header else body)
        harmless(lambda: list(members_from_file(path, WIRE)))
        harmless(lambda: list(views_from_file(path, WIRE)))


# ------------------------------------------------------- Salesforce's answers


@quick
@given(
    st.sampled_from([200, 301, 400, 401, 403, 404, 420, 500, 503]),
    st.sampled_from(["application/json", "text/html", "application/xml", "\x1b[2J"]),
    st.one_of(BYTES, JSON.map(lambda value: json.dumps(value).encode())),
)
@example(400, "application/json", b"[" * 5_000)
@example(400, "application/json", b'{"a":' * 5_000)
@example(400, "application/xml", b"<?xml version='1.0'?>" + b"<a>" * 50_000)
def test_an_error_of_any_shape_has_a_name(status: int, kind: str, body: bytes) -> None:
    told(to_error(classify(status, kind, body)))


@quick
@given(
    st.sampled_from([200, 302, 400, 401, 500]),
    st.one_of(BYTES, JSON.map(lambda value: json.dumps(value).encode())),
)
@example(400, b"[" * 5_000)
@example(400, b'{"error":"x\\u001b[2J","error_description":"\\u0000"}')
def test_an_answer_of_an_oauth_endpoint_is_judged(status: int, body: bytes) -> None:
    request = httpx.Request("POST", "https://x.my.salesforce.com/services/oauth2/token")
    answer = httpx.Response(status, content=body, request=request)
    told(oauth_answers.token_error(answer))

    def tokens() -> None:
        oauth_answers.tokens_of(oauth_answers.json_object(answer), None)

    harmless(tokens)


@quick
@given(st.binary(max_size=400), st.booleans())
@example(b'"Id","Name"\n"003","a\n', False)
def test_a_page_of_any_bytes_is_cut_into_records(body: bytes, packed: bool) -> None:
    """Every byte behind the header is in some record: nothing is lost in silence."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.csv"
        path.write_bytes(gzip.compress(body) if packed else body)
        records = [
            record
            for batch in record_batches(PageFile(path, 0, packed))
            for record in batch
        ]
    assert sum(map(len, records)) <= len(body)
    for record in records:
        record_id(record)
        with suppress(ValueError):
            parse_record(record, 2)


@pytest.mark.parametrize("name", ["../x", "x/y", "", "\x00", "a" * 65, "-x", "x\n"])
def test_a_profile_s_name_cannot_leave_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        home_at(tmp_path).profile_file(name)


# ------------------------------------------------------------------ what is told


@quick
@given(TEXT)
def test_what_is_redacted_stays_text(pasted: str) -> None:
    assert isinstance(redact(pasted), str)


@quick
@given(TEXT)
@example("\x1b]52;c;cm0gLXJmCg==\x07")
def test_a_value_among_words_cannot_speak_to_the_terminal(value: str) -> None:
    shown = RENDER(text("{value}", value=value))
    assert shown.isprintable()
