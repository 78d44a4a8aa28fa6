"""The page of the policy file, from the grammar that reads it; `generate.py` writes it with the others."""

from __future__ import annotations

from actum.machine.policy import DEFAULT_POLICY, DEV_POLICY
from actum.machine.policy.clauses import OPERATORS
from actum.machine.policy.facts import OWN, TYPES
from actum.machine.policy.grammar import KEYS, TABLES
from actum.machine.policy.linting import FINDINGS

OWN_MEANINGS = {
    "kind": "The effect's kind, such as `db.write`.",
    "contract": "The contract that wants it.",
    "team": "The team that owns the contract.",
    "reversibility": "`undoable`, `compensable` or `final`, from the effect's hooks.",
    "environment": "Where the worker works; declare it again in `[facts]` to name its `values`.",
    "at": "The instant of the ruling, for calendars.",
}

INTRODUCTION = """\
A policy file gives each effect a tier: 0 runs at once, 1 is approved on a card that it may share, 2 is one card and one decision with a reason.
It is TOML, reviewed like code, named by the SHA-256 of its text, and activated explicitly.
Durations are numbers with units, such as `90s`, `30m`, `4h` or `2d`.
Every mistake in a file is reported at once, each with its line, its key and the nearest word that would be right.

```toml
schema = 1
name = "default"
owner = "platform"
timezone = "Europe/Berlin"

[facts]
environment = { type = "text", values = ["dev", "staging", "prod"] }
rows = "int"
table = "text"

[calendar.office]
days = ["mon", "tue", "wed", "thu", "fri"]
hours = "08:00-18:00"

[approvers.dba]
by = ["group:dba"]
expires = "4h"
on_expiry = "reject"

[[rule]]
id = "prod-rows-small"
match = { kind = "db.write", environment = "prod", rows = { le = 100 }, reversibility = "undoable" }
tier = 1
approvers = "dba"
batch = { by = ["contract", "table"], window = "30m", max_items = 20, max_sum = { rows = 500 } }
why = "A few production rows with a stored before-image."

[[floor]]
id = "final-at-night"
match = { reversibility = "final" }
except = { at = { inside = "office" } }
tier = 2
why = "Nothing can put it back, and nobody is there to see."

[[deny]]
id = "audit-tables"
match = { kind = "db.write", table = { glob = "audit_*" } }
why = "Workflows never write audit tables."
```

## How it decides

A clause is true, false, or unknown while its fact is missing, null, of another type than declared, not finite, or outside its `values`.
A match is false if one clause is false, else unknown if one is unknown, else true.

- A rule that is true gives its tier; the highest of all matching tiers holds, and the order of the file has no meaning.
- A rule, floor or deny that is unknown counts for what it raises, and never for what it lowers.
- Without a rule that is certainly true, the default tier counts as well.
- An `except` counts only where it is certainly true.
- A deny beats everything.
- Every group that a counting rule or floor names must agree, whatever tier named it; another rule adds a group and replaces none.
- The contract's team must agree where no rule is certainly true, and where a counting rule names nobody; if the team is not known, the policy's owner must.
- The requester and the contract's author never approve.
- The shortest time to decide holds, and the tightest limits of all batches; a rule of tier 1 without a batch asks alone.

So leaving a fact out never makes anything easier, and neither does another floor or deny.
`exists = false` is never certain: it raises where a fact is missing, and never lowers.
An approval stands under a newer policy if the tier is no higher and everybody who must agree has agreed already; a reworded `why` does not ask again."""

CASES = """\
## Cases beside it

A file `policy.cases.toml` says what the policy shall do, and `actum policy test` checks it.
Of `expect` what is left out does not matter; `rule` may be a list, and `approvers` are all groups that must agree.

```toml
[[case]]
name = "a few rows in production"
operation = { kind = "db.write", contract = "clean", team = "data", environment = "prod", reversibility = "undoable" }
facts = { rows = 3, table = "users" }
at = 2029-07-02T10:00:00Z
expect = { tier = 1, denied = false, rule = "prod-rows-small", approvers = ["dba"] }
```"""


def write_policy_file() -> list[str]:
    """Return the lines of the page below its note."""
    lines = [
        "# The policy file",
        "",
        INTRODUCTION,
        "",
        "## Keys",
        "",
        "A key without a default must be there.",
    ]
    for table, about in TABLES.items():
        lines += ["", f"### {_title(table)}", "", about.replace(". ", ".\n"), ""]
        lines += ["| key | type | meaning | default |", "|---|---|---|---|"]
        lines += [
            f"| `{key.name}` | {key.type} | {key.meaning} | {key.default or ''} |" for key in KEYS[table]
        ]
    lines += ["", "## Facts", "", "| type | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in TYPES.items()]
    lines += ["", 'Nothing is converted: `"90"` and `90.0` are no int, and such a fact is unknown.', ""]
    lines += [
        "These are Actum's own, and no preview can set them:",
        "",
        "| fact | type | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | `{fact.type}` | {OWN_MEANINGS[name]} |" for name, fact in OWN.items()]
    lines += ["", "## Operators", "", "`rows = { ge = 1, le = 100 }` asks for both.", ""]
    lines += ["| operator | for | followed by | the fact |", "|---|---|---|---|"]
    lines += [
        f"| `{name}` | {_types(about.types)} | {about.operand} | {about.meaning} |"
        for name, about in OPERATORS.items()
    ]
    lines += ["", CASES, "", "## Findings of lint", "", "| code | severity | what was found | the way out |"]
    lines += ["|---|---|---|---|"]
    lines += [
        f"| `{code}` | {one.severity} | {one.about} | {one.cure} |" for code, one in sorted(FINDINGS.items())
    ]
    lines += ["", "## The policies that come with Actum", "", "Neither lets a write run unasked.", ""]
    for text in (DEFAULT_POLICY, DEV_POLICY):
        lines += ["```toml", text.rstrip(), "```", ""]
    return lines


def _title(table: str) -> str:
    match table:
        case "":
            return "Top"
        case "rule" | "floor" | "deny":
            return f"`[[{table}]]`"
        case "rule.batch":
            return "`batch` of a rule"
        case _:
            return f"`[{table}]`"


def _types(types: frozenset[str]) -> str:
    return "all" if len(types) == len(TYPES) else ", ".join(f"`{one}`" for one in TYPES if one in types)
