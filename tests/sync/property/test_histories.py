"""Random histories with runs disturbed anywhere: the promises hold at every moment,
and the world comes to rest where Salesforce and people's own words want it."""

from __future__ import annotations

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from tests.sync.property.conftest import SEED, told
from tests.sync.property.history import Step, histories, settings_of_a_profile
from tests.sync.property.telling import tell
from tests.sync.property.world import Setting

pytestmark = [
    pytest.mark.usefixtures("limits"),
    # A killed run leaves its files open, as a killed process does.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@seed(SEED)
@told(0.48)
@given(settings_of_a_profile(), st.booleans(), histories())
def test_whatever_happens_the_promises_hold(
    setting: Setting, begun: bool, history: list[Step]
) -> None:
    assert not tell(setting, begun, history)


@seed(SEED)
@told(0.02)
@given(settings_of_a_profile(), histories())
def test_so_they_do_where_the_state_is_kept_in_the_database(
    setting: Setting, history: list[Step]
) -> None:
    assert not tell(setting, True, history, in_database=True)
