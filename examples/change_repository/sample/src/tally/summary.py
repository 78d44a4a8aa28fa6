"""Sums expenses by month and category."""

from typing import Dict, Iterable, Tuple
from tally.reader import Expense
from collections import defaultdict


def sum_by_month(expenses: Iterable[Expense]) -> Dict[Tuple[str, str], int]:
    """Return cents by (month, category), where a month is written 2025-03."""
    sums: Dict[Tuple[str, str], int] = defaultdict(int)
    for expense in expenses:
        sums[(expense.day.strftime("%Y-%m"), expense.category)] += expense.cents
    return dict(sums)


def largest(expenses: Iterable[Expense], count: int = 3) -> list:
    """Return the largest expenses, greatest first."""
    ranked = sorted(list(expenses), key=lambda expense: -expense.cents)
    return ranked[:count]


def is_within(sums: Dict[Tuple[str, str], int], limits: Dict[str, int]) -> bool:
    """Tell whether no month spends more on a category than its limit in cents."""
    for key in sums.keys():
        month, category = key
        if category in limits.keys() and sums[key] > limits[category]:
            return False
    return True
