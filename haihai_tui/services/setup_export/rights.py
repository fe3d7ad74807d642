"""The rights that the profile's flows need, read off the settings alone.

The manual clones the System Administrator.  Here each object and field that a flow
reads or writes is named instead.  Some paths cannot be followed without asking the
org (a custom relationship says nothing about its target): those are listed for a
person and not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from haihai_tui.services.checks.targets import address_field, flow_objects
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.target_check import flow_targets


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Fields that everybody sees who sees the record: a permission set that names one
# of them is refused ("You cannot deploy to a required field").
_ALWAYS = _words(
    "Id Name FirstName MiddleName LastName Suffix Salutation IsDeleted CreatedById "
    "CreatedDate LastModifiedById LastModifiedDate SystemModstamp OwnerId PhotoUrl "
    "RecordTypeId LastActivityDate LastViewedDate LastReferencedDate MasterRecordId "
    "IsEmailBounced EmailBouncedDate EmailBouncedReason"
)
_ALWAYS_OF = {
    "Lead": _words(
        "Company Status IsConverted ConvertedDate ConvertedAccountId "
        "ConvertedContactId ConvertedOpportunityId IsUnreadByOwner"
    ),
    "Opportunity": _words("StageName CloseDate IsClosed IsWon"),
    "Case": _words("CaseNumber Status IsClosed"),
}
_ADDRESSES = {
    "Account": ("Billing", "Shipping"),
    "Contact": ("Mailing", "Other"),
    "Lead": ("",),
}
_PARTS = _words(
    "Street City State StateCode PostalCode Country CountryCode Latitude Longitude"
)
# Relationships whose records everybody may read.
_OPEN = frozenset(("Owner", "CreatedBy", "LastModifiedBy", "RecordType"))
_LEADS_TO = {"ReportsTo": "Contact"} | {
    name: name for name in ("Account", "Contact", "Lead", "Campaign", "Opportunity")
}
# Objects without permissions of their own, and what governs them.
_GOVERNED_BY = {"CampaignMember": "Campaign"}
_NEEDS_ACCOUNT = ("Contact", "Opportunity")

_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'")
_COMPARED = re.compile(
    r"([A-Za-z][\w.]*)\s*\)*\s*"
    r"(?:=|!=|<>|<=?|>=?|\bLIKE\b|\b(?:NOT\s+)?IN\b|\bINCLUDES\b|\bEXCLUDES\b)",
    re.I,
)
_SUBQUERY = re.compile(r"\(\s*SELECT\b", re.I)
_FROM = re.compile(r"\bSELECT\s+(\w+)\s+FROM\s+(\w+)(?:\s+WHERE\b(.*))?", re.I | re.S)


@dataclass
class Rights:
    """What the integration user needs; True stands for edit, False for read.

    `objects` by name, `fields` by `Object.Field`, `users` are user permissions,
    `by_hand` are paths that only a person can follow.
    """

    objects: dict[str, bool] = field(default_factory=dict)
    fields: dict[str, bool] = field(default_factory=dict)
    users: list[str] = field(default_factory=lambda: ["ApiEnabled"])
    by_hand: list[str] = field(default_factory=list)

    def see(self, sobject: str, *, edit: bool = False) -> None:
        name = _GOVERNED_BY.get(sobject, sobject)
        self.objects[name] = self.objects.get(name, False) or edit
        if name in _NEEDS_ACCOUNT:
            # Salesforce grants no contact without its account.
            self.objects.setdefault("Account", False)

    def use(self, sobject: str, path: str, *, edit: bool = False) -> None:
        """Take a field, over relationships where the path has any."""
        *relationships, name = path.split(".")
        for relationship in relationships:
            if relationship in _OPEN:
                return
            self._field(sobject, _lookup(relationship), False)
            target = _target(sobject, relationship)
            if target is None:
                self._by_hand(f"{sobject}.{path}")
                return
            sobject = target
            self.see(sobject)
        self._field(sobject, name, edit)

    def _field(self, sobject: str, name: str, edit: bool) -> None:
        if name in _ALWAYS or name in _ALWAYS_OF.get(sobject, ()):
            return
        if sobject in _GOVERNED_BY:
            return
        if name.endswith("__pc") or (
            sobject == "Account" and name.startswith("Person")
        ):
            self._by_hand(f"{sobject}.{name}")
            return
        full_name = f"{sobject}.{_whole_address(sobject, name)}"
        self.fields[full_name] = self.fields.get(full_name, False) or edit

    def _by_hand(self, path: str) -> None:
        if path not in self.by_hand:
            self.by_hand.append(path)


def rights_of(settings: Settings) -> Rights:
    """The rights for the enabled flows."""
    rights = Rights()
    if "customers" in settings.flows.enabled and settings.customers.object:
        _customers(rights, settings)
    for flow in ("suppressions", "page-views"):
        if flow not in settings.flows.enabled:
            continue
        for sobject in flow_objects(settings, flow):
            rights.see(sobject, edit=True)
            rights.use(sobject, address_field(settings, sobject))
        for target in flow_targets(settings, flow):
            rights.use(target.sobject, target.field, edit=True)
    return rights


def _customers(rights: Rights, settings: Settings) -> None:
    customers = settings.customers
    rights.see(customers.object)
    rights.use(customers.object, customers.address_field)
    for mapping in customers.fields:
        rights.use(customers.object, mapping.salesforce)
    _condition(rights, customers.object, customers.audience)
    if customers.audience_report:
        rights.users.append("RunReports")


def _condition(rights: Rights, sobject: str, condition: str) -> None:
    """The fields that a SOQL condition compares, those of its sub-queries too."""
    plain = _QUOTED.sub("''", condition)
    outside = plain
    for inner in _subqueries(plain):
        outside = outside.replace(inner, "")
        found = _FROM.search(inner)
        if found:
            rights.see(found[2])
            rights.use(found[2], found[1])
            _condition(rights, found[2], found[3] or "")
    for found in _COMPARED.finditer(outside):
        rights.use(sobject, found[1])


def _subqueries(condition: str) -> Iterator[str]:
    """Each outermost `(SELECT …)`, with its parentheses."""
    end = 0
    for found in _SUBQUERY.finditer(condition):
        if found.start() < end:
            continue
        depth, end = 0, len(condition)
        for at in range(found.start(), len(condition)):
            depth += {"(": 1, ")": -1}.get(condition[at], 0)
            if depth == 0:
                end = at + 1
                break
        yield condition[found.start() : end]


def _lookup(relationship: str) -> str:
    if relationship.endswith("__r"):
        return f"{relationship.removesuffix('__r')}__c"
    return f"{relationship}Id"


def _target(sobject: str, relationship: str) -> str | None:
    if relationship == "Parent" and sobject in ("Account", "Campaign"):
        return sobject
    return _LEADS_TO.get(relationship)


def _whole_address(sobject: str, name: str) -> str:
    """Field-level security knows an address as a whole, not its parts."""
    for prefix in _ADDRESSES.get(sobject, ()):
        if name.startswith(prefix) and name[len(prefix) :] in _PARTS:
            return f"{prefix}Address"
    return name
