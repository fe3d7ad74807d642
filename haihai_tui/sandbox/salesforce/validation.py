"""Checks of one record's values, and their stored form.

The same checks serve REST, where JSON has types, and Bulk, where all is text: a text
that reads as the field's type is taken.  Codes and wording are the service's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from haihai_tui.sandbox.salesforce import ids, timestamps
from haihai_tui.sandbox.salesforce.errors import ApiError, RowError
from haihai_tui.sandbox.salesforce.schema import Field, Schema

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+"
)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_LONG_TEXT = 255


def security_message(names: list[str]) -> str:
    """The text for fields that the user may not write."""
    return (
        f"Unable to create/update fields: {', '.join(names)}. Please check the "
        "security settings of this field and verify that it is read/write for your "
        "profile or permission set."
    )


def check_writable(schema: Schema, names: list[str], *, creating: bool) -> None:
    """RowError INVALID_FIELD, or INVALID_FIELD_FOR_INSERT_UPDATE."""
    flag = "createable" if creating else "updateable"
    refused = []
    for name in names:
        found = schema.find(name)
        if found is None:
            message = f"No such column '{name}' on sobject of type {schema.name}"
            raise RowError("INVALID_FIELD", message)
        if not found.has(flag):
            refused.append(found.name)
    if refused:
        raise RowError(
            "INVALID_FIELD_FOR_INSERT_UPDATE", security_message(refused), refused
        )


def check_required(
    schema: Schema, values: Mapping[str, Any], *, creating: bool
) -> None:
    """RowError REQUIRED_FIELD_MISSING for what is absent or set to null."""
    missing = [
        name
        for name in schema.required
        if (values[name] is None if name in values else creating)
    ]
    if missing:
        raise RowError(
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{', '.join(missing)}]",
            missing,
        )


def stored(field: Field, value: Any) -> Any:
    """The form in which `value` is kept; RowError if the field cannot hold it."""
    if isinstance(value, str) and not (value := value.strip()):
        value = None
    if value is None:
        return False if field.type == "boolean" else None
    store: Callable[[Field, Any], Any] = _STORE.get(field.type, _text)
    return store(field, value)


def check_json_types(schema: Schema, values: Mapping[str, Any]) -> None:
    """ApiError JSON_PARSER_ERROR where a JSON value cannot be read as its field."""
    for name, value in values.items():
        found = schema.find(name)
        if found is None or value is None or _readable(found, value):
            continue
        token = _json_token(value)
        shown = value if isinstance(value, str) else token
        raise ApiError(
            400,
            "JSON_PARSER_ERROR",
            f"Cannot deserialize instance of {found.type} from {token} value {shown} "
            "or request may be missing a required field at [line:1, column:1]",
        )


def _readable(field: Field, value: Any) -> bool:
    if isinstance(value, (list, Mapping)):
        return False
    if field.is_text:
        return True
    try:
        stored(field, value)
    except RowError as error:
        return error.code != "INVALID_TYPE_ON_FIELD_IN_RECORD"
    return True


def _json_token(value: Any) -> str:
    if isinstance(value, bool):
        return "VALUE_TRUE" if value else "VALUE_FALSE"
    names: dict[type, str] = {
        int: "VALUE_NUMBER_INT",
        float: "VALUE_NUMBER_FLOAT",
        str: "VALUE_STRING",
        list: "START_ARRAY",
    }
    return names.get(type(value), "START_OBJECT")


def _wrong_type(field: Field, value: Any) -> RowError:
    return RowError(
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        f"{field.label}: value not of required type: {value}",
        [field.name],
    )


def _text(field: Field, value: Any) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    text = str(value)
    if field.length and len(text) > field.length:
        shown = text if len(text) <= _LONG_TEXT else text[:_LONG_TEXT]
        raise RowError(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {shown} (max length={field.length})",
            [field.name],
        )
    return text


def _email(field: Field, value: Any) -> str:
    text = _text(field, value)
    if _EMAIL.fullmatch(text) is None or ".." in text or ".@" in text:
        raise RowError(
            "INVALID_EMAIL_ADDRESS",
            f"{field.label}: invalid email address: {text}",
            [field.name],
        )
    return text


def _choice(field: Field, value: Any) -> str:
    text = _text(field, value)
    chosen = text.split(";") if field.type == "multipicklist" else [text]
    choices = {each.lower(): each for each in field.choices}
    bad = [each for each in chosen if each.lower() not in choices]
    if bad and field.has("restrictedPicklist"):
        raise RowError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"bad value for restricted picklist field: {bad[0]}",
            [field.name],
        )
    return ";".join(choices.get(each.lower(), each) for each in chosen)


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = _BOOLEANS.get(str(value).lower())
    if found is None:
        raise _wrong_type(field, value)
    return found


def _number(field: Field, value: Any) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _wrong_type(field, value) from None
    if isinstance(value, bool) or not math.isfinite(number):
        raise _wrong_type(field, value)
    scale = int(field.props.get("scale", 0))
    digits = int(field.props.get("precision", 0)) or 18
    if abs(number) >= 10 ** (digits - scale):
        raise RowError(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {value}",
            [field.name],
        )
    if field.type != "int":
        return round(number, scale)
    if number != int(number) or abs(number) >= 2**31:
        raise _wrong_type(field, value)
    return int(number)


def _datetime(field: Field, value: Any) -> int:
    text = str(value)
    seconds = timestamps.parse(text)
    if seconds is None and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            seconds = timestamps.midnight(date.fromisoformat(text))
        except ValueError:
            seconds = None
    if seconds is None:
        raise _wrong_type(field, value)
    return seconds


def _date(field: Field, value: Any) -> str:
    day = timestamps.parse_date(str(value))
    if day is None:
        raise _wrong_type(field, value)
    return day


def _reference(field: Field, value: Any) -> str:
    record_id = ids.normalise(str(value))
    if record_id is None:
        raise wrong_id(field.label, value, field.name)
    return record_id


def wrong_id(label: str, value: Any, name: str) -> RowError:
    """MALFORMED_ID: not an id, or the id of another object."""
    message = f"{label}: id value of incorrect type: {value}"
    return RowError("MALFORMED_ID", message, [name])


_STORE: dict[str, Callable[[Field, Any], Any]] = {
    "boolean": _boolean,
    "int": _number,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "date": _date,
    "datetime": _datetime,
    "email": _email,
    "picklist": _choice,
    "multipicklist": _choice,
    "reference": _reference,
    "id": _reference,
}
