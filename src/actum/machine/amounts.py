"""Amounts: numbers that are added up and compared with limits, exactly as they are written.

A binary fraction is the decimal that it is written as (0.1 is a tenth), so that three times 0.1 are within a limit of
0.3. What people or facts give is read once, here; after that amounts are decimals in Python, JSON numbers in between,
and `numeric` in the database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

Amount: TypeAlias = int | float | Decimal

_TEXT = re.compile(r"-?\d{1,100}(\.\d{1,100})?")


def exact(value: object) -> Decimal | None:
    """Return the number that a value stands for, or None: truth, endless numbers and other texts are none.

    Money is given as text such as "12.50" where a float will not do.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return Decimal(value) if _TEXT.fullmatch(value) and value.isascii() else None
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, int):
        return Decimal(value)
    return value if isinstance(value, Decimal) and value.is_finite() else None


def exact_amounts(values: Mapping[str, object]) -> dict[str, Decimal]:
    """Return what is a number among these values, by its name."""
    found = {name: exact(value) for name, value in values.items()}
    return {name: amount for name, amount in found.items() if amount is not None}


def write_amounts(amounts: Mapping[str, Amount]) -> str:
    """Return amounts as a JSON object of numbers. Raises ValueError for one that is no number."""
    written = []
    for name, value in amounts.items():
        amount = exact(value)
        if amount is None:
            raise ValueError(f"{name} = {value!r} is no amount")
        written.append(f"{json.dumps(name)}: {amount:f}")
    return "{" + ", ".join(written) + "}"


def read_amounts(text: str) -> dict[str, Decimal]:
    """Return what `write_amounts` or the database wrote; what is no number is left out."""
    return exact_amounts(json.loads(text, parse_float=Decimal))
