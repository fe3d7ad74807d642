"""Records to rows: conversions, checks, the blank rule."""

from __future__ import annotations

import pytest

from haihai_tui.sync.addresses import address_key, fold_address, mask_address
from haihai_tui.sync.config import Blank, CustomersConfig, FieldMapping
from haihai_tui.sync.field_check import check_fields
from haihai_tui.sync.mapping import Mapper, Problem, Row
from haihai_tui.sync.ports import Field, SObject
from haihai_tui.sync.tables.csvlines import csv_line, split_line


def contact(**types: str) -> SObject:
    names = {"Id": "id", "Email": "email", "LastName": "string", **types}
    fields = {name.lower(): Field(name, kind) for name, kind in names.items()}
    fields["accountid"] = Field("AccountId", "reference", relationship="Account")
    return SObject("Contact", "Contact", "003", fields)


def mapper(
    *names: str, blank: Blank = "keep", encoding: str = "cp932", **types: str
) -> Mapper:
    fields = tuple(FieldMapping(name, f"項目{name}", blank) for name in names)
    config = CustomersConfig("Contact", "", "Email", fields, "1")
    account = SObject("Account", "Account", "001", {"name": Field("Name", "string")})
    described, parents = contact(**types), {"account": [account]}
    checked = check_fields(config, described, parents, {}, lambda: True)
    return Mapper(config, checked, encoding)


def record(*values: str) -> bytes:
    return csv_line(["003000000000001AAA", "a@example.com", *values]).encode()


def mapped(row: Row | Problem) -> list[str]:
    assert isinstance(row, Row), row
    return split_line(row.values)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", " 山田 ", " 山田 "),
        ("date", "2026-02-16", "2026-02-16"),
        ("datetime", "2026-02-16T15:30:00.000Z", "2026-02-17 00:30:00"),
        ("datetime", "2026-02-16T15:30:00.000+0000", "2026-02-17 00:30:00"),
        ("boolean", "true", "1"),
        ("boolean", "false", "0"),
        ("multipicklist", "東京;大阪", "東京,大阪"),
        ("double", "12.0", "12"),
        ("currency", "12.5", "12.5"),
        ("double", "", ""),
        ("double", "1.0E7", "10000000"),
        ("double", "1.2345678912E8", "123456789.12"),
        ("double", "-5.0E-4", "-0.00050"),
        ("int", "12", "12"),
        ("percent", "60.0", "60"),
        ("currency", "1200.0", "1200"),
        ("time", "10:30:00.000Z", "10:30:00.000Z"),
        ("picklist", "東京;大阪", "東京;大阪"),
        ("reference", "001000000000001AAA", "001000000000001AAA"),
        ("phone", "03-0000-0000", "03-0000-0000"),
    ],
)
def test_conversions(kind: str, value: str, expected: str) -> None:
    row = mapper("X__c", X__c=kind).map(record(value))
    assert mapped(row) == ["a@example.com", expected]


def test_a_line_break_is_kept_out_of_the_line() -> None:
    row = mapper("LastName").map(record("一行目\r\n二行目"))
    assert mapped(row)[1] == "一行目\x1e二行目"


def test_names_of_the_extended_set_pass_and_emoji_name_their_field() -> None:
    assert mapped(mapper("LastName").map(record("髙﨑")))[1] == "髙﨑"
    problem = mapper("LastName").map(record("山田🍣"))
    assert isinstance(problem, Problem)
    assert problem.field == "LastName"
    assert "🍣" in str(problem.cause)
    assert mapped(mapper("LastName", encoding="utf-8").map(record("🍣")))[1] == "🍣"


@pytest.mark.parametrize("value", ["a\x00b", "\x1b[31m", "x" * 901])
def test_what_cannot_be_sent_names_its_field(value: str) -> None:
    problem = mapper("LastName").map(record(value))
    assert isinstance(problem, Problem)
    assert problem.field == "LastName"
    assert value not in problem.value


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Taro@Example.COM", "taro@example.com"),
        (" taro@example.com　", "taro@example.com"),
        ("ｔａｒｏ＠example.com", "taro@example.com"),
        ("taro..yamada.@example.jp", "taro..yamada.@example.jp"),
        ("taro+news@example.com", "taro+news@example.com"),
        ("", None),
        ("taro", None),
        ("taro@localhost", None),
        ('"ta ro"@example.com', None),
        ("a@example.com,b@example.com", None),
        ("a\n@example.com", None),
    ],
)
def test_what_is_folded_and_what_is_no_address(
    written: str, folded: str | None
) -> None:
    assert fold_address(written) == folded


def test_dots_and_tags_keep_people_apart() -> None:
    written = ["taro@example.com", "ta.ro@example.com", "taro+x@example.com"]
    assert len({address_key(one) for one in written}) == 3


def test_an_address_is_masked() -> None:
    assert mask_address("taro@example.com") == "t***@example.com"


def test_the_blank_rule() -> None:
    old, new = csv_line(["a@example.com", "山田"]), csv_line(["a@example.com", ""])
    assert mapper("LastName").settle(new, old) == (old, new)
    assert mapper("LastName", blank="overwrite").settle(new, old) == (new, new)


def test_a_field_that_cannot_be_seen_is_set_aside() -> None:
    made = mapper("LastName", "Gone__c", "Account.Name", "Owner.Name")
    assert [field.mapping.salesforce for field in made.broken] == [
        "Gone__c",
        "Owner.Name",
    ]
    assert made.columns == ("メールアドレス", "項目LastName", "項目Account.Name")
    assert (
        made.fingerprint
        != mapper("LastName", "Account.Name", blank="overwrite").fingerprint
    )
