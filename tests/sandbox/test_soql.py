"""SOQL on a handful of records: what is found, in which order, what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihai_tui.sandbox.control import Clock, Switches
from haihai_tui.sandbox.salesforce import soql, timestamps
from haihai_tui.sandbox.salesforce.dateliterals import days_of
from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.filters import like_pattern
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.switches import DEFAULTS
from haihai_tui.sandbox.salesforce.tooling import field_from_metadata

NOW = datetime(2026, 5, 20, 3, 0, tzinfo=UTC)  # noon in Tokyo, a Wednesday


class Still(Clock):
    """A clock that stands at NOW."""

    def now(self) -> datetime:
        return NOW


def stamp(text: str) -> int:
    seconds = timestamps.parse(text)
    assert seconds is not None
    return seconds


@pytest.fixture(scope="module")
def org() -> Org:
    made = Org(Still(), 1, Switches(DEFAULTS))
    metadata = {"type": "MultiselectPicklist", "label": "興味"}
    made.add_field("Contact", field_from_metadata("Topics__c", metadata))
    sets = made.table("PermissionSet").ids
    made.bulk_load(
        "FieldPermissions",
        [
            {
                "ParentId": each,
                "SobjectType": "Contact",
                "Field": "Contact.Topics__c",
                "PermissionsRead": True,
                "PermissionsEdit": True,
            }
            for each in sets
        ],
    )
    accounts = made.bulk_load("Account", [{"Name": "商事"}, {"Name": "工業"}])
    rows: list[dict[str, Any]] = [
        {"LastName": "A", "Email": "a@example.com", "AccountId": accounts[0]},
        {"LastName": "b", "Email": "B@example.com", "AccountId": accounts[1]},
        {"LastName": "C", "Email": None, "AccountId": None},
        {"LastName": "100%", "Email": "d_d@example.com", "AccountId": accounts[0]},
        {"LastName": "O'Neil", "Email": "e@example.com", "AccountId": accounts[0]},
    ]
    more: list[dict[str, Any]] = [
        {"HasOptedOutOfEmail": True, "Topics__c": "酒;茶"},
        {"HaihaiViewCount__c": 3.0, "Topics__c": "茶"},
        {"HaihaiViewCount__c": 10.0, "Birthdate": "1980-01-02"},
        {"Birthdate": "1990-12-31"},
        {},
    ]
    moments = [
        "2026-05-19T14:59:59Z",  # yesterday in Tokyo, to the second
        "2026-05-19T15:00:00Z",  # today
        "2026-05-20T02:59:59Z",
        "2026-04-30T15:00:00Z",  # first second of May in Tokyo
        "2025-12-31T14:59:59Z",
    ]
    made.bulk_load(
        "Contact",
        [{**row, **extra} for row, extra in zip(rows, more, strict=True)],
        last_modified=[stamp(text) for text in moments],
    )
    return made


def names(org: Org, rest: str) -> str:
    """The last names that a query finds, in its order."""
    rows = org.query(f"SELECT LastName FROM Contact {rest}").rows
    return " ".join(row[0] for row in rows)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Email = 'A@EXAMPLE.COM'", "A"),
        ("Email != 'a@example.com'", "b C 100% O'Neil"),
        ("Email <> 'a@example.com'", "b C 100% O'Neil"),
        ("Email = null", "C"),
        ("Email = ''", "C"),
        ("Email != null", "A b 100% O'Neil"),
        ("Email IN ('a@example.com', 'b@example.com')", "A b"),
        ("Email IN ('a@example.com', null)", "A C"),
        ("Email NOT IN ('a@example.com', 'b@example.com')", "C 100% O'Neil"),
        ("LastName LIKE 'b%'", "b"),
        ("LastName LIKE '_'", "A b C"),
        (r"LastName LIKE '100\%'", "100%"),
        (r"Email LIKE 'd\_d%'", "100%"),
        ("LastName > 'A' AND LastName < 'c'", "b"),
        (r"LastName = 'O\'Neil'", "O'Neil"),
        ("HasOptedOutOfEmail = true", "A"),
        ("HasOptedOutOfEmail = false AND Email != null", "b 100% O'Neil"),
        ("HasOptedOutOfEmail != true", "b C 100% O'Neil"),
        ("HaihaiViewCount__c >= 3", "b C"),
        ("HaihaiViewCount__c < 10", "b"),
        ("HaihaiViewCount__c = 3.0", "b"),
        ("HaihaiViewCount__c IN (3, 10)", "b C"),
        ("Account.Name = '商事'", "A 100% O'Neil"),
        ("Account.Name != '商事'", "b C"),
        ("Account.Name = null", "C"),
        ("Owner.Username LIKE 'haihai%' AND LastName = 'A'", "A"),
        ("Contact.LastName = 'A'", "A"),
        ("LastName = 'A' OR LastName = 'C'", "A C"),
        ("LastName = 'A' OR (Email != null AND HaihaiViewCount__c = 3)", "A b"),
        ("NOT LastName = 'A'", "b C 100% O'Neil"),
        ("(NOT (LastName = 'A' OR LastName = 'b')) AND Email != null", "100% O'Neil"),
        ("Topics__c INCLUDES ('茶')", "A b"),
        ("Topics__c INCLUDES ('酒;茶', '水')", "A"),
        ("Topics__c EXCLUDES ('酒')", "b C 100% O'Neil"),
        ("Birthdate > 1985-01-01", "100%"),
        ("Birthdate = 1980-01-02", "C"),
        ("Birthdate != null", "C 100%"),
        ("SystemModstamp >= 2026-05-19T15:00:00Z", "b C"),
        ("SystemModstamp > 2026-05-19T15:00:00Z", "C"),
        ("SystemModstamp >= 2026-05-20T00:00:00+09:00", "b C"),
        ("SystemModstamp = 2026-05-20T00:00:00.000+0900", "b"),
        ("SystemModstamp < 2026-01-01T00:00:00+09:00", "O'Neil"),
        ("SystemModstamp <= 2026-04-30T15:00:00Z", "100% O'Neil"),
        ("SystemModstamp = TODAY", "b C"),
        ("SystemModstamp = YESTERDAY", "A"),
        ("SystemModstamp < TODAY", "A 100% O'Neil"),
        ("SystemModstamp > YESTERDAY", "b C"),
        ("SystemModstamp = THIS_MONTH", "A b C 100%"),
        ("SystemModstamp = LAST_YEAR", "O'Neil"),
        ("SystemModstamp = LAST_N_DAYS:1", "A b C"),
        ("SystemModstamp >= LAST_N_DAYS:30", "A b C 100%"),
        ("SystemModstamp != THIS_YEAR", "O'Neil"),
        ("Id IN (SELECT Id FROM Contact WHERE LastName = 'A')", "A"),
        ("AccountId NOT IN (SELECT Id FROM Account WHERE Name = '商事')", "b C"),
    ],
)
def test_where(org: Org, where: str, found: str) -> None:
    assert names(org, f"WHERE {where} ORDER BY Id") == found


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("ORDER BY LastName", "100% A b C O'Neil"),
        ("ORDER BY LastName DESC", "O'Neil C b A 100%"),
        ("ORDER BY Email", "C A b 100% O'Neil"),
        ("ORDER BY Email DESC", "C O'Neil 100% b A"),
        ("ORDER BY Email NULLS LAST", "A b 100% O'Neil C"),
        ("ORDER BY Email DESC NULLS LAST", "O'Neil 100% b A C"),
        ("ORDER BY SystemModstamp, Id", "O'Neil 100% A b C"),
        ("ORDER BY Account.Name, LastName DESC", "C O'Neil A 100% b"),
        ("ORDER BY HasOptedOutOfEmail, Id DESC", "O'Neil 100% C b A"),
        ("ORDER BY Id DESC LIMIT 2", "O'Neil 100%"),
        ("ORDER BY Id LIMIT 2 OFFSET 1", "b C"),
        ("ORDER BY Id LIMIT 0", ""),
        ("LIMIT 1 FOR VIEW", "A"),
    ],
)
def test_order_limit_offset(org: Org, rest: str, found: str) -> None:
    assert names(org, rest) == found


def test_columns_keep_their_order_and_spelling(org: Org) -> None:
    soql_text = "SELECT email, account.name, ID FROM contact WHERE LastName = 'A'"
    result = org.query(soql_text)
    assert result.sobject == "Contact"
    assert result.columns == ["Email", "Account.Name", "Id"]
    assert result.total == 1
    row = next(result.rows)
    assert row[:2] == ("a@example.com", "商事")


def test_values_have_the_form_of_rest(org: Org) -> None:
    query = "SELECT SystemModstamp, Birthdate, HaihaiViewCount__c, DoNotCall, Name"
    row = next(org.query(f"{query} FROM Contact WHERE LastName = 'C'").rows)
    assert row == ("2026-05-20T02:59:59.000+0000", "1980-01-02", 10.0, False, "C")


def test_count_and_aggregates(org: Org) -> None:
    count = org.query("SELECT COUNT() FROM Contact WHERE Email != null")
    assert (count.is_count, count.total, list(count.rows)) == (True, 4, [])
    grouped = org.query(
        "SELECT Account.Name, COUNT(Id) n, MAX(SystemModstamp), SUM(HaihaiViewCount__c)"
        " FROM Contact GROUP BY Account.Name ORDER BY COUNT(Id) DESC"
    )
    assert grouped.is_aggregate
    assert grouped.columns == ["Name", "n", "expr0", "expr1"]
    assert next(grouped.rows) == ("商事", 3, "2026-05-19T14:59:59.000+0000", None)
    assert list(org.query("SELECT COUNT_DISTINCT(Email) FROM Contact").rows) == [(4,)]


def test_fields_function(org: Org) -> None:
    custom = org.query("SELECT FIELDS(CUSTOM) FROM Contact LIMIT 200").columns
    assert custom[0] == "HaihaiState__c"
    assert all(name.endswith("__c") for name in custom)
    with pytest.raises(ApiError, match="LIMIT"):
        org.query("SELECT FIELDS(ALL) FROM Contact")


def test_deleted_rows_only_when_asked_for(org: Org) -> None:
    made = org.insert("Contact", {"LastName": "gone"})
    org.delete("Contact", made)
    text = f"SELECT Id, IsDeleted FROM Contact WHERE Id = '{made}'"
    assert org.query(text).total == 0
    assert list(org.query(text, include_deleted=True).rows) == [(made, True)]
    org.hard_delete("Contact", made)
    assert org.query(text, include_deleted=True).total == 0


PLEASE = "Please reference your WSDL or the describe call for the appropriate names."


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            "select count() from XYZZY",
            "INVALID_TYPE",
            "\nselect count() from XYZZY\n                    ^\n"
            "ERROR at Row:1:Column:21\nsObject type 'XYZZY' is not supported. If you "
            "are attempting to use a custom object, be sure to append the '__c' after "
            f"the entity name. {PLEASE}",
        ),
        (
            "SELECT Id,Invalid__x FROM Contact LIMIT 1",
            "INVALID_FIELD",
            "\nSELECT Id,Invalid__x FROM Contact LIMIT 1\n          ^\n"
            "ERROR at Row:1:Column:11\nNo such column 'Invalid__x' on entity "
            "'Contact'. If you are attempting to use a custom field, be sure to append "
            f"the '__c' after the custom field name. {PLEASE}",
        ),
        (
            "SELECT Id FROM Contact WHERE Email = liam.carter@example.com "
            "ORDER BY CreatedDate DESC",
            "MALFORMED_QUERY",
            "\nContact WHERE Email = liam.carter@example.com ORDER BY CreatedDate\n"
            f"{' ' * 33}^\nERROR at Row:1:Column:49\nunexpected token: '@'",
        ),
        (
            "SELECT Id\nFROM Contact\nWHERE Nope = 1",
            "INVALID_FIELD",
            "\nWHERE Nope = 1\n      ^\nERROR at Row:3:Column:7\nNo such column 'Nope' "
            "on entity 'Contact'. If you are attempting to use a custom field, be sure "
            f"to append the '__c' after the custom field name. {PLEASE}",
        ),
    ],
)
def test_refusals_to_the_letter(org: Org, text: str, code: str, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        org.query(text)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("SELECT Id", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT FROM Contact", "MALFORMED_QUERY", "unexpected token"),
        ("", "MALFORMED_QUERY", ""),
        ("SELECT Id FROM Contact WHERE Id = :x", "MALFORMED_QUERY", "':'"),
        ("SELECT Id FROM Contact WHERE Email = 'x", "MALFORMED_QUERY", "token"),
        (
            "SELECT Id FROM Contact WHERE Id = null AND Id = null OR Id = null",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id FROM Contact WHERE Name IS NULL", "MALFORMED_QUERY", "'IS'"),
        ("SELECT Id, Id FROM Contact", "INVALID_FIELD", "duplicate field selected: Id"),
        (
            "SELECT Nope.Name FROM Contact",
            "INVALID_FIELD",
            "Didn't understand relationship 'Nope'",
        ),
        (
            "SELECT Id FROM Contact WHERE Description = 'x'",
            "INVALID_FIELD",
            "field 'Description' can not be filtered in a query call",
        ),
        (
            "SELECT Id FROM Contact ORDER BY Description",
            "INVALID_FIELD",
            "can not be sorted",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > 2020-01-01",
            "INVALID_FIELD",
            "must be of type dateTime and should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > '2020-01-01T00:00:00Z'",
            "INVALID_FIELD",
            "must be of type dateTime",
        ),
        (
            "SELECT Id FROM Contact WHERE DoNotCall = 'true'",
            "INVALID_FIELD",
            "must be of type boolean and should not",
        ),
        (
            "SELECT Id FROM Contact WHERE LastName = 5",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE Id = 'abc'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: abc",
        ),
        (
            "SELECT Id FROM Contact WHERE Id LIKE '003%'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator on id field",
        ),
        (
            "SELECT Id FROM Contact WHERE LastName INCLUDES ('a')",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator",
        ),
        (
            "SELECT LastName, COUNT(Id) FROM Contact",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated",
        ),
        ("SELECT NOPE(Id) FROM Contact", "MALFORMED_QUERY", "unexpected token"),
        (
            "SELECT Id FROM Contact WHERE FirstName < null",
            "MALFORMED_QUERY",
            "'null'",
        ),
        ("SELECT Id FROM Contact LIMIT -1", "MALFORMED_QUERY", "token: '-1'"),
        ("SELECT Id FROM Contact LIMIT 1.5", "MALFORMED_QUERY", "token: '.5'"),
        ("SELECT Id FROM Contact OFFSET -1", "MALFORMED_QUERY", "token: '-1'"),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > LAST_N_DAYS:999999999",
            "MALFORMED_QUERY",
            "LAST_N_DAYS",
        ),
        (
            "SELECT Id FROM Contact LIMIT 1 OFFSET 2001",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "2000",
        ),
    ],
)
def test_refusals(org: Org, text: str, code: str, part: str) -> None:
    with pytest.raises(ApiError) as refused:
        org.query(text)
    assert (refused.value.code, refused.value.status) == (code, 400)
    assert part in refused.value.message


@pytest.mark.parametrize(
    ("name", "number", "first", "after"),
    [
        ("TOMORROW", None, "2026-05-21", "2026-05-22"),
        ("THIS_WEEK", None, "2026-05-17", "2026-05-24"),
        ("LAST_WEEK", None, "2026-05-10", "2026-05-17"),
        ("LAST_MONTH", None, "2026-04-01", "2026-05-01"),
        ("NEXT_MONTH", None, "2026-06-01", "2026-07-01"),
        ("THIS_QUARTER", None, "2026-04-01", "2026-07-01"),
        ("NEXT_YEAR", None, "2027-01-01", "2028-01-01"),
        ("LAST_90_DAYS", None, "2026-02-19", "2026-05-21"),
        ("NEXT_N_DAYS", 2, "2026-05-21", "2026-05-23"),
        ("LAST_N_MONTHS", 5, "2025-12-01", "2026-05-01"),
        ("N_DAYS_AGO", 2, "2026-05-18", "2026-05-19"),
        ("LAST_N_YEARS", 1, "2025-01-01", "2026-01-01"),
    ],
)
def test_date_literals(name: str, number: int | None, first: str, after: str) -> None:
    found = days_of(name, number, date(2026, 5, 20))
    assert found == (date.fromisoformat(first), date.fromisoformat(after))


def test_unknown_date_literals() -> None:
    assert days_of("SOMEDAY", None, date(2026, 5, 20)) is None
    assert days_of("LAST_N_EONS", 3, date(2026, 5, 20)) is None
    for unit in ("DAYS", "MONTHS", "YEARS"):
        assert days_of(f"NEXT_N_{unit}", 10**9, date(2026, 5, 20)) is None


@given(st.text(min_size=0, max_size=20).filter(lambda text: "\x00" not in text))
def test_any_text_survives_quoting(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    tree = soql.parse(f"SELECT Id FROM Contact WHERE LastName = '{quoted}'")
    assert isinstance(tree.where, soql.Comparison)
    assert tree.where.values[0].value == text


@given(st.text(alphabet="ab%_\\'", max_size=8))
def test_like_without_wildcards_is_equality(text: str) -> None:
    escaped = "".join(f"\\{c}" if c in "%_\\'" else c for c in text)
    assert like_pattern(escaped).fullmatch(text)
    assert not like_pattern(escaped).fullmatch(text + "x")
