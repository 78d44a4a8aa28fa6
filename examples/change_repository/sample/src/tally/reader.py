"""Reads expenses from CSV."""

import os
import csv
from datetime import date
from typing import Dict, Iterator, List, Optional

COLUMNS = ["date", "category", "amount", "note"]


class Expense(object):
    """One payment, in cents."""

    def __init__(self, day: date, category: str, cents: int, note: Optional[str] = None) -> None:
        self.day = day
        self.category = category
        self.cents = cents
        self.note = note


def parse_amount(text: str) -> int:
    """Turn "12.5" or "12,50" into cents; raise ValueError for anything else."""
    whole, _, fraction = text.strip().replace(",", ".").partition(".")
    if not whole.isdigit() or len(fraction) > 2 or (fraction and not fraction.isdigit()):
        raise ValueError("%r is not an amount" % text)
    return int(whole) * 100 + int(fraction.ljust(2, "0") or "0")


def parse_row(row: Dict[str, str]) -> Expense:
    """Turn one row into an expense."""
    return Expense(
        date.fromisoformat(row["date"]),
        row["category"].strip().lower(),
        parse_amount(row["amount"]),
        row.get("note") or None,
    )


def read_expenses(path: str) -> Iterator[Expense]:
    """Yield the expenses of a file, in its order."""
    with open(path, "r", encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [column for column in COLUMNS if not column in (reader.fieldnames or [])]
        if missing:
            raise ValueError(f"{path} lacks columns: " + ", ".join(missing))
        for row in reader:
            yield parse_row(row)


def read_all(paths: List[str]) -> List[Expense]:
    """Read several files, one after the other."""
    return list([expense for path in paths for expense in read_expenses(path)])
