"""The page of the keys table, from the statements that make it; `generate.py` writes it with the others."""

from __future__ import annotations

from actum.store.statements import load

INTRODUCTION = """\
An effect with `transactional=Database(…)` keeps one row for each operation key in its own database.
Actum makes this table when it is first needed.
Where the worker's account may not, the owner of the database makes it by hand:
"""

GRANTS = """\
Then the account of the workers, here `worker`, needs no more than this, beside what its effects write:

```sql
grant usage on schema actum to worker;
grant select, insert, update on actum.operation_keys to worker;
```

A row without `done_at` is a claim: somebody began, and has not committed.
A row with it says that the operation has happened, and `result` is what it returned, as JSON.
Never edit a row, and restore the table together with the rows that effects wrote: a key that is forgotten is a key under which the effect may happen again.
`actum db prune-keys` deletes the rows that nobody can come back to: see [what is kept](../howto/what-is-kept.md).
"""


def write_keys_table() -> list[str]:
    """Return the lines of the page below its note."""
    keys = load("keys")
    made = [f"{keys[name].text};" for name in ("make_schema", "make_table")]
    return ["# The keys table", "", INTRODUCTION, "```sql", "\n\n".join(made), "```", "", GRANTS]
