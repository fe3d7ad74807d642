"""Histories that once went wrong, cut down to the steps that matter.

Each was drawn at random, found a mistake, and is told again so that it stays found.
"""

from __future__ import annotations

import pytest

from tests.sync.property.history import Step
from tests.sync.property.telling import tell
from tests.sync.property.world import Setting

pytestmark = [
    pytest.mark.usefixtures("limits"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

BAR = Setting(on_delete="bar")

FOUND = {
    "left while the registration was still waiting at the service": (
        Setting(),
        [
            Step("hold"),
            Step("meanwhile", 1, 1, 1),
            Step("run"),
            Step("opt", 1, 1),
            Step("run"),
        ],
    ),
    "the stop that had to come first failed, the registration did not": (
        Setting(),
        [Step("fail_next"), Step("bar", 1), Step("meanwhile", 1, 3)],
    ),
    "leaving failed after the run had ended": (
        BAR,
        [
            Step("refuse_address"),
            Step("readdress", 0, 2),
            Step("meanwhile", 1, 1),
            Step("hold"),
            Step("run"),
        ],
    ),
    "never registered, and held the stop of an address that it gave up": (
        BAR,
        [
            Step("meanwhile", 3),
            Step("contact"),
            Step("contact"),
            Step("meanwhile"),
            Step("contact", 1),
            Step("readdress", 2, 1),
            Step("run"),
            Step("readdress", 1, 2),
        ],
    ),
    "linked anew after the last look at what its fields hold": (
        Setting(),
        [
            Step("bar", 1, 2),
            Step("run"),
            Step("fail_next"),
            Step("meanwhile", 1, 0, 2),
        ],
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_went_wrong_once_does_not_go_wrong_again(name: str) -> None:
    setting, history = FOUND[name]
    assert not tell(setting, True, history)
