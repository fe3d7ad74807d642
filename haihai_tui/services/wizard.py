"""The set-up wizard without its screen: answers, judgement, progress.

What is stored is the profile itself and nothing beside it, so the wizard can be
left and entered again at any step, from any machine.  Answers that were typed but
not yet saved are kept with the profile's facts (secrets never), for the way back.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from haihai_tui.errors import SettingsError, Text, text
from haihai_tui.services.paths import Home
from haihai_tui.services.profile_changes import ProfileChanges
from haihai_tui.services.roles import Action, Operator, require
from haihai_tui.services.salesforce.urls import normalise_url, parse_callback
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import (
    list_profiles,
    load_profile,
    missing_keys,
    parse_profile,
    to_table,
)
from haihai_tui.services.settings_edit import Change
from haihai_tui.services.settings_rules import BadValue
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.wizard_questions import QUESTIONS, Question, Step

Answers = Mapping[str, Any]
"""Key → what was entered: a text, a bool, a list of texts or of mapping rows."""

State = Literal["done", "open", "draft"]
"""A step is done, still has something to fill in, or holds unsaved answers."""

_DRAFT, _STEP = "wizard.draft", "wizard.step"
_QUOTED = re.compile(r"('(?:\\.|[^'\\])*')")
_FOLDED = frozenset(
    (
        "haihai.contract_id",
        "haihai.login_id",
        "haihai.group_id",
        "haihai.plan_id",
        "haihai.base_url",
        "salesforce.callback_url",
        "customers.audience_report",
    )
)
"""Ids and addresses: full-width characters in them are slips of the input method."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Answers judged: typed `values` and `secrets`, `notes` and `errors` by key.

    A note tells what was made of an answer; an error keeps the step from being
    saved.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Text] = field(default_factory=dict)
    errors: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepState:
    """Where one step stands; `missing` are the keys still to be filled in."""

    step: Step
    state: State
    missing: tuple[str, ...] = ()


class Wizard:
    """The wizard of one profile, for one operator.

    Reading needs no right; `save` asks for CHANGE_SETTINGS.
    """

    def __init__(
        self,
        home: Home,
        profile: str,
        secrets: SecretStore,
        database: Database,
        operator: Operator,
    ) -> None:
        self.profile = profile
        self._home = home
        self._secrets = secrets
        self._operator = operator
        self._facts = Facts(database, profile)
        self._changes = ProfileChanges(home, profile, secrets, database, operator.name)
        self._drafts: dict[str, Any] = self._stored_drafts()
        self.reload()

    def reload(self) -> None:
        """Read the profile again; the defaults where there is none yet."""
        known = self.profile in list_profiles(self._home)
        self.settings = (
            load_profile(self._home, self.profile)
            if known
            else Settings(profile=self.profile)
        )
        self.secret_names = frozenset(self._secrets.names())

    # ---------------------------------------------------------------- answers

    def answers(self, step: Step) -> dict[str, Any]:
        """What a form shows: the stored values under the unsaved ones.

        A secret is "" whatever is stored; `has_secret` tells whether one is.
        """
        return {
            asked.key: self._drafts.get(asked.key, self._stored(asked))
            for asked in QUESTIONS[step]
        }

    def has_secret(self, name: str) -> bool:
        return name in self.secret_names

    def _stored(self, asked: Question) -> Any:
        if asked.is_secret:
            return ""
        section, _, name = asked.key.partition(".")
        value = to_table(self.settings)[section][name]
        if asked.key == "suppressions.rollup" and isinstance(value, list):
            return ",".join(value)
        return ",".join(value) if asked.kind == "list" else value

    def note(self, step: Step, answers: Answers) -> None:
        """Remember answers without saving them; secrets are left out.

        Blocks for nothing: `keep` puts them where another session finds them.
        """
        for asked in QUESTIONS[step]:
            if asked.is_secret or asked.key not in answers:
                continue
            if answers[asked.key] == self._stored(asked):
                self._drafts.pop(asked.key, None)
            else:
                self._drafts[asked.key] = answers[asked.key]

    def keep(self, step: Step) -> None:
        """Store what was noted, and the step that was left."""
        self._facts.set({_DRAFT: json.dumps(dict(self._drafts)), _STEP: str(int(step))})

    def forget(self, step: Step) -> None:
        """Drop what was entered and not saved."""
        for asked in QUESTIONS[step]:
            self._drafts.pop(asked.key, None)
        self._facts.set({_DRAFT: json.dumps(self._drafts)})

    def _stored_drafts(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._facts.get(_DRAFT) or "{}")
        except ValueError:
            return {}
        known = {asked.key for step in Step for asked in QUESTIONS[step]}
        return {key: value for key, value in kept.items() if key in known}

    # --------------------------------------------------------------- judgement

    def judge(self, step: Step, answers: Answers) -> Judged:
        """Check every answer by itself and all together; touches nothing."""
        values: dict[str, object] = {}
        secrets: dict[str, str] = {}
        notes: dict[str, Text] = {}
        errors: dict[str, Text] = {}
        for asked in QUESTIONS[step]:
            entered = answers.get(asked.key, self._stored(asked))
            try:
                value, note = judge_answer(asked, entered)
            except BadValue as error:
                errors[asked.key] = error.expected
                continue
            if note is not None:
                notes[asked.key] = note
            if asked.is_secret:
                if value:
                    secrets[asked.key] = str(value)
                elif asked.required and not self.has_secret(asked.key):
                    errors[asked.key] = text("入力してください。")
                continue
            if asked.required and not value:
                errors[asked.key] = text("入力してください。")
            values[asked.key] = value
        judged = Judged(values, secrets, notes, errors)
        return judged if errors else self._judge_together(judged)

    def _judge_together(self, judged: Judged) -> Judged:
        try:
            self.drafted(judged.values)
        except SettingsError as error:
            # What no single answer can tell; shown at the last of them.
            key = list(judged.values)[-1] if judged.values else ""
            what = error.remedy or error.what
            return Judged(judged.values, judged.secrets, judged.notes, {key: what})
        return judged

    def drafted(self, values: Mapping[str, object]) -> Settings:
        """The settings as they would be with these values.  SettingsError."""
        table = to_table(self.settings)
        for key, value in values.items():
            section, _, name = key.partition(".")
            table[section][name] = _plain(value)
        return parse_profile(self.profile, table, self.profile)

    # -------------------------------------------------------------------- save

    def save(self, step: Step, judged: Judged) -> tuple[Change, ...]:
        """Write what differs, log it, and note how far the wizard came.

        Raises SettingsError where the operator may not, or an error is left.
        """
        require(self._operator, Action.CHANGE_SETTINGS)
        if judged.errors:
            raise SettingsError(next(iter(judged.errors.values())))
        stored = to_table(self.settings)
        pairs: list[tuple[tuple[str, ...], object]] = []
        for key, value in judged.values.items():
            section, _, name = key.partition(".")
            if _plain(value) != stored[section][name]:
                pairs.append(((section, name), _plain(value)))
        if self.profile not in list_profiles(self._home):
            # A new profile: even an answer that is the default makes it exist.
            pairs = pairs or [(("flows", "enabled"), stored["flows"]["enabled"])]
        changes = self._changes.change(pairs, judged.secrets)
        self.reload()
        self.forget(step)
        self._facts.set({_STEP: str(min(int(step) + 1, int(Step.REVIEW)))})
        return changes

    # ---------------------------------------------------------------- progress

    def states(self) -> tuple[StepState, ...]:
        """Where each step stands, from the profile and the unsaved answers."""
        return tuple(self._state(step) for step in Step)

    def _state(self, step: Step) -> StepState:
        missing = self.missing(step)
        drafted = any(asked.key in self._drafts for asked in QUESTIONS[step])
        state: State = "draft" if drafted else "open" if missing else "done"
        return StepState(step, state, missing)

    def missing(self, step: Step) -> tuple[str, ...]:
        """Keys that the enabled flows need and that are still empty."""
        if step is Step.REVIEW:
            return tuple(
                key for other in Step if other != step for key in self.missing(other)
            )
        keys = {asked.key for asked in QUESTIONS[step]}
        flows = self.settings.flows.enabled
        missing = [key for key in missing_keys(self.settings, flows) if key in keys]
        missing += [
            asked.key
            for asked in QUESTIONS[step]
            if asked.is_secret and asked.required and not self.has_secret(asked.key)
        ]
        if step is Step.BASICS and not flows:
            missing.append("flows.enabled")
        if step is Step.SALESFORCE and not self.has_secret("salesforce.refresh_token"):
            missing.append("salesforce.refresh_token")
        if step is Step.CUSTOMERS and "customers" in flows:
            missing += [] if self.settings.customers.fields else ["customers.fields"]
        return tuple(missing)

    def resume_at(self) -> Step:
        """Where to go on: the step last seen, or the first that is not done."""
        seen = self._facts.get(_STEP) or ""
        if seen.isdigit() and int(seen) in set(Step):
            return Step(int(seen))
        return next(
            (each.step for each in self.states() if each.state != "done"), Step.REVIEW
        )


# --------------------------------------------------------------- one answer


def judge_answer(asked: Question, entered: Any) -> tuple[Any, Text | None]:
    """The typed value of one answer and a word about what was made of it.

    Raises BadValue, whose `expected` tells what to enter.
    """
    if asked.key == "salesforce.url" and entered:
        return _salesforce_url(str(entered))
    if asked.is_secret:
        return _pasted_secret(str(entered))
    value, note = entered, None
    if asked.kind == "list":
        value = _words(str(entered))
    elif asked.key == "suppressions.rollup":
        value = _rollup(str(entered))
    elif isinstance(entered, str):
        value = entered.strip()
        if asked.key in _FOLDED or _is_name(asked):
            value, note = fold(value)
        elif asked.key == "customers.audience":
            value, note = fold_condition(value)
    checked = asked.rule.check(value)
    if asked.key == "salesforce.callback_url" and checked:
        _callback(str(checked))
    return checked, note


def fold(entered: str) -> tuple[str, Text | None]:
    """Full-width letters, digits and signs made plain, with a word about it."""
    plain = unicodedata.normalize("NFKC", entered).strip()
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    if plain == entered:
        return entered, None
    return plain, text("全角文字を半角に直しました: {value}", value=plain)


def fold_condition(entered: str) -> tuple[str, Text | None]:
    """A SOQL condition made plain outside its quoted texts, which stay as typed."""
    parts = _QUOTED.split(entered)
    parts[::2] = [
        re.sub(r"\s+", " ", unicodedata.normalize("NFKC", part)) for part in parts[::2]
    ]
    plain = "".join(parts).strip()
    if plain == re.sub(r"[ \t\r\n]+", " ", entered).strip():
        return plain, None
    return plain, text("全角文字を半角に直しました: {value}", value=plain)


def _is_name(asked: Question) -> bool:
    """API names of objects and fields are ASCII too."""
    name = asked.key.rpartition(".")[2]
    return name == "object" or name.endswith("_field")


def _salesforce_url(entered: str) -> tuple[str, Text | None]:
    try:
        found = normalise_url(entered)
    except SettingsError as error:
        words = error.what
        if error.remedy is not None:
            words = text("{what} {remedy}", what=error.what, remedy=error.remedy)
        raise BadValue(words) from error
    if found.hint is not None:
        return found.url, found.hint
    if found.changed:
        return found.url, text("この形で使います: {url}", url=found.url)
    return found.url, None


def _callback(entered: str) -> None:
    try:
        parse_callback(entered)
    except SettingsError as error:
        raise BadValue(error.remedy or error.what) from error


def _pasted_secret(entered: str) -> tuple[str, Text | None]:
    """Secrets are pasted: blanks and line breaks around them are never meant."""
    bare, note = fold(entered.strip())
    if any(character.isspace() for character in bare):
        raise BadValue(text("途中に空白や改行があります。コピーし直してください。"))
    if not bare.isascii() or (bare and not bare.isprintable()):
        raise BadValue(text("半角の英数字と記号だけを入力してください。"))
    if note is not None:
        return bare, text("全角文字を半角に直しました。")
    return bare, None


def _words(entered: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", entered).replace("、", ",")
    return [word.strip() for word in folded.split(",") if word.strip()]


def _rollup(entered: str) -> str | list[str]:
    words = _words(entered)
    if len(words) == 1 and words[0].lower() in ("any", "all"):
        return words[0].lower()
    return words


def _plain(value: object) -> object:
    """A checked value as TOML and the table of `to_table` have it."""
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    names: Sequence[str] = getattr(value, "__slots__", ())
    if names and not isinstance(value, str):
        return {name: getattr(value, name) for name in names}
    return value


def new_profile(
    home: Home,
    name: str,
    secrets: SecretStore,
    database: Database,
    operator: Operator,
    store_url: str = "",
) -> None:
    """Make an empty profile that keeps its state where `store_url` says.

    SettingsError for a name that cannot be one, or without the right.
    """
    require(operator, Action.CHANGE_SETTINGS)
    home.profile_file(name)
    pairs: list[tuple[tuple[str, ...], object]] = [
        (("flows", "enabled"), list(Settings().flows.enabled))
    ]
    if store_url:
        pairs.append((("store", "url"), store_url))
    ProfileChanges(home, name, secrets, database, operator.name).change(pairs, {})
    with database.write() as connection:
        # Its first values are the defaults: no change that the log would show.
        audit.append(
            connection,
            actor=operator.name,
            action="profile_created",
            subject=name,
            profile=name,
        )
