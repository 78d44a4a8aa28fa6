"""Random histories, the same ones on every run: a failure here is found again by running the test again."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("ci", derandomize=True, max_examples=60, stateful_step_count=40, deadline=None)
