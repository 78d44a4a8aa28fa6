"""Rulings: a policy of twelve rules, ruled by one operation at a time, and 100,000 operations simulated.

Says microseconds a ruling (the best of several rounds, since others use the machine too), those of one with its trace,
and seconds for a simulation against no policy. No database. Sizes: BENCH_RULINGS, BENCH_OPERATIONS, BENCH_ROUNDS.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from actum.machine.policy import Operation, Past, parse_policy, simulate

RULINGS = int(os.environ.get("BENCH_RULINGS", "20000"))
OPERATIONS = int(os.environ.get("BENCH_OPERATIONS", "100000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))

HEAD = """
schema = 1
name = "bench"
owner = "platform"
timezone = "Europe/Berlin"

[facts]
environment = { type = "text", values = ["dev", "staging", "prod"] }
rows = "int"
amount = "decimal"
table = "text"

[calendar.office]
days = ["mon", "tue", "wed", "thu", "fri"]
hours = "08:00-18:00"

[approvers.dba]
by = ["group:dba"]
expires = "4h"
"""
RULE = """
[[rule]]
id = "rule-{n}"
match = {{ kind = "db.write", environment = "{where}", rows = {{ le = {n}00 }}, at = {{ inside = "office" }} }}
tier = 1
approvers = "dba"
batch = {{ by = ["contract", "table"], window = "30m", max_items = 20, max_sum = {{ rows = 500 }} }}
why = "A few rows."
"""
REST = """
[[rule]]
id = "payment"
match = { kind = { glob = "pay.*" }, amount = { lt = 100 } }
tier = 1
approvers = "dba"
why = "Small."

[[floor]]
id = "final"
match = { reversibility = "final" }
tier = 2
why = "Nothing can put it back."

[[floor]]
id = "staging"
match = { environment = { not_in = ["dev", "staging"] } }
except = { kind = "db.write", rows = { le = 900 } }
tier = 2
why = "Elsewhere."

[[deny]]
id = "audit"
match = { kind = "db.write", table = { glob = "audit_*" } }
why = "Never."
"""
WHERE = ("dev", "staging", "prod")
POLICY = HEAD + "".join(RULE.format(n=n + 1, where=WHERE[n % 3]) for n in range(8)) + REST


def make_operations() -> list[Operation]:
    """Return operations of a busy year, the same ones on every run."""
    chance = random.Random(1)
    begin = datetime(2029, 1, 1, tzinfo=UTC)
    return [
        Operation(
            kind=chance.choice(["db.write", "db.write", "pay.out", "mail.send"]),
            contract=chance.choice(["sync", "clean"]),
            team="payments",
            reversibility=chance.choice(["undoable", "compensable", "final"]),
            environment=chance.choice(WHERE),
            facts={"rows": chance.randrange(1000), "table": "users", "amount": "12.50"},
            at=begin + timedelta(minutes=5 * number),
        )
        for number in range(OPERATIONS)
    ]


def best(action: Callable[[], object], times: int) -> float:
    """Return the microseconds that one `action` takes, in the best of all rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            action()
        found.append((time.perf_counter() - began) / times)
    return min(found) * 1e6


def main() -> None:
    """Measure, and announce one line."""
    policy, operations = parse_policy(POLICY), make_operations()
    assert len(policy.document.rules) == 12
    sample = operations[: min(200, len(operations))]
    ruled = best(lambda: [policy.rule(one) for one in sample], max(1, RULINGS // len(sample))) / len(sample)
    traced = best(lambda: [policy.rule(one).trace for one in sample], 2) / len(sample)
    parsed = best(lambda: parse_policy(POLICY), 10)
    past = [Past(str(number), one) for number, one in enumerate(operations)]
    began = time.perf_counter()
    simulation = simulate(None, policy, past)
    seconds = time.perf_counter() - began
    figures = {
        "workload": "policy",
        "rules": 12,
        "us_per_ruling": round(ruled, 2),
        "us_with_trace": round(traced, 1),
        "ms_to_read": round(parsed / 1000, 2),
        "operations": simulation.operations,
        "simulation_seconds": round(seconds, 2),
        "tiers": dict(simulation.now.tiers),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
