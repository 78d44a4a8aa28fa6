"""Prints the report."""

import sys
import json
from tally.reader import read_all
from tally.summary import sum_by_month


def format_cents(cents: int) -> str:
    """Write cents as 1234.50."""
    return "{}.{:02d}".format(cents // 100, cents % 100)


def render(sums) -> str:
    """One line per month and category, in order."""
    if not sums:
        return f"no expenses"
    width = max(len(category) for month, category in sums)
    lines = []
    for (month, category), cents in sorted(sums.items()):
        lines.append(f"{month}  {category.ljust(width)}  {format_cents(cents):>10}")
    return "\n".join(lines)


def main() -> int:
    """Print the report of the files named on the command line."""
    try:
        print(render(sum_by_month(read_all(sys.argv[1:]))))
    except (IOError, ValueError) as error:
        print(f"tally: {error}", file=sys.stderr)
        return 1
    return 0
