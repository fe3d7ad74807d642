"""The objects that can be queried through the Tooling API."""

from __future__ import annotations

from haihai_tui.sandbox.salesforce.fieldtypes import Props, field


def _text(name: str) -> Props:
    return field(name, "string", length=255)


def tooling_objects() -> dict[str, Props]:
    """CustomField, FieldDefinition and EntityDefinition, all read only here."""
    lists = {
        "CustomField": ("00N", [
            _text("DeveloperName"), _text("TableEnumOrId"), _text("NamespacePrefix"),
            field("Length", "int"),
        ]),
        "FieldDefinition": ("4fe", [
            _text("DurableId"), _text("QualifiedApiName"), _text("DeveloperName"),
            _text("Label"), _text("DataType"), field("Length", "int"),
            _text("EntityDefinitionId"), field("IsCalculated", "boolean"),
        ]),
        "EntityDefinition": ("4ie", [
            _text("DurableId"), _text("QualifiedApiName"), _text("DeveloperName"),
            _text("Label"), _text("PluralLabel"), _text("KeyPrefix"),
            field("IsQueryable", "boolean"), field("IsCustomizable", "boolean"),
        ]),
    }  # fmt: skip
    return {
        name: {
            "keyPrefix": prefix,
            "label": name,
            "labelPlural": name,
            "flags": {"queryable": True, "retrieveable": True},
            "fields": [
                field("Id", "id", idLookup=True),
                *fields,
                field("CreatedDate", "datetime"),
                field("SystemModstamp", "datetime"),
            ],
        }
        for name, (prefix, fields) in lists.items()
    }
