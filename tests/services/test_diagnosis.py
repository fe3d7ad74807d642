from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from haihai_tui.services.causes import CAUSES, cause_text
from haihai_tui.services.diagnosis import Cause, diagnose
from haihai_tui.services.diagnosis_rules import RULES
from tests.services.diagnosis_examples import EXAMPLES

PASTES = [(code, paste) for code, pastes in EXAMPLES.items() for paste in pastes]
URLS = [
    (code, paste)
    for code, paste in PASTES
    if paste.startswith(("http", "error=")) and "error=" in paste
]


def best(paste: str) -> str:
    return diagnose(paste)[0].code


def told(causes: list[Cause]) -> str:
    """All that an operator gets to read."""
    return "\n".join(
        f"{c.code} {c.title} {c.what} {' '.join(map(str, c.remedy))} {c.see}"
        for c in causes
    )


@pytest.mark.parametrize(("code", "paste"), PASTES)
def test_the_cause_is_named_first(code: str, paste: str) -> None:
    assert best(paste) == code


def test_every_code_has_texts_and_three_examples() -> None:
    assert set(EXAMPLES) == set(CAUSES)
    assert min(map(len, EXAMPLES.values())) >= 3
    assert {rule.code for rule in RULES} <= set(CAUSES)


@pytest.mark.parametrize("code", CAUSES)
def test_texts_are_whole_sentences(code: str) -> None:
    known = cause_text(code)
    assert str(known.title)
    assert not str(known.title).endswith("。")
    assert str(known.what).endswith("。")
    assert known.remedy
    assert all(str(step).endswith("。") for step in known.remedy)
    assert re.fullmatch(r"\d(\.\d){1,2}", known.see)


def test_an_unknown_code_has_honest_texts() -> None:
    assert cause_text("no_such_code") == CAUSES["unknown"]


# ------------------------------------------------------- as people paste them


@pytest.mark.parametrize(("code", "paste"), URLS)
def test_encoded_twice_and_thrice(code: str, paste: str) -> None:
    assert best(quote(paste)) == code
    assert best(quote(quote(paste))) == code


@pytest.mark.parametrize(("code", "paste"), URLS)
@pytest.mark.parametrize("width", [20, 37, 76])
def test_broken_into_lines(code: str, paste: str, width: int) -> None:
    lines = [paste[n : n + width] for n in range(0, len(paste), width)]
    assert best("\n".join(lines)) == code
    assert best("\r\n".join(f"> {line}" for line in lines)) == code


@pytest.mark.parametrize(("code", "paste"), URLS)
def test_full_width_html_and_quoted_printable(code: str, paste: str) -> None:
    wide = paste.translate({n: n + 0xFEE0 for n in range(0x21, 0x7F)})
    assert best(wide) == code
    assert best(html.escape(paste)) == code
    assert best(paste.replace("=", "=3D")) == code
    assert best(f"「{paste}」が出ました。どうすれば？") == code


@pytest.mark.parametrize(
    ("paste", "code"),
    [
        (
            "http://localhost:8711/sflogged?error=redirect_uri_mis",
            "redirect_uri_mismatch",
        ),
        (
            "match&error_description=redirect_uri%20must%20match%20conf",
            "redirect_uri_mismatch",
        ),
        ("uri_mismatch", "redirect_uri_mismatch"),
        (
            "…d?error=invalid_request&error_description=missing%20required%20code%2",
            "pkce_required",
        ),
        ("rror=access_denied&error_description=end-user+den", "access_denied"),
        ("http://localhost:8711/sflogged?error=access_de", "access_denied"),
        ("OAUTH_APPROVAL_ERROR_GEN", "app_not_installed"),
        ("INVALID_SESSION", "token_expired"),
    ],
)
def test_cut_at_either_end(paste: str, code: str) -> None:
    assert best(paste) == code
    assert diagnose(paste)[0].confidence <= 0.97


def test_a_cut_paste_is_less_certain() -> None:
    whole = diagnose("error=redirect_uri_mismatch")[0]
    cut = diagnose("error=redirect_uri_mism")[0]
    assert cut.code == whole.code
    assert cut.confidence < whole.confidence


def test_escaped_json_in_a_log_line() -> None:
    body = '{"error":"invalid_grant","error_description":"ip restricted"}'
    line = f"2026-11-23T09:00:00Z ERROR token request failed: {json.dumps(body)}"
    assert best(line) == "ip_restricted"
    assert best(line.replace(" ", "\\u0020")) == "ip_restricted"


def test_text_read_in_the_wrong_encoding() -> None:
    page = "ユーザ名とパスワードを確認してください。"
    for wrong in ("latin-1", "cp932"):
        garbled = page.encode().decode(wrong, "ignore")
        if garbled.encode(wrong) == page.encode():
            assert best(garbled) == "login_failed"
    assert best(page.encode().decode("latin-1")) == "login_failed"


def test_nul_bytes_marks_and_terminal_colours() -> None:
    utf16 = "\0".join("error=access_denied")
    assert best(utf16) == "access_denied"
    assert best("\ufeff\x1b[31merror=acc\u200bess_denied\x1b[0m") == "access_denied"


def test_several_messages_are_ranked() -> None:
    paste = (
        "連携トークンの保管に失敗しました。再度実施してください\n"
        "http://localhost:8711/sflogged?error=invalid_request"
        "&error_description=missing%20required%20code%20challenge"
    )
    codes = [cause.code for cause in diagnose(paste)]
    assert codes == ["pkce_required", "token_not_stored"]


def test_the_approval_page_has_several_causes() -> None:
    causes = diagnose("OAUTH_APPROVAL_ERROR_GENERIC")
    assert [cause.code for cause in causes][:2] == [
        "app_not_installed",
        "pkce_required",
    ]
    confidences = [cause.confidence for cause in causes]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= confidence <= 1 for confidence in confidences)


def test_a_consumer_key_may_only_be_too_new() -> None:
    codes = [c.code for c in diagnose("error=invalid_client_id")]
    assert codes[0] == "invalid_client_id"
    assert {"not_yet_active", "invalid_client_secret"} <= set(codes)


AUTHORIZE = (
    "https://login.salesforce.com/services/oauth2/authorize?response_type=code"
    "&client_id=3MVG9example&code_challenge=abc&scope={scope}"
    "&redirect_uri=http%3A%2F%2Flocalhost%3A8711%2Fsflogged"
)


@pytest.mark.parametrize("scope", ["api+refresh_token", "api%20offline_access"])
def test_a_sound_authorisation_url_is_not_blamed(scope: str) -> None:
    url = AUTHORIZE.format(scope=scope)
    for paste in (url, f"{url[:150]}\n{url[150:]}", url.replace("&", "&amp;")):
        assert [cause.code for cause in diagnose(paste)] == ["no_answer"]


def test_a_plain_access_denied_is_not_certain() -> None:
    [cause] = diagnose("<H1>Access Denied</H1> Reference #18")
    assert cause.code == "access_denied"
    assert cause.confidence < 0.6


def test_a_screen_url_in_the_settings_is_behind_the_mismatch() -> None:
    paste = "error=redirect_uri_mismatch"
    url = "https://example.lightning.force.com"
    codes = [c.code for c in diagnose(paste, salesforce_url=url)]
    assert codes == ["lightning_url", "redirect_uri_mismatch"]
    fine = "https://example.my.salesforce.com"
    assert [c.code for c in diagnose(paste, salesforce_url=fine)] == [
        "redirect_uri_mismatch"
    ]


@pytest.mark.parametrize("code", [c for c in CAUSES if c != "unknown"])
def test_our_own_output_is_understood(code: str) -> None:
    assert best(f'{{"event":"run_done","exit_code":3,"cause":"{code}"}}') == code
    assert best(f"✗ {CAUSES[code].title}") == code


# -------------------------------------------------------------------- secrets

SECRETS = (
    "00D000000000001!AR8AQexampleTOKENexample",
    "5Aep861exampleREFRESHtokenexample",
    "aPrxEXAMPLEcodeEXAMPLE==",
    "3MVG9exampleCONSUMERkey",
    "4F0A9exampleSECRET",
    "hunter2pass",
)


@pytest.mark.parametrize(
    "paste",
    [
        "http://localhost:8711/sflogged?code={2}&state={4}",
        "curl -d client_id={3} -d client_secret={4} -d refresh_token={1} "
        "https://login.salesforce.com/services/oauth2/token",
        '{{"access_token":"{0}","refresh_token":"{1}","error":"{5}"}}',
        "Authorization: Bearer {0}\nX-HM-apitoken: {4}\nHTTP/1.1 418 teapot",
        "error={4}&error_description={1}",
        "https://user:{5}@{4}.example.com/{2}?sid={0}",
        "password {5} errorCode: {3}",
    ],
)
def test_nothing_secret_comes_back(paste: str) -> None:
    answer = told(diagnose(paste.format(*SECRETS))).lower()
    for secret in SECRETS:
        assert secret.lower() not in answer
        assert secret[:8].lower() not in answer


# -------------------------------------------------------------------- unknown


@pytest.mark.parametrize(
    ("paste", "known"),
    [
        ('{"error":"something_new"}', ["JSON", "something_new"]),
        ("row 3: UNABLE_TO_LOCK_ROW", ["UNABLE_TO_LOCK_ROW"]),
        ("<fault><code>E</code></fault>", ["XML"]),
        ("<html><body>HTTP 418 teapot</body></html>", ["HTML", "HTTP 418"]),
        (
            "see https://example.my.salesforce.com/home/home.jsp please",
            ["my.salesforce.com"],
        ),
    ],
)
def test_an_unknown_text_says_what_is_known(paste: str, known: list[str]) -> None:
    [cause] = diagnose(paste)
    assert cause.code == "unknown"
    assert cause.confidence == 0
    for fact in known:
        assert fact in str(cause.what)


@pytest.mark.parametrize("paste", ["", "  \n", "\0\0"])
def test_an_empty_paste(paste: str) -> None:
    [cause] = diagnose(paste)
    assert cause.code == "unknown"
    assert "空" in str(cause.what)


@pytest.mark.parametrize(
    "paste",
    [
        "\ud800\udfff%ud800%%%2",
        "https://[::1",
        "http://localhost:99999999/sflogged",
        "%25" * 50_000,
        "{" * 100_000,
        "a" * 1_000_000 + " error=access_denied",
        "&#x110000;&#0;<![CDATA[",
        "https://" + "a." * 5_000,
    ],
)
def test_hostile_pastes_are_answered_soon(paste: str) -> None:
    started = time.perf_counter()
    assert diagnose(paste)
    assert time.perf_counter() - started < 5


def test_the_end_of_a_long_log_counts() -> None:
    assert best("x\n" * 500_000 + "error=access_denied") == "access_denied"


def test_only_the_standard_library_is_loaded() -> None:
    script = (
        "import sys, haihai_tui.services.diagnosis\n"
        "heavy = ('httpx', 'textual', 'sqlalchemy', 'stamina', 'rich', 'authlib')\n"
        "print([name for name, module in sys.modules.items() "
        "if module is not None and name.split('.')[0] in heavy])\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    assert done.stdout.strip() == "[]"
