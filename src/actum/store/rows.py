"""What statements return, as plain records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from actum.machine.approvals import card_hash


@dataclass(slots=True)
class WorkflowRow:
    """One row of `workflows`; `tags` is JSON text."""

    id: UUID
    contract: str
    key: str | None
    shape_hash: bytes
    document_hash: bytes
    python: str | None
    changes: list[str]
    team: str | None
    origin: UUID
    requester: str | None
    parent: UUID | None
    parent_address: str | None
    salt: bytes | None
    status: str
    cause: str | None
    current_step: str | None
    attempt_count: int
    next_seq: int
    chain_head: bytes
    deadline: datetime | None
    epoch: int
    wake: int
    crash_count: int
    created_at: datetime
    queue: str
    tags: str
    updated_at: datetime
    finished_at: datetime | None
    run_at: datetime
    instance: UUID | None


@dataclass(slots=True)
class RecordRow:
    """One event with its payload, as the runner replays it."""

    workflow_id: UUID
    seq: int
    at: datetime
    kind: str
    step: str | None
    address: str | None
    attempt: int | None
    outcome: str | None
    reason: str | None
    actor: str | None
    tier: int | None
    data: str | None
    hash: bytes
    argument_hash: bytes | None
    snapshot_kind: str | None
    body: bytes | None


@dataclass(slots=True)
class SnapshotRow:
    """One payload; the event of the same number says whose."""

    seq: int
    kind: str
    argument_hash: bytes | None
    body: bytes | None


@dataclass(slots=True)
class MessageRow:
    """What an outsider left for a workflow."""

    id: int
    workflow_id: UUID
    kind: str
    name: str | None
    address: str | None
    outcome: str | None
    body: bytes | None
    actor: str
    reason: str | None
    sent_at: datetime


@dataclass(slots=True)
class ApprovalRow:
    """One approval; `state` follows from its ruling, its closing and its use. Votes count in their `round`."""

    id: UUID
    workflow_id: UUID
    address: str
    asked_by: str | None
    step: str
    kind: str
    key: str
    action_hash: bytes
    arguments: bytes
    preview: str | None
    relies_on: str | None
    tier: int
    rule: str
    contract: str
    team: str | None
    requester: str | None
    approvers: list[str]
    asked_at: datetime
    expires_at: datetime | None
    state: str
    ruled_by: str | None
    ruled_at: datetime | None
    rationale: str | None
    used_at: datetime | None
    authors: Sequence[str] = ()
    requirements: str | None = None
    batch_id: UUID | None = None
    on_expiry: str = "reject"
    escalated_at: datetime | None = None
    paused_at: datetime | None = None
    edited: bytes | None = None
    round: int = 1

    @property
    def card_hash(self) -> bytes:
        """What its card is known by: whoever decides says which card was read, as `seen_hash`.

        It is the hash of its action as long as nothing was escalated, and another one in each later round of votes.
        """
        return card_hash(self.action_hash, self.round)


@dataclass(slots=True)
class DecidedRow:
    """What `decide_approval` answered; `answer` is one of its closed list, `voted` when more votes are needed."""

    answer: Literal[
        "decided",
        "voted",
        "repeated",
        "not_found",
        "not_pending",
        "expired",
        "stale_card",
        "self_approval",
        "not_entitled",
        "already_voted",
        "edits_differ",
    ]
    state: str | None
    workflow_id: UUID | None
    ruled_by: str | None
    detail: str | None


@dataclass(slots=True)
class DecisionRow:
    """One row of the decision log."""

    id: int
    address: str
    approval_id: UUID | None
    kind: str
    tier: int
    ruling: str
    rule: str
    actor: str
    rationale: str | None
    decided_at: datetime
    seq: int
    workflow_id: UUID
    contract: str
    team: str | None
    counts_for: str | None
    facts: str | None
    seen: str | None
    seen_ms: int | None
    round: int | None
    policy_hash: bytes | None
    action_hash: bytes | None
    hash: bytes


@dataclass(slots=True)
class InquiryRow:
    """What somebody asked about an approval, and the answer if there is one."""

    id: int
    approval_id: UUID
    question: str
    asked_by: str
    asked_at: datetime
    answer: str | None
    answered_by: str | None
    answered_at: datetime | None


@dataclass(slots=True)
class VoteRow:
    """One person's vote on an approval; `satisfies` names the requirements it counts towards in its `round`."""

    approval_id: UUID
    voter: str
    counts_for: str
    ruling: str
    satisfies: list[str]
    voted_at: datetime
    round: int = 1


@dataclass(slots=True)
class ReachedRow:
    """What stands in the ledger under a key."""

    kind: str
    key: str
    generation: int
    workflow_id: UUID
    address: str
    argument_hash: bytes
    state: str
    result: bytes | None
    attempt: int
    started_at: datetime
    ended_at: datetime | None
    holders: list[UUID]


@dataclass(slots=True)
class EffectRow:
    """One row of the ledger, for people and audit."""

    kind: str
    key: str
    generation: int
    workflow_id: UUID
    address: str
    step: str
    argument_hash: bytes
    state: str
    tier: int
    approval_id: UUID | None
    attempt: int
    started_at: datetime
    ended_at: datetime | None
    result: bytes | None
    holders: list[UUID]


@dataclass(slots=True)
class QuestionRow:
    """One question to people."""

    workflow_id: UUID
    address: str
    question: str
    schema: str
    addressee: str | None
    contract: str
    team: str | None
    asked_at: datetime
    answered_at: datetime | None = None
    answered_by: str | None = None
    closed_at: datetime | None = None


@dataclass(slots=True)
class WorkerRow:
    """One live worker."""

    instance: UUID
    name: str
    machine: str
    pid: int
    python: str
    version: str
    contracts: list[str]
    queues: list[str]
    shapes: list[bytes]
    concurrency: int
    started_at: datetime
    heartbeat_at: datetime


@dataclass(slots=True)
class Started:
    """What a start needs to write: one workflow, its key, first event and input."""

    id: UUID
    contract: str
    key: str | None
    shape_hash: bytes
    document_hash: bytes
    team: str | None
    requester: str | None
    queue: str
    priority: int
    salt: bytes
    tags: str
    at: datetime
    deadline: datetime | None
    input_hash: bytes
    arguments: bytes
    payload_hash: bytes
    actor: str
    data: str | None
    hash: bytes
    changes: str


@dataclass(slots=True)
class Answer:
    """What the database said about one workflow of a flush; absent means fenced."""

    id: UUID
    wake: int | None
    released: bool
    refusal: str | None


@dataclass(slots=True)
class StandingRow:
    """An effect that may have to be undone, with what its undo is given."""

    kind: str
    key: str
    generation: int
    workflow_id: UUID
    contract: str
    address: str
    step: str
    arguments: bytes
    argument_hash: bytes
    result: bytes | None
    state: str
    started_at: datetime
    ended_at: datetime | None
    reversibility: str
    undo_state: str | None
    undo_by: UUID | None
    held_by_others: bool


@dataclass(slots=True)
class FactRow:
    """An event in which something began or ended at an address, and which operation or child began there."""

    workflow_id: UUID
    seq: int
    at: datetime
    kind: str
    step: str | None
    address: str
    outcome: str | None
    of_kind: str | None
    of_key: str | None
    of_child: str | None


@dataclass(slots=True)
class ChildRow:
    """A child workflow, as its parent's rollback sees it."""

    id: UUID
    parent: UUID
    status: str
    finished_at: datetime | None
