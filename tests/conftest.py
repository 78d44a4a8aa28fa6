"""What all tests share: random histories that are the same on every run, and a helper for conditions."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("actum", deadline=None)
settings.load_profile("actum")
