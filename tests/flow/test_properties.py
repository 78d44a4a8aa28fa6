"""The campaign's properties once more, with bodies, schedules and cuts chosen by Hypothesis, which shrinks what fails."""

from __future__ import annotations

import flow_bodies as bodies
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

numbers = st.integers(min_value=0, max_value=2**32)


@pytest.mark.campaign
@settings(max_examples=bodies.HISTORIES, deadline=None, derandomize=True)
@given(body=numbers, schedule=numbers, other=numbers, cut=st.floats(min_value=0, max_value=1))
def test_a_history_cut_anywhere_and_resumed_on_another_schedule_replays_to_its_ending(
    body: int, schedule: int, other: int, cut: float
) -> None:
    history, _ = bodies.record(body, schedule=schedule, history=[])
    kept = history[: int(len(history) * cut)]
    resumed, resumed_ending = bodies.record(body, schedule=other, history=kept)
    assert resumed[: len(kept)] == kept
    assert bodies.replay(body, resumed) == resumed_ending
