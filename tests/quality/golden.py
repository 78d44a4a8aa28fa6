"""The golden history: workflows of every family, made from a seed, legal to the last event, and written by COPY.

Each scene is a way in which things go, the awkward ones included: a time-out that another worker recovers from after a
crash, a retry that never helped, an approval that expired, a rollback that is partial, a verdict three months late, an
owner who changes in between.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from actum.machine.transitions import next_status
from actum.model.events import EventKind
from actum.model.ids import new_id
from actum.model.workflow import Status
from actum.store.store import Store

START = datetime(2026, 1, 5, tzinfo=UTC)
WEEKS = 12
GATHERED = timedelta(hours=56)
"""How far apart the hours are in which lives begin."""
K = EventKind
TEAMS = ("shop", "garden", "harbour")
CONTRACTS = ("answer_letter", "fill_shelf", "move_boat", "write_report")
STEPS = ("read", "think", "draft", "check", "send")
PROMPTS = ("v1", "v2", "v3", None)
REASONS = ("timeout.attempt", "timeout.stall", "provider.rate_limited", "provider.unavailable", "schema.invalid",
           "check.failed", "tool.error", "other")  # fmt: skip
SUCCEEDED = (K.STEP_COMPLETED, K.EFFECT_SUCCEEDED)
TOOK = (
    0,
    1,
    9_999,
    10_000,
    10_001,
    60_000,
    700_000,
    4_200_000,
    59_999_999,
    60_000_000,
    7_300_000_000,
    700_000_000_000,
)
"""Microseconds that an attempt takes: on both sides of bounds, and beyond the last one."""
USAGES: tuple[dict[str, Any], ...] = (
    {
        "model": "large",
        "prompt": "p@1",
        "input_tokens": 120,
        "output_tokens": 17,
        "model_calls": 1,
        "cost": "0.000000123456789",
    },
    {"model": "small", "input_tokens": 40, "model_calls": 2, "unpriced": 2},
    {"model": "small", "output_tokens": 9, "model_calls": 1, "tool_calls": 3, "cost": "0.1"},
    {"tool_calls": 1},
    {"cost": "12.50"},
)
"""What attempts report, as the engine writes it; a cost has as many places as it was given."""
PERSON, OTHER = "user:bo", "user:cy"
EVENT_COLUMNS = (
    "workflow_id seq at kind step address attempt outcome reason actor contract team tier data hash".split()
)
WORKFLOW_COLUMNS = "id contract shape_hash document_hash team origin tags created_at next_seq chain_head status finished_at".split()
VERDICT_COLUMNS = "workflow_id number verdict by actor why given_at".split()
DECISION_COLUMNS = "workflow_id seq address approval_id kind contract tier ruling rule actor decided_at previous hash".split()

APPROVAL_COLUMNS = (
    "id workflow_id address step kind key action_hash arguments tier rule contract team approvers asked_at ruling ruled_at "
    "closed used_at"
).split()
EFFECT_COLUMNS = (
    "kind key origin workflow_id address step argument_hash arguments state tier approval_id started_at"
).split()


@dataclass(slots=True)
class Life:
    """One workflow being lived: every event is checked against the table of transitions."""

    workflow_id: UUID
    at: datetime
    contract: str
    team: str
    prompt: str | None = None
    worker: str = "worker:one"
    status: Status | None = None
    born: datetime = START
    events: list[tuple[Any, ...]] = field(default_factory=list)
    verdicts: list[tuple[Any, ...]] = field(default_factory=list)
    decisions: list[tuple[Any, ...]] = field(default_factory=list)
    approvals: list[dict[str, Any]] = field(default_factory=list)
    effects: list[tuple[Any, ...]] = field(default_factory=list)
    addresses: int = 0

    def note(self, kind: EventKind, after: float = 0.0, **columns: Any) -> None:
        """Add an event, `after` seconds later."""
        self.at += timedelta(microseconds=round(after * 1e6))
        self.status = next_status(self.status, kind)
        data = columns.get("data")
        self.events.append(
            (
                self.workflow_id,
                len(self.events) + 1,
                self.at,
                kind.value,
                columns.get("step"),
                columns.get("address"),
                columns.get("attempt"),
                columns.get("outcome"),
                columns.get("reason"),
                columns.get("actor", self.worker),
                self.contract,
                self.team,
                columns.get("tier"),
                None if data is None else orjson.dumps(data).decode(),
                b"\x00",
            )
        )

    def spend(self, chance: random.Random) -> None:
        """Have attempts taken some time, and those of two steps used models or tools."""
        for place, event in enumerate(self.events):
            kind, step = event[3], event[4]
            told: dict[str, Any] = {}
            if kind in SUCCEEDED:
                told["us"] = TOOK[len(step) % len(TOOK)] if chance.random() < 0.9 else chance.choice(TOOK)
            if step in ("think", "draft") and chance.random() < 0.5:
                told["usage"] = chance.sample(USAGES, chance.randint(1, 2))
            if told:
                text = orjson.dumps({**told, **orjson.loads(event[13] or b"{}")}).decode()
                self.events[place] = (*event[:13], text, *event[14:])

    def begin(self) -> None:
        self.born = self.at
        self.note(K.WORKFLOW_STARTED, actor="user:ana")

    def address(self) -> str:
        self.addresses += 1
        return str(self.addresses)

    def judge(self, verdict: str, by: str, after: float, actor: str = PERSON) -> None:
        """Say a word on the output, `after` seconds after the end."""
        given = self.at + timedelta(seconds=after)
        self.verdicts.append((self.workflow_id, len(self.verdicts) + 1, verdict, by, actor, "because", given))

    def decide(self, approval: UUID, address: str, rule: str) -> None:
        """Log a decision, as the database does beside the message."""
        self.decisions.append(
            (
                self.workflow_id,
                len(self.decisions) + 1,
                address,
                approval,
                "post",
                self.contract,
                2,
                "approved",
                rule,
                PERSON,
                self.at,
                b"\x00",
                b"\x00",
            )
        )

    def approve(self, approval: UUID, address: str, way: str) -> None:
        """Keep the row of an approval that ends in some way."""
        is_ruled = way in ("approved", "rejected")
        self.approvals.append(
            {
                "id": approval, "workflow_id": self.workflow_id, "address": address, "step": "post", "kind": "post",
                "key": f"{self.workflow_id}/{address}", "action_hash": b"\x00", "arguments": b"", "tier": 2, "rule": "all",
                "contract": self.contract, "team": self.team, "approvers": [], "asked_at": self.born,
                "ruling": way if is_ruled else None, "ruled_at": self.at if is_ruled else None,
                "closed": None if is_ruled else "expired", "used_at": None,
            }
        )  # fmt: skip

    def act(self, state: str) -> None:
        """Keep the row of the effect that the last approval was for, as it ended."""
        one = self.approvals[-1]
        self.effects.append(
            (
                "post", one["key"], self.workflow_id, self.workflow_id, one["address"], "post", b"\x00", b"", state, 2,
                one["id"], self.at,
            )
        )  # fmt: skip

    @property
    def row(self) -> tuple[Any, ...]:
        """The row of `workflows`."""
        ended = self.at if self.status is not None and self.status.is_final else None
        tags = orjson.dumps({"prompt": self.prompt} if self.prompt else {}).decode()
        status = self.status.value if self.status else "pending"
        return (
            self.workflow_id, self.contract, b"\x00", b"\x00", self.team, self.workflow_id, tags, self.born,
            len(self.events) + 1, b"\x00", status, ended,
        )  # fmt: skip


class Author:
    """Writes lives from a seed. `plain` is how often nothing goes wrong, beside 40 scenes in which something may."""

    def __init__(self, seed: int, plain: int = 60) -> None:
        self.random = random.Random(seed)
        self._plain = plain

    def lives(self, count: int, weeks: int = WEEKS) -> Iterator[Life]:
        """Yield `count` lives, spread over the weeks; they begin in a few hours, so that there is much to add up."""
        span = timedelta(weeks=weeks) / max(count, 1)
        for number in range(count):
            at = span * number
            yield self.life(START + at // GATHERED * GATHERED + at % timedelta(minutes=30))

    def life(self, at: datetime) -> Life:
        """Return one life, with a few scenes and an end."""
        choose = self.random.choice
        stamp = (int(at.timestamp() * 1000) << 80) | (7 << 76) | (self.random.getrandbits(12) << 64)
        life = Life(
            UUID(int=stamp | (2 << 62) | self.random.getrandbits(62)),
            at,
            choose(CONTRACTS),
            choose(TEAMS),
            choose(PROMPTS),
        )
        life.begin()
        if all(self._go_on(life) for _ in range(self.random.randint(6, 10))):
            self._end(life)
        life.spend(random.Random(life.workflow_id.int))
        return life

    def _seconds(self, most: float = 30.0) -> float:
        return self.random.randrange(1, int(most * 1e6)) / 1e6

    def _wait(self) -> float:
        """Return how long a person takes: some minutes, or until the next time at which lives begin, or the one after."""
        return self._seconds(3_000) + self.random.choice((0, 1, 2)) * GATHERED.total_seconds()

    def _go_on(self, life: Life) -> bool:
        """Live one scene; False once the life is over."""
        scenes: Sequence[tuple[int, Callable[[Life], None]]] = (
            (self._plain, self.plain), (9, self.retried), (2, self.crashed_while_retrying), (2, self.paused_while_retrying),
            (9, self.acted), (3, self.doubted), (2, self.expired), (2, self.held), (2, self.owner_changed),
            (1, self.given_up_by_the_body), (1, self.deadline), (1, self.crash_loop), (2, self.rolled_back),
            (2, self.asked_twice_at_once),
        )  # fmt: skip
        (scene,) = self.random.choices([one for _, one in scenes], [weight for weight, _ in scenes])
        scene(life)
        return life.status is not None and not life.status.is_final

    def _end(self, life: Life) -> None:
        if self.random.random() < 0.1:
            life.note(K.WORKFLOW_FAILED, self._seconds(), reason="tool.error")
            return
        life.note(K.WORKFLOW_COMPLETED, self._seconds())
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 2, 3))):
            late = self.random.choice(
                (60.0, GATHERED.total_seconds(), 39 * GATHERED.total_seconds())
            )  # three months late, and months' ends with it
            previous = (life.verdicts[-1][6] - life.at).total_seconds() if life.verdicts else 0.0
            by = self.random.choice(("judge", "judge", "person", "downstream"))
            life.judge(self.random.choice(("usable", "usable", "unusable")), by, previous + late)

    # scenes

    def plain(self, life: Life) -> None:
        """A step that succeeds at once."""
        life.note(
            K.STEP_COMPLETED,
            self._seconds(),
            step=self.random.choice(STEPS),
            address=life.address(),
            attempt=1,
        )

    def _fail(self, life: Life, address: str, step: str, count: int) -> None:
        for attempt in range(1, count + 1):
            reason = self.random.choice(REASONS)
            life.note(
                K.ATTEMPT_FAILED, self._seconds(), step=step, address=address, attempt=attempt, reason=reason
            )

    def retried(self, life: Life) -> None:
        """A step that is tried again: it helps, or never does."""
        address, step, failures = life.address(), self.random.choice(STEPS), self.random.randint(0, 3)
        self._fail(life, address, step, failures)
        if self.random.random() < 0.7:
            life.note(K.STEP_COMPLETED, self._seconds(), step=step, address=address, attempt=failures + 1)
        else:
            reason = self.random.choice((*REASONS, "timeout.total"))
            life.note(
                K.STEP_FAILED,
                self._seconds(),
                step=step,
                address=address,
                attempt=failures + 1,
                reason=reason,
            )

    def crashed_while_retrying(self, life: Life) -> None:
        """A time-out, a crash, and another worker that recovers from both."""
        address, step = life.address(), self.random.choice(STEPS)
        life.note(
            K.ATTEMPT_FAILED, self._seconds(), step=step, address=address, attempt=1, reason="timeout.attempt"
        )
        life.worker = "worker:two" if life.worker == "worker:one" else "worker:one"
        life.note(K.WORKFLOW_RESCUED, self._seconds(), reason="worker.lost", data={"crash": 1})
        life.note(K.STEP_COMPLETED, self._seconds(), step=step, address=address, attempt=2)

    def paused_while_retrying(self, life: Life) -> None:
        """A person stops the workflow between two attempts: that time is nobody's waste."""
        address, step = life.address(), self.random.choice(STEPS)
        self._fail(life, address, step, 2)
        life.note(K.WORKFLOW_PAUSED, self._seconds(), reason="operator", actor=PERSON)
        life.note(K.WORKFLOW_RESUMED, self._wait(), actor=OTHER)
        life.note(K.STEP_COMPLETED, self._seconds(), step=step, address=address, attempt=3)

    def given_up_by_the_body(self, life: Life) -> None:
        """The body does not wait for a retry to help."""
        address, step = life.address(), self.random.choice(STEPS)
        self._fail(life, address, step, 1)
        life.note(K.STEP_ABANDONED, self._seconds(), step=step, address=address)

    def _ask(self, life: Life, address: str, way: str) -> None:
        approval = new_id(int(life.at.timestamp() * 1000))
        life.note(
            K.APPROVAL_REQUESTED, self._seconds(), step="post", address=address, tier=self.random.choice((1, 2)),
            data={"approval_id": str(approval)},
        )  # fmt: skip
        data = {"approval_id": str(approval)}
        if way == "expired":
            life.note(K.APPROVAL_EXPIRED, self._wait(), step="post", address=address, data=data)
            life.approve(approval, address, way)
            return
        if self.random.random() < 0.2:
            life.decide(approval, address, f"grant:{approval}")
        life.note(
            K.APPROVAL_DECIDED, self._wait(), step="post", address=address, outcome=way, actor=PERSON, data=data
        )  # fmt: skip
        life.approve(approval, address, way)

    def acted(self, life: Life) -> None:
        """An effect that is approved and happens, is rejected, or fails before it happens."""
        address = life.address()
        way = self.random.choice(("approved", "approved", "rejected"))
        self._ask(life, address, way)
        if way == "rejected":
            life.note(
                K.STEP_FAILED, step="post", address=address, outcome="rejected", reason="human.rejected"
            )
            return
        failures = self.random.choice((0, 0, 1, 2))
        for attempt in range(1, failures + 1):
            life.note(
                K.EFFECT_STARTED, self._seconds(), step="post", address=address, attempt=attempt, tier=2
            )
            life.approvals[-1]["used_at"] = life.at
            life.note(
                K.ATTEMPT_FAILED, self._seconds(), step="post", address=address, attempt=attempt,
                reason=self.random.choice(REASONS),
            )  # fmt: skip
            if (
                self.random.random() < 0.3
            ):  # policy has become stricter meanwhile: a person is asked once more
                self._ask(life, address, "approved")
        life.note(
            K.EFFECT_STARTED, self._seconds(), step="post", address=address, attempt=failures + 1, tier=2
        )
        life.approvals[-1]["used_at"] = life.at
        if self.random.random() < 0.8:
            life.note(K.EFFECT_SUCCEEDED, self._seconds(), step="post", address=address, attempt=failures + 1)
            life.act("succeeded")
        else:
            life.act("failed")
            life.note(
                K.EFFECT_FAILED, self._seconds(), step="post", address=address, attempt=failures + 1,
                reason=self.random.choice(REASONS),
            )  # fmt: skip

    def asked_twice_at_once(self, life: Life) -> None:
        """Two people are waited for at the same time, and a third stops the workflow meanwhile."""
        approval, question = life.address(), life.address()
        data = {"approval_id": str(new_id(int(life.at.timestamp() * 1000)))}
        wait = self._seconds
        life.note(K.APPROVAL_REQUESTED, wait(), step="post", address=approval, tier=2, data=data)
        life.note(K.QUESTION_ASKED, wait(), step="which", address=question)
        life.note(K.WORKFLOW_PAUSED, wait(900), reason="operator", actor=PERSON)
        life.note(K.WORKFLOW_RESUMED, wait(900), actor=OTHER)
        if self.random.random() < 0.5:
            life.note(K.APPROVAL_WITHDRAWN, wait(900), step="post", address=approval, data=data)
            life.note(K.QUESTION_ANSWERED, wait(900), step="which", address=question, actor=PERSON)
        else:
            life.note(K.QUESTION_WITHDRAWN, wait(900), step="which", address=question)
            life.note(K.STEP_ABANDONED, wait(900), step="post", address=approval)

    def expired(self, life: Life) -> None:
        """Nobody decides in time."""
        address = life.address()
        self._ask(life, address, "expired")
        life.note(K.STEP_FAILED, step="post", address=address, outcome="expired", reason="human.expired")

    def doubted(self, life: Life) -> None:
        """An effect whose outcome is not known: done again, probed, or settled by a person after hours."""
        address, attempt = life.address(), 1
        life.note(K.EFFECT_STARTED, self._seconds(), step="pay", address=address, attempt=1, tier=0)
        while True:
            reason = self.random.choice(("timeout.attempt", "worker.lost", "dependency.down"))
            life.note(
                K.EFFECT_DOUBTED, self._seconds(), step="pay", address=address, attempt=attempt, reason=reason
            )
            way = self.random.choice(
                ("repeat", "probe", "person", "happened", "abandoned", "given_up", "shared")
            )
            by = {"person": PERSON, "abandoned": PERSON, "happened": life.worker}.get(way, "probe")
            wait = self._wait() if by == PERSON else self._seconds()
            if way in ("happened", "abandoned"):
                life.note(
                    K.EFFECT_SETTLED,
                    wait,
                    step="pay",
                    address=address,
                    attempt=attempt,
                    outcome=way,
                    actor=by,
                )
                return
            if way == "shared":
                life.note(K.EFFECT_SHARED, wait, step="pay", address=address)
                return
            if way != "repeat":
                life.note(
                    K.EFFECT_SETTLED, wait, step="pay", address=address, attempt=attempt, outcome="did_not_happen",
                    actor=by,
                )  # fmt: skip
            if way == "given_up" or attempt == 4:
                life.note(K.STEP_FAILED, self._seconds(), step="pay", address=address, reason=reason)
                return
            attempt += 1
            life.note(K.EFFECT_STARTED, self._seconds(), step="pay", address=address, attempt=attempt, tier=0)
            if self.random.random() < 0.4:
                life.note(K.EFFECT_SUCCEEDED, self._seconds(), step="pay", address=address, attempt=attempt)
                return

    def held(self, life: Life) -> None:
        """A failure that a person sets aside; then it works, perhaps after another failure."""
        address, step, failures = life.address(), self.random.choice(STEPS), self.random.randint(0, 2)
        self._fail(life, address, step, failures)
        life.note(
            K.STEP_FAILED, self._seconds(), step=step, address=address, attempt=failures + 1, reason="timeout.attempt"
        )  # fmt: skip
        life.note(K.WORKFLOW_BLOCKED, self._seconds(), reason="held")
        life.note(K.STEP_REOPENED, self._wait(), step=step, address=address, outcome="retry", actor=PERSON)
        attempt = failures + 2
        if self.random.random() < 0.5:
            life.note(
                K.ATTEMPT_FAILED, self._seconds(), step=step, address=address, attempt=attempt,
                reason=self.random.choice(REASONS),
            )  # fmt: skip
            attempt += 1
        life.note(K.STEP_COMPLETED, self._seconds(), step=step, address=address, attempt=attempt)

    def owner_changed(self, life: Life) -> None:
        """Another team answers for the contract from here on."""
        address, step = life.address(), self.random.choice(STEPS)
        self._fail(life, address, step, 1)
        life.team = self.random.choice([team for team in TEAMS if team != life.team])
        life.note(K.STEP_COMPLETED, self._seconds(), step=step, address=address, attempt=2)

    def deadline(self, life: Life) -> None:
        """The workflow's own time is over."""
        life.note(K.WORKFLOW_CANCEL_REQUESTED, self._seconds(), reason="timeout.total")
        life.note(K.WORKFLOW_FAILED, self._seconds(), reason="timeout.total")

    def crash_loop(self, life: Life) -> None:
        """Every worker that takes it up dies, and a person ends it."""
        for crash in (1, 2, 3):
            life.note(K.WORKFLOW_RESCUED, self._seconds(), reason="worker.lost", data={"crash": crash})
        life.note(K.WORKFLOW_BLOCKED, self._seconds(), reason="crash_loop")
        life.note(K.WORKFLOW_CANCEL_REQUESTED, self._wait(), reason="operator", actor=PERSON)
        life.note(K.WORKFLOW_CANCELLED, 0, reason="operator", actor=PERSON)

    def rolled_back(self, life: Life) -> None:
        """The undos are carried out: all, some, or only after a person's help."""
        count = self.random.randint(1, 3)
        reason = self.random.choice(("tool.error", "operator", "check.failed"))
        life.note(K.WORKFLOW_ROLLING_BACK, self._seconds(), reason=reason, data={"plan": []})
        for number in range(1, count + 1):
            self._undo(life, f"undo.{number}")
        outcome = self.random.choice(("complete", "complete", "partial"))
        life.note(
            K.WORKFLOW_ROLLED_BACK, self._seconds(), reason=reason, data={"outcome": outcome, "entries": []}
        )

    def _undo(self, life: Life, address: str) -> None:
        life.note(K.EFFECT_STARTED, self._seconds(), step="post.undo", address=address, attempt=1, tier=0)
        way, attempt = self.random.choice(("fine", "fine", "failed", "doubted")), 1
        if way == "failed":
            life.note(
                K.EFFECT_FAILED, self._seconds(), step="post.undo", address=address, attempt=1,
                reason=self.random.choice(REASONS),
            )  # fmt: skip
            life.note(K.WORKFLOW_BLOCKED, self._seconds(), reason="undo_failed")
            life.note(K.WORKFLOW_ROLLING_BACK, self._wait(), actor=PERSON)
            life.note(K.EFFECT_STARTED, self._seconds(), step="post.undo", address=address, attempt=2, tier=0)
            attempt = 2
        if way == "doubted":
            life.note(
                K.EFFECT_DOUBTED, self._seconds(), step="post.undo", address=address, attempt=1, reason="worker.lost"
            )  # fmt: skip
            life.note(
                K.EFFECT_SETTLED, self._wait(), step="post.undo", address=address, attempt=1,
                outcome="happened", actor=PERSON,
            )  # fmt: skip
            return
        life.note(K.EFFECT_SUCCEEDED, self._seconds(), step="post.undo", address=address, attempt=attempt)


async def make_weeks(connection: Any, lives: Iterable[Life] = ()) -> None:
    """Make the partitions in which these lives lie, or all in which an author's do: every query is planned for each."""
    end = START + timedelta(weeks=WEEKS + 1)
    last = max((event[2] for life in lives for event in life.events), default=end)
    await connection.execute(
        "select actum.make_weeks($1, $2)", START, (last - START) // timedelta(weeks=1) + 1
    )


async def catch_up(store: Store) -> None:
    """Refresh until all is added: what the server's other databases have open holds a refresh back too."""
    async with asyncio.timeout(20):
        await store.rollups.refresh()
        while (await store.rollups.lag()).facts:
            await store.rollups.refresh()


async def write(connection: Any, lives: Sequence[Life]) -> None:
    """Write lives in one transaction of the caller's, or one of their own for each table."""
    tables = (
        ("workflows", WORKFLOW_COLUMNS, [life.row for life in lives]),
        ("events", EVENT_COLUMNS, [event for life in lives for event in life.events]),
        ("decisions", DECISION_COLUMNS, [one for life in lives for one in life.decisions]),
        ("verdicts", VERDICT_COLUMNS, [one for life in lives for one in life.verdicts]),
        ("approvals", APPROVAL_COLUMNS, [tuple(one.values()) for life in lives for one in life.approvals]),
        ("effects", EFFECT_COLUMNS, [one for life in lives for one in life.effects]),
    )
    for table, columns, records in tables:
        await connection.copy_records_to_table(
            table, schema_name="actum", columns=columns, records=records, timeout=120
        )
