from datetime import date

from tally.reader import Expense
from tally.summary import is_within, largest, sum_by_month

EXPENSES = [
    Expense(date(2025, 3, 1), "food", 1250),
    Expense(date(2025, 3, 9), "food", 250),
    Expense(date(2025, 4, 2), "rent", 80000),
]


def test_sums_are_by_month_and_category():
    assert sum_by_month(EXPENSES) == {("2025-03", "food"): 1500, ("2025-04", "rent"): 80000}


def test_the_largest_come_first():
    assert [expense.cents for expense in largest(EXPENSES, 2)] == [80000, 1250]


def test_limits_are_per_month():
    sums = sum_by_month(EXPENSES)
    assert is_within(sums, {"food": 1500})
    assert not is_within(sums, {"food": 1499})
