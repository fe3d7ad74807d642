"""Named behaviours of a sandbox, each with a default that also gives its type.

A value that a behaviour does not know is refused when it is set: taken silently, a
test would believe that it had tried something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_WORDS = {False: "off", True: "on"}


class Switches:
    """Only names with a default exist.

    `choices` lists, by name, all values there are.  Where a switch is worded `off`
    and `on`, false and true mean the same, and the other way round.
    """

    def __init__(
        self,
        defaults: Mapping[str, object],
        choices: Mapping[str, Sequence[object]] | None = None,
    ) -> None:
        self._defaults = dict(defaults)
        self._values = dict(defaults)
        self._choices = dict(choices or {})

    def __getitem__(self, name: str) -> object:
        return self._values[name]

    def update(self, values: Mapping[str, object]) -> None:
        """Set several at once; ValueError for a wrong name or value, none set then."""
        unknown = sorted(set(values) - set(self._values))
        if unknown:
            raise ValueError(f"unknown switches: {unknown}; {sorted(self._values)}")
        self._values.update(
            {name: self._fitting(name, value) for name, value in values.items()}
        )

    def as_dict(self) -> dict[str, object]:
        return dict(self._values)

    def _fitting(self, name: str, value: object) -> object:
        default, choices = self._defaults[name], self._choices.get(name, ())
        fitting = _like(default, value)
        if fitting is None or (choices and fitting not in choices):
            wanted = " or ".join(map(str, choices)) if choices else _kind(default)
            raise ValueError(f"{name}: {value!r}; it is {wanted}")
        return fitting


def _like(default: object, value: object) -> object:
    """`value` as the type of `default`; None when it does not fit."""
    if isinstance(default, bool):
        meant = {"off": False, "on": True}.get(str(value).lower())
        return value if isinstance(value, bool) else meant
    if isinstance(default, int | float):
        return _number(value)
    if isinstance(default, str):
        if isinstance(value, bool):
            return _WORDS[value] if default in _WORDS.values() else None
        return value if isinstance(value, str) else None
    if isinstance(default, list):
        good = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return value if good else None
    return value if isinstance(value, dict) else None


def _number(value: object) -> int | float | None:
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return None
    return value


def _kind(default: object) -> str:
    kinds: dict[type, str] = {
        bool: "true or false",
        str: "a text",
        list: "a list of texts",
        dict: "an object",
    }
    return kinds.get(type(default), "a number from 0")
