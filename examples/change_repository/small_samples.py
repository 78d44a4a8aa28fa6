"""Four small packages with their tests: three that only look untidy, and one whose code is to be mended."""

from __future__ import annotations

_SETTINGS = """\
[tool.pytest.ini_options]
pythonpath = ["."]

[tool.ruff]
target-version = "py311"

[tool.ruff.lint]
select = ["COM", "F", "Q", "W"]
"""

# Quotes of the other kind.
_SLUGS = """\
'''Turns titles into names for addresses.'''

import re

WORD = re.compile(r'[a-z0-9]+')


def make_slug(title: str) -> str:
    return '-'.join(WORD.findall(title.lower()))
"""
_SLUGS_TEST = """\
from slugs import make_slug


def test_words_are_joined_by_dashes():
    assert make_slug("The Cup, Twice") == "the-cup-twice"
"""

# Trailing commas that are missing.
_SHADES = """\
\"""Names shades of grey.\"""

SHADES = {
    "black": 0,
    "slate": 96,
    "silver": 192,
    "white": 255
}


def find_shade(brightness: int) -> str:
    return min(
        SHADES,
        key=lambda name: abs(SHADES[name] - brightness)
    )
"""
_SHADES_TEST = """\
from shades import find_shade


def test_the_nearest_shade_is_found():
    assert find_shade(200) == "silver"
"""

# Blanks where a line ends, and a last line that does not.
_SPANS = """\
\"""Writes spans of time.\"""


def write_span(minutes: int) -> str:\u0020\u0020
    hours, minutes = divmod(minutes, 60)\u0020
    return f"{hours}:{minutes:02d}\""""
_SPANS_TEST = """\
from spans import write_span


def test_minutes_have_two_digits():
    assert write_span(65) == "1:05"
"""

# An import that nobody uses, and a text that formats nothing: code, if only a little.
_RATES = """\
\"""Converts amounts.\"""

import os
from decimal import Decimal


def convert(amount: Decimal, rate: Decimal) -> Decimal:
    if rate <= 0:
        raise ValueError(f"a rate is positive")
    return (amount * rate).quantize(Decimal("0.01"))
"""
_RATES_TEST = """\
from decimal import Decimal

from rates import convert


def test_amounts_are_rounded_to_cents():
    assert convert(Decimal("10"), Decimal("1.0826")) == Decimal("10.83")
"""


def _package(name: str, text: str, test: str) -> dict[str, str]:
    return {"pyproject.toml": _SETTINGS, f"{name}.py": text, f"test_{name}.py": test}


UNTIDY = {
    "slugs": _package("slugs", _SLUGS, _SLUGS_TEST),
    "shades": _package("shades", _SHADES, _SHADES_TEST),
    "spans": _package("spans", _SPANS, _SPANS_TEST),
}
"""Packages by name, each a text for every file, in which a linter finds nothing but formatting."""

RATES = _package("rates", _RATES, _RATES_TEST)
"""A package in which it finds something to mend in the code."""
