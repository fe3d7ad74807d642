"""simple-salesforce, a client nobody here wrote, works unchanged on the sandbox.

Only its transport is told where to go: it knows https alone, so that an adapter
turns its addresses into the sandbox's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce, SFType
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from tests.sandbox.salesforce_org import Sandbox, running

CUSTOMERS = 450


class Loopback(HTTPAdapter):
    """Sends what is addressed to https://… to the sandbox."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


def first_error(error: Any) -> dict[str, Any]:
    """The first object of the answer that the client put into its error."""
    found: dict[str, Any] = error.content[0]
    return found


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(customers=CUSTOMERS) as started:
        yield started


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Salesforce]:
    with requests.Session() as session:
        session.mount("https://", Loopback())
        yield Salesforce(
            session_id=sandbox.access_token(),
            instance_url=sandbox.url,
            session=session,
            version="66.0",
        )


@pytest.fixture
def small_pages(sandbox: Sandbox) -> Iterator[None]:
    sandbox.switch(query_page_rows=100)
    yield
    sandbox.switch(query_page_rows=2000)


@pytest.fixture
def contact(client: Salesforce) -> SFType:
    found = client.Contact
    assert isinstance(found, SFType)
    return found


@pytest.mark.usefixtures("small_pages")
def test_query_all_reads_every_page(client: Salesforce) -> None:
    soql = "SELECT Id, Email, Account.Name FROM Contact WHERE Email != null"
    found = client.query_all(soql)
    ids = [record["Id"] for record in found["records"]]
    assert found["totalSize"] == len(ids) == len(set(ids)) > CUSTOMERS
    assert found["done"] is True
    first = found["records"][0]
    assert list(first) == ["attributes", "Id", "Email", "Account"]
    assert list(first["Account"]) == ["attributes", "Name"]


@pytest.mark.usefixtures("small_pages")
def test_query_all_iter_and_query_more_agree(client: Salesforce) -> None:
    soql = "SELECT Id FROM Contact ORDER BY Id"
    by_iteration = [record["Id"] for record in client.query_all_iter(soql)]
    page = client.query(soql)
    assert len(page["records"]) == 100
    by_page = list(page["records"])
    while not page["done"]:
        page = client.query_more(page["nextRecordsUrl"], identifier_is_url=True)
        by_page += page["records"]
    assert [record["Id"] for record in by_page] == by_iteration
    assert by_iteration == sorted(by_iteration)


def test_a_deleted_record_shows_only_when_asked_for(
    client: Salesforce, contact: SFType
) -> None:
    made = contact.create({"LastName": "削除"})["id"]
    assert contact.delete(made) == 204
    soql = f"SELECT Id, IsDeleted FROM Contact WHERE Id = '{made}'"
    assert client.query(soql)["totalSize"] == 0
    found = client.query_all(soql, include_deleted=True)
    assert [record["IsDeleted"] for record in found["records"]] == [True]


def test_create_update_and_get(contact: SFType) -> None:
    answer = contact.create({"LastName": "髙﨑", "Email": "takasaki@example.jp"})
    assert answer["success"] is True
    assert answer["errors"] == []
    assert contact.update(answer["id"], {"FirstName": "太郎"}) == 204
    record = contact.get(answer["id"])
    assert record["attributes"]["type"] == "Contact"
    assert record["Name"] == "太郎 髙﨑"
    assert record["HaihaiState__c"] is None


def test_upsert_creates_then_updates_then_is_ambiguous(contact: SFType) -> None:
    key = "Email/upsert%40example.com"
    assert contact.upsert(key, {"LastName": "一"}) == 201
    assert contact.upsert(key, {"LastName": "二"}) == 200
    contact.create({"LastName": "三", "Email": "upsert@example.com"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        contact.upsert(key, {"LastName": "四"})


def test_updated_and_deleted(sandbox: Sandbox, contact: SFType) -> None:
    made = contact.create({"LastName": "窓"})["id"]
    gone = contact.create({"LastName": "窓"})["id"]
    contact.delete(gone)
    now = sandbox.ctx.org.clock.now()
    start, end = now - timedelta(hours=1), now + timedelta(minutes=2)
    updated = contact.updated(start, end)
    deleted = contact.deleted(start, end)
    assert made in updated["ids"]
    assert gone not in updated["ids"]
    assert gone in [each["id"] for each in deleted["deletedRecords"]]


def test_describe(client: Salesforce, contact: SFType) -> None:
    described: Any = client.describe()
    names = {each["name"] for each in described["sobjects"]}
    assert {"Contact", "Lead", "Account", "Campaign", "User"} <= names
    fields = {each["name"]: each for each in contact.describe()["fields"]}
    assert fields["Email"]["byteLength"] == 3 * fields["Email"]["length"] == 240
    assert all(len(each) == 57 for each in fields.values())
    assert contact.metadata()["objectDescribe"]["keyPrefix"] == "003"


def test_limits_and_usage(client: Salesforce) -> None:
    daily = client.limits()["DailyApiRequests"]
    assert daily["Max"] == 15_000
    usage = client.api_usage["api-usage"]
    assert usage.total == 15_000
    assert usage.used == 15_000 - daily["Remaining"]


def test_sandbox_flag(sandbox: Sandbox, client: Salesforce) -> None:
    assert client.is_sandbox() is False
    sandbox.switch(is_sandbox=True)
    assert client.is_sandbox() is True
    sandbox.switch(is_sandbox=False)


def test_errors_reach_the_clients_classes(
    client: Salesforce, contact: SFType, sandbox: Sandbox
) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        client.query("SELECT Nope FROM Contact")
    assert first_error(refused.value)["errorCode"] == "INVALID_FIELD"
    with pytest.raises(SalesforceResourceNotFound):
        contact.get("003000000000001AAA")
    with pytest.raises(SalesforceMalformedRequest) as missing:
        contact.create({"FirstName": "太郎"})
    assert first_error(missing.value)["fields"] == ["LastName"]
    sandbox.http.post(
        "/_sandbox/faults",
        json=[{"match": "GET /query", "do": "error:REQUEST_LIMIT_EXCEEDED"}],
    )
    with pytest.raises(SalesforceRefusedRequest):
        client.query("SELECT Id FROM Contact LIMIT 1")
    sandbox.ctx.sessions.expire_all()
    with pytest.raises(SalesforceExpiredSession):
        client.query("SELECT Id FROM Contact LIMIT 1")


def test_tooling_makes_a_field(client: Salesforce) -> None:
    answer = client.toolingexecute(
        "sobjects/CustomField",
        method="POST",
        json={
            "FullName": "Lead.Made__c",
            "Metadata": {"type": "Text", "length": 40, "label": "作成"},
        },
    )
    assert answer["success"] is True
    found = client.toolingexecute(
        "query", params={"q": "SELECT Id FROM CustomField WHERE DeveloperName='Made'"}
    )
    assert [record["Id"] for record in found["records"]] == [answer["id"]]
