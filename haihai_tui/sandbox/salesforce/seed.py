"""The default org's business records: generated people, reproducible by seed.

Whole columns are made at once, so that a million contacts take seconds.  All names
fit CP932, all addresses lie in reserved domains, all telephone numbers in ranges
that are kept for fiction; every stamp is at least a day old.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

DAY_S = 86_400
_YEARS_S = 4 * 365 * DAY_S
_NEWEST = 1_767_225_600  # 2026-01-01: the same records whenever they are made
_DOMAINS = ("example.com", "example.jp", "example.org")

_FAMILY = (
    "佐藤 sato|鈴木 suzuki|高橋 takahashi|田中 tanaka|伊藤 ito|渡辺 watanabe|"
    "山本 yamamoto|中村 nakamura|小林 kobayashi|加藤 kato|吉田 yoshida|"
    "山田 yamada|佐々木 sasaki|山口 yamaguchi|松本 matsumoto|井上 inoue|"
    "木村 kimura|林 hayashi|斎藤 saito|清水 shimizu|山崎 yamazaki|森 mori|"
    "池田 ikeda|橋本 hashimoto|阿部 abe|石川 ishikawa|山下 yamashita|"
    "中島 nakajima|石井 ishii|小川 ogawa|前田 maeda|岡田 okada|長谷川 hasegawa|"
    "藤田 fujita|後藤 goto|近藤 kondo|村上 murakami|遠藤 endo|青木 aoki|"
    "坂本 sakamoto|福田 fukuda|太田 ota|西村 nishimura|藤井 fujii|金子 kaneko|"
    "岡本 okamoto|中野 nakano|原田 harada|小野 ono|田村 tamura|竹内 takeuchi|"
    "和田 wada|中山 nakayama|上田 ueda|森田 morita|小島 kojima|柴田 shibata|"
    "酒井 sakai|工藤 kudo|横山 yokoyama|宮崎 miyazaki|宮本 miyamoto|内田 uchida|"
    "高木 takagi|安藤 ando|谷口 taniguchi|大野 ono|丸山 maruyama|今井 imai|"
    "髙﨑 takasaki"
)
_GIVEN = (
    "太郎 taro|一郎 ichiro|健一 kenichi|翔太 shota|大輔 daisuke|拓也 takuya|"
    "直樹 naoki|和也 kazuya|誠 makoto|浩 hiroshi|修 osamu|隆 takashi|学 manabu|"
    "亮 ryo|翼 tsubasa|蓮 ren|陽翔 haruto|湊 minato|悠真 yuma|颯太 sota|"
    "花子 hanako|陽子 yoko|恵子 keiko|真由美 mayumi|久美子 kumiko|由美 yumi|"
    "裕子 yuko|智子 tomoko|美咲 misaki|愛 ai|彩 aya|舞 mai|さくら sakura|"
    "葵 aoi|結衣 yui|陽菜 hina|凛 rin|美月 mizuki|千尋 chihiro|明日香 asuka"
)
_TRADE = (
    "商事|工業|製作所|物産|電機|建設|食品|印刷|運輸|サービス|システム|不動産|"
    "薬品|化学|繊維|出版|教育|観光|通信|デザイン"
)
_PLACE = (
    "北海道|東北|みちのく|関東|武蔵野|多摩|湘南|信州|北陸|東海|名古屋|近畿|京都|"
    "大阪|神戸|山陽|瀬戸内|四国|博多|九州|沖縄|日本橋|銀座|上野|渋谷"
)
_CITIES = ("千代田区", "港区", "新宿区", "横浜市", "大阪市", "名古屋市", "福岡市")
_TITLES = ("部長", "課長", "係長", "主任", "担当", "代表取締役", None, None)


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(one.split()[0], one.split()[1]) for one in text.split("|")]


def fill(org: Org, customers: int) -> None:
    """Make `customers` contacts of the default audience, and what is around them.

    Outside the audience come 5 % more contacts, opted out or without an address;
    an account for every 20, a lead for every 10, of which every fifth shares its
    address with a contact; one campaign; list views and a report.
    """
    dice = random.Random(f"records {org.seed}")
    outside = -(-customers // 20)
    with org.lock:
        accounts = _accounts(org, dice, max(1, customers // 20))
        addresses = _contacts(org, dice, customers, outside, accounts)
        _leads(org, dice, max(1, customers // 10), addresses)
        _opportunities(org, dice, accounts[:50])
        _campaign(org, dice)
        _views(org)


def last_moment(org: Org) -> int:
    """The newest stamp of a seeded record, at least a day before now."""
    return min(_NEWEST, org.now() - DAY_S - 3600)


class _Moments:
    """Creation and change times of many records, in whole seconds."""

    def __init__(self, org: Org, dice: random.Random, count: int) -> None:
        latest = last_moment(org)
        self.created = array(
            "q", [latest - int(dice.random() * _YEARS_S) for _ in range(count)]
        )
        self.changed = array(
            "q",
            [made + int(dice.random() * (latest - made)) for made in self.created],
        )

    def columns(self) -> dict[str, array[int]]:
        return {
            "CreatedDate": self.created,
            "LastModifiedDate": self.changed,
            "SystemModstamp": self.changed,
        }


def _phones(dice: random.Random, count: int) -> list[str]:
    # Few texts, shared by many records: telephone numbers need not be unique.
    pool = [f"0{area}-0000-{n:04}" for area in (3, 6) for n in range(0, 10_000, 7)]
    return dice.choices(pool, k=count)


def _accounts(org: Org, dice: random.Random, count: int) -> list[str]:
    places, trades = _PLACE.split("|"), _TRADE.split("|")
    names = []
    for number in range(count):
        name = f"{dice.choice(places)}{dice.choice(trades)}"
        form = dice.choice(("株式会社{}", "{}株式会社", "有限会社{}", "合同会社{}"))
        serial = number // (len(places) * len(trades))
        names.append(form.format(name) + (f"第{serial}" if serial else ""))
    table = org.table("Account")
    start = len(table)
    table.extend(
        count,
        {
            "Name": names,
            "Phone": _phones(dice, count),
            "BillingCity": dice.choices(_CITIES, k=count),
            "Type": dice.choices(("Prospect", "Customer - Direct"), k=count),
            **_Moments(org, dice, count).columns(),
        },
    )
    return table.ids[start:]


def _people(
    dice: random.Random, count: int, first: int
) -> tuple[list[str], list[str], list[str]]:
    """Family names, given names and unique addresses."""
    family, given = _pairs(_FAMILY), _pairs(_GIVEN)
    families = dice.choices(family, k=count)
    givens = dice.choices(given, k=count)
    domains = dice.choices(_DOMAINS, k=count)
    addresses = [
        f"{g[1]}.{f[1]}.{number:06}@{domain}"
        for number, f, g, domain in zip(
            range(first, first + count), families, givens, domains, strict=True
        )
    ]
    return [f[0] for f in families], [g[0] for g in givens], addresses


def _contacts(
    org: Org, dice: random.Random, customers: int, outside: int, accounts: Sequence[str]
) -> list[str]:
    count = customers + outside
    families, givens, addresses = _people(dice, count, 1)
    opted_out = [False] * count
    held: list[str | None] = [*addresses]
    # Those outside the audience are spread evenly among those inside.
    for number in range(outside):
        place = number * count // outside
        if number % 2:
            held[place] = None
        else:
            opted_out[place] = True
    org.table("Contact").extend(
        count,
        {
            "LastName": families,
            "FirstName": givens,
            "Email": held,
            "HasOptedOutOfEmail": opted_out,
            "AccountId": dice.choices(accounts, k=count),
            "Phone": _phones(dice, count),
            "Title": dice.choices(_TITLES, k=count),
            **_Moments(org, dice, count).columns(),
        },
    )
    return [address for address in held if address is not None]


def _leads(org: Org, dice: random.Random, count: int, addresses: Sequence[str]) -> None:
    families, givens, own = _people(dice, count, 900_000_000)
    places, trades = _PLACE.split("|"), _TRADE.split("|")
    for place in range(0, count, 5):
        if addresses:
            own[place] = addresses[place % len(addresses)]
    companies = [
        f"株式会社{dice.choice(places)}{dice.choice(trades)}" for _ in range(count)
    ]
    org.table("Lead").extend(
        count,
        {
            "LastName": families,
            "FirstName": givens,
            "Company": companies,
            "Email": own,
            "Status": ["Open - Not Contacted"] * count,
            "LeadSource": dice.choices(("Web", "Partner Referral", "Other"), k=count),
            "Phone": _phones(dice, count),
            **_Moments(org, dice, count).columns(),
        },
    )


def _opportunities(org: Org, dice: random.Random, accounts: Sequence[str]) -> None:
    count = len(accounts)
    org.table("Opportunity").extend(
        count,
        {
            "Name": [f"案件{number:04}" for number in range(1, count + 1)],
            "AccountId": list(accounts),
            "StageName": dice.choices(("Prospecting", "Closed Won"), k=count),
            "Amount": [float(dice.randrange(1, 500) * 10_000) for _ in range(count)],
            "CloseDate": [f"2027-{dice.randrange(1, 13):02}-15" for _ in range(count)],
            **_Moments(org, dice, count).columns(),
        },
    )


def _campaign(org: Org, dice: random.Random) -> None:
    old = last_moment(org)
    row = {"Name": "春の展示会", "Type": "Trade Show", "IsActive": True}
    campaign = org.bulk_load("Campaign", [row], last_modified=[old])[0]
    contacts = org.table("Contact").ids[:2000:4]
    leads = org.table("Lead").ids[:200:4]
    members: list[dict[str, Any]] = [{"ContactId": each} for each in contacts]
    members += [{"LeadId": each} for each in leads]
    rows = [
        {"CampaignId": campaign, "Status": dice.choice(("Sent", "Responded")), **each}
        for each in members
    ]
    org.bulk_load("CampaignMember", rows, last_modified=[old] * len(rows))


AUDIENCE = "HasOptedOutOfEmail = false AND Email != null"


def _views(org: Org) -> None:
    add_list_view(org, "Contact", "AllContacts", "すべての取引先責任者", "")
    add_list_view(org, "Contact", "Haihai_Audience", "配信対象", AUDIENCE)
    add_list_view(org, "Lead", "AllOpenLeads", "未対応のリード", "IsConverted = false")
    add_report(org, "Contact", "Haihai_Audience", "配信対象の取引先責任者", AUDIENCE)


def add_list_view(
    org: Org, sobject: str, developer_name: str, label: str, where: str
) -> str:
    """A list view over the records that meet `where`; its id."""
    row = {
        "Name": label,
        "DeveloperName": developer_name,
        "SobjectType": sobject,
        "IsSoqlCompatible": True,
    }
    made = org.bulk_load("ListView", [row], last_modified=[last_moment(org)])[0]
    columns = ["Name", "Email", "Phone"] if sobject in ("Contact", "Lead") else ["Name"]
    org.definitions[made] = {"sobject": sobject, "where": where, "columns": columns}
    return made


REPORT_COLUMNS = ("Id", "LastName", "FirstName", "Email")


def add_report(
    org: Org,
    sobject: str,
    developer_name: str,
    label: str,
    where: str,
    columns: Sequence[str] = REPORT_COLUMNS,
    **more: Any,
) -> str:
    """A report over the records that meet `where`; its id.

    `more`: `filters` and `boolean` as the report's own filters, `group_by` a field.
    """
    row = {
        "Name": label,
        "DeveloperName": developer_name,
        "FolderName": "配配メール",
        "Format": "Summary" if more.get("group_by") else "Tabular",
    }
    made = org.bulk_load("Report", [row], last_modified=[last_moment(org)])[0]
    report = {"sobject": sobject, "where": where, "columns": list(columns)}
    org.definitions[made] = {**report, **more}
    return made
