"""What the tests from the command ask of a stage again and again."""

from __future__ import annotations

from tests.e2e.stage import Stage

STATE_WRITES = {2, 3, 5}
"""`import_type` of the imports that set a state."""


def contact(stage: Stage, at: int = 0) -> tuple[str, str]:
    """Id and address of one contact of the audience."""
    row = stage.query(
        "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
        f"AND Email != null ORDER BY Id LIMIT 1 OFFSET {at}"
    )[0]
    return row["Id"], row["Email"]


def field(stage: Stage, record: str, name: str) -> object:
    sobject = "Lead" if record.startswith("00Q") else "Contact"
    rows = stage.query(f"SELECT {name} FROM {sobject} WHERE Id = '{record}'")
    return rows[0][name]


def state_kinds(stage: Stage) -> set[int]:
    return {kind for kind, _ in stage.imports()} & STATE_WRITES
