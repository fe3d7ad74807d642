"""Pages, cursors and what field-level security hides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.salesforce_org import API, Sandbox, running

CUSTOMERS = 2400
ALL = "SELECT Id FROM Contact ORDER BY Id"


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with running(customers=CUSTOMERS) as started:
        yield started


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    before = shared.ctx.control.switches.as_dict()
    yield shared
    shared.ctx.control.switches.update(before)


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with sandbox.api() as client:
        yield client


def ask(http: httpx.Client, soql: str, **headers: str) -> Any:
    answer = http.get(f"{API}/query/", params={"q": soql}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_shape_of_the_pages(http: httpx.Client) -> None:
    first = ask(http, ALL)
    assert list(first) == ["totalSize", "done", "nextRecordsUrl", "records"]
    assert len(first["records"]) == 2000
    locator = first["nextRecordsUrl"].rpartition("/")[2]
    assert locator[:3] == "0r8"
    assert len(locator) == len("0r8xx5R2yF2gs3VASQ-2000")
    assert locator.endswith("-2000")
    last = http.get(first["nextRecordsUrl"]).json()
    assert list(last) == ["totalSize", "done", "records"]
    assert (last["totalSize"], last["done"]) == (first["totalSize"], True)
    assert len(last["records"]) == first["totalSize"] - 2000
    again = http.get(first["nextRecordsUrl"]).json()
    assert again == last


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ("batchSize=500", 500),
        ("batchSize=5", 200),
        ("batchSize=9999", 2000),
        ("nonsense", 2000),
    ],
)
def test_batch_size_is_kept_within_bounds(
    http: httpx.Client, options: str, rows: int
) -> None:
    page = ask(http, ALL, **{"Sforce-Query-Options": options})
    assert len(page["records"]) == rows


def test_long_text_shrinks_the_pages(http: httpx.Client) -> None:
    assert len(ask(http, "SELECT Id, Description FROM Contact")["records"]) == 1000


def test_page_size_may_change_on_the_way(sandbox: Sandbox, http: httpx.Client) -> None:
    page = ask(http, ALL)
    ids = [record["Id"] for record in page["records"]]
    sandbox.switch(query_page_rows=150)
    while "nextRecordsUrl" in page:
        page = http.get(page["nextRecordsUrl"]).json()
        assert len(page["records"]) <= 150
        ids += [record["Id"] for record in page["records"]]
    assert len(ids) == len(set(ids)) == page["totalSize"]


def test_the_eleventh_cursor_closes_the_first(http: httpx.Client) -> None:
    cursors = [ask(http, ALL)["nextRecordsUrl"] for _ in range(11)]
    refused = http.get(cursors[0])
    assert refused.status_code == 400
    assert refused.json() == [
        {"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}
    ]
    assert all(http.get(url).status_code == 200 for url in cursors[1:])


def test_cursors_expire(sandbox: Sandbox, http: httpx.Client) -> None:
    first, second = (ask(http, ALL)["nextRecordsUrl"] for _ in range(2))
    assert sandbox.http.post("/_sandbox/cursors/expire").json()["expired"] >= 2
    assert http.get(first).status_code == http.get(second).status_code == 400
    assert http.get(f"{API}/query/0r8nonsense").status_code == 400


def test_rows_written_meanwhile_do_not_disturb_a_cursor(http: httpx.Client) -> None:
    page = ask(http, ALL)
    seen = {record["Id"] for record in page["records"]}
    victim = max(seen)
    http.delete(f"{API}/sobjects/Contact/{victim}")
    rest = http.get(page["nextRecordsUrl"]).json()["records"]
    assert seen.isdisjoint(record["Id"] for record in rest)
    assert len(seen) + len(rest) == page["totalSize"]


def test_parents_are_nested_or_null(http: httpx.Client) -> None:
    account = http.post(f"{API}/sobjects/Account", json={"Name": "親会社"}).json()["id"]
    for values in ({"AccountId": account}, {}):
        http.post(f"{API}/sobjects/Contact", json={"LastName": "入れ子", **values})
    soql = (
        "SELECT Id, Account.Name, LastName, Account.Owner.Username FROM Contact "
        "WHERE LastName = '入れ子' ORDER BY Id"
    )
    first, second = ask(http, soql)["records"]
    assert list(first) == ["attributes", "Id", "Account", "LastName"]
    assert first["Account"] == {
        "attributes": {
            "type": "Account",
            "url": f"{API}/sobjects/Account/{account}",
        },
        "Name": "親会社",
        "Owner": {
            "attributes": first["Account"]["Owner"]["attributes"],
            "Username": "haihai.renkei@example.com",
        },
    }
    assert second["Account"] is None


def test_count_and_aggregate_answers(http: httpx.Client) -> None:
    count = ask(http, "SELECT count() FROM Campaign")
    assert count == {"totalSize": 1, "done": True, "records": []}
    found = ask(http, "SELECT COUNT(Id) FROM Campaign")
    attributes = {"type": "AggregateResult"}
    assert found["records"] == [{"attributes": attributes, "expr0": 1}]


def test_column_metadata(http: httpx.Client) -> None:
    soql = "SELECT Id, Account.Name, HasOptedOutOfEmail FROM Contact"
    answer = http.get(f"{API}/query", params={"q": soql, "columns": "true"}).json()
    assert answer["entityName"] == "Contact"
    names = [column["columnName"] for column in answer["columnMetadata"]]
    assert names == ["Id", "Account", "HasOptedOutOfEmail"]
    assert answer["columnMetadata"][1]["joinColumns"][0]["columnName"] == "Name"
    assert answer["columnMetadata"][2]["booleanType"] is True


def fields_of(http: httpx.Client) -> dict[str, Any]:
    answer = http.get(f"{API}/sobjects/Contact/describe").json()
    return {each["name"]: each for each in answer["fields"]}


def test_a_hidden_field_does_not_exist(sandbox: Sandbox, http: httpx.Client) -> None:
    assert "Phone" in fields_of(http)
    sandbox.switch(hidden_fields=["contact.phone"])
    assert "Phone" not in fields_of(http)
    refused = http.get(f"{API}/query", params={"q": "SELECT Phone FROM Contact"})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD"
    assert "No such column 'Phone' on entity 'Contact'" in refused.json()[0]["message"]
    write = http.post(f"{API}/sobjects/Contact", json={"LastName": "x", "Phone": "1"})
    assert write.json()[0]["errorCode"] == "INVALID_FIELD"
    parent = http.get(
        f"{API}/query", params={"q": "SELECT Contact.Phone FROM CampaignMember"}
    )
    assert parent.json()[0]["errorCode"] == "INVALID_FIELD"


def test_a_read_only_field(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.switch(readonly_fields=["Contact.HaihaiState__c"])
    field = fields_of(http)["HaihaiState__c"]
    assert (field["createable"], field["updateable"]) == (False, False)
    values = {"LastName": "x", "HaihaiState__c": "配信停止"}
    refused = http.post(f"{API}/sobjects/Contact", json=values)
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert refused.json()[0]["fields"] == ["HaihaiState__c"]


def test_a_retyped_and_a_shortened_field(sandbox: Sandbox, http: httpx.Client) -> None:
    at = "2026-01-02T03:04:05.000+0000"
    made = http.post(
        f"{API}/sobjects/Contact",
        json={"LastName": "型", "HaihaiStateAt__c": at},
    ).json()["id"]
    path = f"{API}/sobjects/Contact/{made}"
    sandbox.switch(
        field_types={"Contact.HaihaiStateAt__c": "date"},
        field_lengths={"Contact.HaihaiLastViewedUrl__c": 20},
    )
    fields = fields_of(http)
    assert fields["HaihaiStateAt__c"]["type"] == "date"
    assert fields["HaihaiLastViewedUrl__c"]["length"] == 20
    assert fields["HaihaiLastViewedUrl__c"]["byteLength"] == 60
    assert http.get(path).json()["HaihaiStateAt__c"] == "2026-01-02"
    long_url = {"HaihaiLastViewedUrl__c": "https://example.com/abc"}
    refused = http.patch(path, json=long_url)
    assert refused.json()[0]["errorCode"] == "STRING_TOO_LONG"
    assert "(max length=20)" in refused.json()[0]["message"]


def test_a_hidden_object(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.switch(hidden_objects=["Lead"])
    refused = http.get(f"{API}/query", params={"q": "SELECT Id FROM Lead"})
    assert refused.json()[0]["errorCode"] == "INVALID_TYPE"
    assert http.get(f"{API}/sobjects/Lead/describe").status_code == 404
    names = {each["name"] for each in http.get(f"{API}/sobjects").json()["sobjects"]}
    assert "Lead" not in names


def test_rights_of_the_running_user(sandbox: Sandbox, http: httpx.Client) -> None:
    soql = (
        "SELECT PermissionsApiEnabled, PermissionsViewEncryptedData, "
        "PermissionsModifyAllData FROM UserPermissionAccess"
    )
    record = ask(http, soql)["records"][0]
    assert record["PermissionsViewEncryptedData"] is True
    sandbox.switch(user_permissions={"PermissionsViewEncryptedData": False})
    record = ask(http, soql)["records"][0]
    assert record["PermissionsApiEnabled"] is True
    assert record["PermissionsViewEncryptedData"] is False


def test_encrypted_data_is_masked_without_the_right(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    sandbox.http.post(
        "/_sandbox/fields",
        json={"name": "Contact.Secret__c", "type": "EncryptedText", "length": 40},
    )
    made = http.post(
        f"{API}/sobjects/Contact", json={"LastName": "暗号", "Secret__c": "1234-5678"}
    ).json()["id"]
    soql = f"SELECT Secret__c FROM Contact WHERE Id = '{made}'"
    assert fields_of(http)["Secret__c"]["encrypted"] is True
    assert ask(http, soql)["records"][0]["Secret__c"] == "1234-5678"
    sandbox.switch(user_permissions={"PermissionsViewEncryptedData": False})
    assert ask(http, soql)["records"][0]["Secret__c"] == "*********"
    read = http.get(f"{API}/sobjects/Contact/{made}").json()
    assert read["Secret__c"] == "*********"


def test_organization_tells_which_org_this_is(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    soql = (
        "SELECT Id, Name, OrganizationType, IsSandbox, InstanceName, NamespacePrefix, "
        "TrialExpirationDate FROM Organization"
    )
    record = ask(http, soql)["records"][0]
    assert record["Id"] == sandbox.org.org_id
    assert record["IsSandbox"] is False
    assert record["NamespacePrefix"] is None


def test_tokens_and_apps_can_be_asked_for(sandbox: Sandbox, http: httpx.Client) -> None:
    app = sandbox.ctx.apps.default
    sandbox.ctx.sessions.approve(
        sandbox.org.admin_user_id, app.client_id, list(app.scopes)
    )
    tokens = ask(http, "SELECT Id, AppName, UserId, UseCount FROM OauthToken")
    assert tokens["records"][0]["Id"] is None
    address = tokens["records"][0]["attributes"]["url"]
    assert address.endswith("/OauthToken/000000000000000AAA")
    assert tokens["records"][0]["AppName"] == "App_HaihaiConnect"
    apps = ask(http, "SELECT Name FROM ConnectedApplication")
    assert "App_HaihaiConnect" in [each["Name"] for each in apps["records"]]
