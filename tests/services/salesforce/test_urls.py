"""What people paste, and the host that it has to become."""

from __future__ import annotations

import pytest

from haihai_tui.errors import SettingsError
from haihai_tui.services.salesforce.urls import normalise_url, parse_callback

ACME = "https://acme.my.salesforce.com"


@pytest.mark.parametrize(
    ("entered", "url"),
    [
        ("https://login.salesforce.com", "https://login.salesforce.com"),
        ("test.salesforce.com", "https://test.salesforce.com"),
        (ACME, ACME),
        ("acme.my.salesforce.com", ACME),
        ("http://acme.my.salesforce.com", ACME),
        ("HTTPS://ACME.My.SalesForce.COM/", ACME),
        (f"  {ACME}/lightning/page/home?x=1#y  ", ACME),
        (f"<{ACME}>", ACME),
        (f"「{ACME}」", ACME),
        ("https://acme.my.salesforce.com.", ACME),
        ("https://acme.my.salesforce.com:443/", ACME),
        ("https://acme\u200b.my.salesforce.com", ACME),
        ("ｈｔｔｐｓ：／／ａｃｍｅ．ｍｙ．ｓａｌｅｓｆｏｒｃｅ．ｃｏｍ", ACME),
        ("acme。my。salesforce。com", ACME),
        ("https://acme.lightning.force.com/lightning/setup", ACME),
        (
            "https://acme--uat.sandbox.lightning.force.com",
            "https://acme--uat.sandbox.my.salesforce.com",
        ),
        (
            "https://acme-dev-ed.develop.lightning.force.com",
            "https://acme-dev-ed.develop.my.salesforce.com",
        ),
        (
            "https://acme.scratch.lightning.force.com",
            "https://acme.scratch.my.salesforce.com",
        ),
        ("https://acme.my.salesforce-setup.com/x", ACME),
        (
            "https://acme--uat.sandbox.my.salesforce-setup.com",
            "https://acme--uat.sandbox.my.salesforce.com",
        ),
        ("https://acme--c.vf.force.com/apex/page", ACME),
        (
            "https://acme--uat--c.sandbox.vf.force.com",
            "https://acme--uat.sandbox.my.salesforce.com",
        ),
        ("https://acme.lightning.crmforce.mil", "https://acme.my.salesforce.mil"),
        ("https://acme.my-lightning.com", "https://acme.my-salesforce.com"),
        ("https://acme.lightning.sfcrmapps.cn", "https://acme.my.sfcrmproducts.cn"),
        ("https://na99.salesforce.com", "https://na99.salesforce.com"),
        (
            "https://acme--uat.cs57.my.salesforce.com",
            "https://acme--uat.cs57.my.salesforce.com",
        ),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://localhost:8080/services/", "http://localhost:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_maps_to_the_host_that_speaks_oauth(entered: str, url: str) -> None:
    normalised = normalise_url(entered)
    assert normalised.url == url
    assert normalised.changed == (entered != url)


@pytest.mark.parametrize(
    "entered",
    [
        "",
        "   ",
        "acme",
        "https://",
        "https://salesforce.com",
        "https://www.salesforce.com",
        "https://help.salesforce.com/s/",
        "https://evilsalesforce.com",
        "https://my.salesforce.com.example.com",
        "https://acme.my.salesforce.com.example.net/",
        "https://acme.my.salesforce.com@example.com",
        "https://user:pass@acme.my.salesforce.com",
        "https://example.com/?u=acme.my.salesforce.com",
        "https://xmy-salesforce.com.example.org",
        "https://notmy-salesforce.com",
        "https://acme.my.ѕalesforce.com",  # a Cyrillic letter
        "ftp://acme.my.salesforce.com",
        "javascript:alert(1)",
        "https://192.0.2.1",
        "https://acme.my.site.com/portal",
        "https://acme--c.visual.force.com",
        "https://acme--ns.vf.force.com",
        "https://acme.my.salesforce.com:99999",
        "https://[::1",
    ],
)
def test_refuses_every_other_host(entered: str) -> None:
    with pytest.raises(SettingsError) as caught:
        normalise_url(entered)
    assert caught.value.cause == "not_a_salesforce_url"
    assert caught.value.remedy is not None


def test_refuses_a_lightning_host_without_a_name() -> None:
    with pytest.raises(SettingsError) as caught:
        normalise_url("https://lightning.force.com")
    assert caught.value.cause == "lightning_url"


def test_says_what_was_replaced() -> None:
    assert "acme.my.salesforce.com" in str(
        normalise_url("https://acme.lightning.force.com").hint
    )
    assert normalise_url("acme.my.salesforce.com").hint is None


@pytest.mark.parametrize(
    ("url", "listen", "path"),
    [
        ("http://localhost:8711/sflogged", 8711, "/sflogged"),
        ("http://localhost/sflogged/", 80, "/sflogged/"),
        ("http://127.0.0.1:3000/cb", 3000, "/cb"),
        ("https://connector.example.jp/sflogged", None, "/sflogged"),
        ("haihai:oauth", None, "oauth"),
    ],
)
def test_takes_a_callback_url_as_it_is(url: str, listen: int | None, path: str) -> None:
    callback = parse_callback(url)
    assert (callback.url, callback.listen, callback.path) == (url, listen, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sflogged",
        "http://connector.example.jp/sflogged",
        "https://",
        "https://example.jp/a b",
        "https://example.jp/連携",
        "https://example.jp/cb#part",
        "https://example.jp/" + "x" * 2000,
        "javascript:alert(1)",
        "http://localhost:99999/cb",
    ],
)
def test_refuses_a_callback_url_that_cannot_be_registered(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_callback(url)
    assert caught.value.cause == "redirect_uri_mismatch"
