"""The exported project against the published definitions, and its rights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import pytest

from haihai_tui.errors import SettingsError
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.setup_export.project import Project, build, write
from haihai_tui.services.setup_export.rights import Rights, rights_of
from tests.services.setup_export.definitions import PLACES
from tests.services.setup_export.validation import NAMESPACE, complaints, judge

MAIN = "force-app/main/default"
PERMISSIONS = f"{MAIN}/permissionsets/Haihai_Integration.permissionset-meta.xml"
GLOBAL = (
    f"{MAIN}/extlClntAppGlobalOauthSets/"
    "App_HaihaiConnect_glbloauth.ecaGlblOauth-meta.xml"
)
POLICIES = (
    f"{MAIN}/extlClntAppOauthPolicies/App_HaihaiConnect_oauthPlcy.ecaOauthPlcy-meta.xml"
)
CONNECTED = (
    "connected-app/main/default/connectedApps/App_HaihaiConnect.connectedApp-meta.xml"
)


def profile(**sections: Mapping[str, Any]) -> Settings:
    return parse_profile("default", sections, "default.toml")


def customers(*names: str, **more: Any) -> dict[str, Any]:
    rows = [{"salesforce": name, "haihai": f"項目{name}"} for name in names]
    return {"fields": rows, **more}


RICH = profile(
    salesforce={
        "url": "https://example.my.salesforce.com",
        "callback_url": "https://connect.example.jp/sflogged?one=1&two=2",
    },
    customers=customers("LastName", "MailingCity", "Account.Name", "Shop__r.Name"),
    suppressions={"status_field": "HaihaiStatus__c", "objects": ["Member__c"]},
    page_views={
        "objects": ["Contact"],
        "log_field": "HaihaiViews__c",
        "record_url_field": "HaihaiCustomer__c",
        "record_url_template": "https://example.jp/{address}",
    },
)


def metadata(project: Project) -> dict[PurePosixPath, str]:
    return {
        path: content
        for path, content in project.files.items()
        if path.name.endswith("-meta.xml")
    }


def parsed(project: Project, path: str) -> ElementTree.Element:
    return ElementTree.fromstring(project.files[PurePosixPath(path)].encode())


def texts(root: ElementTree.Element, path: str) -> list[str]:
    deep = "/".join(f"{NAMESPACE}{part}" for part in path.split("/"))
    return [found.text or "" for found in root.findall(deep)]


@pytest.mark.parametrize("as_in_manual", [False, True])
@pytest.mark.parametrize("contact", ["", "admin@example.com"])
@pytest.mark.parametrize("settings", [Settings(), RICH], ids=["default", "rich"])
def test_every_file_is_what_the_published_definitions_allow(
    settings: Settings, contact: str, as_in_manual: bool
) -> None:
    project = build(settings, as_in_manual=as_in_manual, contact=contact)
    found = metadata(project)
    kinds = {ElementTree.fromstring(one.encode()).tag for one in found.values()}
    assert kinds == {f"{NAMESPACE}{kind}" for kind in PLACES}
    wrong = [one for path, text in found.items() for one in complaints(path, text)]
    assert wrong == []


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("<isPkceRequired>", "<isPkceNeeded>", "has no isPkceNeeded"),
        ("<isPkceRequired>true", "<isPkceRequired>yes", "'yes'"),
        ("<externalClientApplication>App_HaihaiConnect<", "<label>x<", "is missing"),
    ],
)
def test_the_validation_refuses_what_salesforce_would(
    before: str, after: str, complaint: str
) -> None:
    path = PurePosixPath(GLOBAL)
    content = build(RICH).files[path]
    tag = before.strip("<").split(">")[0]
    new = after.strip("<").split(">")[0]
    changed = content.replace(before, after).replace(f"</{tag}>", f"</{new}>")
    assert changed != content
    assert any(complaint in one for one in complaints(path, changed))
    for place in (
        path.with_name(path.name.replace("ecaGlblOauth", "ecaGlobalOauth")),
        path.parent.with_name("extlClntAppGlobalOauthSettings") / path.name,
    ):
        assert complaints(place, content)


@pytest.mark.parametrize("as_in_manual", [False, True])
def test_the_manifests_name_every_file_and_no_more(as_in_manual: bool) -> None:
    project = build(RICH, as_in_manual=as_in_manual)
    for name, folder in (("package", "force-app"), ("connected-app", "connected-app")):
        root = parsed(project, f"manifest/{name}.xml")
        assert judge(root, "Package", name) == []
        listed = {
            (texts(types, "name")[0], member)
            for types in root.findall(f"{NAMESPACE}types")
            for member in texts(types, "members")
        }
        there = set()
        for path, content in metadata(project).items():
            if path.parts[0] != folder:
                continue
            kind = ElementTree.fromstring(content.encode()).tag
            member = path.name.split(".")[0]
            if path.parts[-2] == "fields":
                member = f"{path.parts[-3]}.{member}"
            there.add((kind.removeprefix(NAMESPACE), member))
        assert listed == there
        assert texts(root, "version") == ["66.0"]


def test_the_project_file_names_both_folders() -> None:
    project = json.loads(build(RICH).files[PurePosixPath("sfdx-project.json")])
    paths = [one["path"] for one in project["packageDirectories"]]
    assert paths == ["force-app", "connected-app"]
    assert project["sourceApiVersion"] == "66.0"


def test_a_missing_contact_address_stops_the_deployment_and_not_the_export() -> None:
    project = build(RICH)
    rules = json.loads(project.files[PurePosixPath("sfdx-project.json")])[
        "replacements"
    ]
    for path, content in metadata(project).items():
        replaced = [
            rule for rule in rules if path.match(rule["glob"].replace("/**/", "/"))
        ]
        assert ("HAIHAI_CONTACT_EMAIL" in content) == bool(replaced), path
    assert "export HAIHAI_CONTACT_EMAIL" in project.files[PurePosixPath("README.md")]
    given = build(RICH, contact="admin@example.com")
    assert "HAIHAI_CONTACT_EMAIL" not in "".join(given.files.values())
    assert texts(parsed(given, CONNECTED), "contactEmail") == ["admin@example.com"]


def test_pkce_and_least_privilege_are_the_default() -> None:
    project = build(RICH)
    app, policies = parsed(project, GLOBAL), parsed(project, POLICIES)
    assert texts(app, "isPkceRequired") == ["true"]
    assert texts(app, "isConsumerSecretOptional") == ["false"]
    assert texts(policies, "permittedUsersPolicyType") == ["AdminApprovedPreAuthorized"]
    assert texts(policies, "commaSeparatedPermissionSet") == ["Haihai_Integration"]
    connected = parsed(project, CONNECTED)
    assert texts(connected, "oauthConfig/isPkceRequired") == ["true"]
    assert texts(connected, "permissionSetName") == ["Haihai_Integration"]


def test_as_in_the_manual_is_the_manuals_own() -> None:
    project = build(RICH, as_in_manual=True)
    app, policies = parsed(project, GLOBAL), parsed(project, POLICIES)
    ticked = {
        child.tag.removeprefix(NAMESPACE): child.text
        for child in app
        if child.text == "true"
    }
    assert ticked == {}
    assert texts(app, "isConsumerSecretOptional") == ["false"]
    assert texts(policies, "permittedUsersPolicyType") == ["AllSelfAuthorized"]
    assert texts(policies, "refreshTokenPolicyType") == ["Infinite"]
    assert not texts(policies, "sessionTimeoutInMinutes")
    names = texts(parsed(project, PERMISSIONS), "userPermissions/name")
    assert names == ["ApiEnabled", "ViewEncryptedData"]


def test_names_and_callback_are_the_manuals_and_the_profiles() -> None:
    project = build(RICH)
    callback = "https://connect.example.jp/sflogged?one=1&two=2"
    assert texts(parsed(project, GLOBAL), "callbackUrl") == [callback]
    connected = parsed(project, CONNECTED)
    assert texts(connected, "oauthConfig/callbackUrl") == [callback]
    assert texts(connected, "oauthConfig/scopes") == ["Api", "RefreshToken"]
    assert texts(connected, "label") == ["App_HaihaiConnect"]


def test_encrypted_data_is_seen_only_where_the_profile_says_so() -> None:
    def names(settings: Settings) -> list[str]:
        return texts(
            parsed(build(settings), PERMISSIONS),
            "userPermissions/name",
        )

    assert names(RICH) == ["ApiEnabled"]
    encrypted = profile(customers=customers("Phone", encrypted=True))
    assert names(encrypted) == ["ApiEnabled", "ViewEncryptedData"]


def test_reports_are_run_only_where_the_audience_is_one() -> None:
    settings = profile(customers=customers("Phone", audience_report="00O" + "0" * 12))
    project = build(settings)
    names = texts(parsed(project, PERMISSIONS), "userPermissions/name")
    assert names == ["ApiEnabled", "RunReports"]
    assert "Run Reports" in project.files[PurePosixPath("README.md")]
    assert "Run Reports" not in build(RICH).files[PurePosixPath("README.md")]


def test_the_rights_are_just_those_of_the_enabled_flows() -> None:
    settings = profile(
        flows={"enabled": ["customers"]},
        customers=customers(
            *("LastName", "Phone", "MailingCity", "Account.Name", "Owner.Name"),
            *("Account.Industry", "Shop__r.Name", "Shop__r.Area__c"),
            audience="HasOptedOutOfEmail = false AND Title LIKE 'Vice = x%' AND Id IN "
            "(SELECT ContactId FROM CampaignMember WHERE Campaign.Type = 'Mail') "
            "AND (NOT Department IN ('A')) AND CALENDAR_YEAR(Birthdate) > 1990",
        ),
    )
    found = rights_of(settings)
    assert found.objects == {"Contact": False, "Account": False, "Campaign": False}
    assert set(found.fields) == {
        *("Contact.Email", "Contact.Phone", "Contact.MailingAddress", "Contact.Title"),
        *("Contact.AccountId", "Account.Industry", "Contact.Shop__c"),
        *("Contact.HasOptedOutOfEmail", "Campaign.Type", "Contact.Department"),
        "Contact.Birthdate",
    }
    assert not any(found.fields.values())
    assert found.by_hand == ["Contact.Shop__r.Name", "Contact.Shop__r.Area__c"]


def test_write_back_fields_may_be_edited_and_are_made() -> None:
    project = build(RICH)
    rights: Rights = rights_of(RICH)
    assert rights.objects["Member__c"] and rights.objects["Contact"]
    edited = {name for name, edit in rights.fields.items() if edit}
    made = {
        f"{path.parts[-3]}.{path.name.split('.')[0]}"
        for path in project.files
        if path.parts[-2:-1] == ("fields",)
    }
    assert edited == made
    assert "Member__c.HaihaiStatus__c" in made and "Contact.HaihaiCustomer__c" in made


def test_fields_that_are_there_already_are_not_made() -> None:
    settings = profile(
        flows={"enabled": ["suppressions"]},
        suppressions={
            "objects": ["Contact"],
            "state_field": "pkg__State__c",
            "changed_at_field": "Description",
        },
    )
    project = build(settings)
    assert not [path for path in project.files if "fields" in path.parts]
    fields = texts(parsed(project, PERMISSIONS), "fieldPermissions/field")
    assert fields == ["Contact.Description", "Contact.Email", "Contact.pkg__State__c"]


@pytest.mark.parametrize(
    "name", ["Bad___c", "Haihai_" + "a" * 40 + "__c", "Double__Under__Score__c"]
)
def test_a_name_that_salesforce_refuses_is_refused_before(name: str) -> None:
    settings = profile(suppressions={"state_field": name})
    with pytest.raises(SettingsError) as caught:
        build(settings)
    assert name in str(caught.value)


def test_a_callback_that_salesforce_refuses_is_refused_before() -> None:
    settings = profile(salesforce={"callback_url": "https://example.com/#fragment"})
    with pytest.raises(SettingsError) as caught:
        build(settings)
    assert caught.value.cause == "redirect_uri_mismatch"


@pytest.mark.parametrize("as_in_manual", [False, True])
def test_both_guides_tell_of_every_section_and_every_right(as_in_manual: bool) -> None:
    project = build(RICH, as_in_manual=as_in_manual)
    for name in ("README.md", "README.ja.md"):
        guide = project.files[PurePosixPath(name)]
        assert "${" not in guide
        for section in range(2, 10):
            assert f"| 1.2.{section} |" in guide
        assert "sf project deploy start --manifest manifest/package.xml" in guide
        assert "sf org assign permset --name Haihai_Integration" in guide
        for told in ("https://example.my.salesforce.com", "/sflogged?one=1&two=2"):
            assert told in guide
        for field in (*rights_of(RICH).fields, "Contact.Shop__r.Name"):
            assert field in guide


def test_a_written_project_is_never_overwritten(tmp_path: Path) -> None:
    project = build(RICH)
    folder = tmp_path / "new" / "setup"
    written = write(project, folder)
    assert {path.relative_to(folder) for path in written} == set(
        map(Path, project.files)
    )
    (folder / "sfdx-project.json").write_text("mine", "utf-8")
    with pytest.raises(SettingsError) as caught:
        write(project, folder)
    assert str(folder) in str(caught.value)
    assert (folder / "sfdx-project.json").read_text("utf-8") == "mine"
    with pytest.raises(SettingsError):
        write(project, folder / "sfdx-project.json")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert write(project, empty)
