"""How far one address of a workflow has come: what a new holder has to know to go on there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from actum.flow import Outcome
from actum.machine.holding import ASKING

FAILED = frozenset({"failed", "rejected", "expired", "denied", "key_conflict", "invalid", "cancelled"})
"""The words of outcomes that the body sees as an exception."""


@dataclass(slots=True)
class Asked:
    """An approval that was asked for: `ruling` is None while it is open, else approved, rejected or expired.

    `terms` is what policy said when it was asked, as JSON values; `subject` the hash of the action without its place.
    """

    approval_id: UUID
    action_hash: bytes
    asked_by: str | None
    step: str = ""
    ruling: str | None = None
    by: str | None = None
    rationale: str | None = None
    is_closed: bool = False
    is_used: bool = False
    """Whether an intent was made under it: that stands, whatever is asked for another attempt."""
    terms: dict[str, Any] | None = None
    subject: bytes = b""

    voters: tuple[str, ...] = ()
    is_granted: bool = False
    """A grant approved it: nobody has read its card, so it stands for exactly the facts that the grant was matched with."""

    def decide(self, outcome: str, by: str | None, said: Mapping[str, Any], rationale: str | None) -> None:
        """Take in a decision and what was said with it; one that was taken back before its use is a rejection."""
        self.ruling = "rejected" if outcome == "revoked" else outcome
        self.by, self.rationale = by, rationale
        self.voters = tuple(said.get("by", ())) or ((by,) if by else ())
        self.is_granted = bool(said.get("granted"))

    def use(self) -> None:
        """Note that an intent was made while it stood."""
        self.is_used = self.is_used or (self.ruling == "approved" and not self.is_closed)


@dataclass(slots=True)
class Progress:
    """How far one address has come; `name` and `argument_hash` are of what was begun there.

    `has_started` says that an intent was durable once, `is_ended` that the body has its outcome or gave it up.
    """

    name: str | None = None
    argument_hash: bytes | None = None
    has_started: bool = False
    is_ended: bool = False
    attempts: int = 0
    first_started_at: int | None = None
    again_at: int | None = None
    failure: bytes | None = None
    failure_reason: str | None = None
    asked: Asked | None = None
    preview: bytes | None = None
    kind: str | None = None
    key: str | None = None
    generation: int = 1
    is_started: bool = False
    started_at: int = 0
    is_in_doubt: bool = False
    doubted_at: int = 0
    probes_failed: int | None = None
    """Probes that failed one after the other since the attempt that is in doubt; None where none ever did."""
    has_open_doubt: bool = False
    """An earlier attempt ended in doubt, its own or one whose entry it took over, and was repeated, or given up.

    What a later attempt says of itself does not settle that; only the word that it did not happen does.
    """
    child_id: UUID | None = None
    is_asked: bool = False
    outcome: Outcome | None = None
    """What ended it, as the body saw it; None where it was given up."""
    ended_seq: int = 0
    is_aside: bool = False
    """Its outcome is one that the replay left aside: the body has not seen it."""
    kept: Outcome | None = None
    """An outcome that a replay left aside, and that the body asks for again."""
    past: Mapping[tuple[str, bytes], Outcome] = field(default_factory=dict)
    """What calls of this address came to that a replay left aside, by name and argument hash."""
    budget_from: int = 0
    """The attempts made before a person reopened it: its retry counts from there."""
    edit: bytes | None = None
    """The arguments that a person laid over the body's own, a JSON object."""
    edited_by: str | None = None
    """Who laid them there on their own: whoever writes an action does not approve it."""
    mark: str = ""
    """What its default key ends in, where the plain one stands for what was left aside here."""

    def reopen(self, edit: bytes | None = None, by: str | None = None) -> None:
        """Put it in flight again, as a person says: attempts are counted on, and everything else begins anew.

        A doubt stays open: that it was given up has not answered it.
        """
        self.is_ended = self.is_started = self.is_in_doubt = self.is_asked = False
        self.is_aside = False
        self.budget_from = self.attempts
        if self.outcome is not None and self.outcome.word == "failed":
            self.failure = self.outcome.body
        self.first_started_at = self.again_at = self.child_id = self.outcome = None
        self.asked = self.preview = None
        if edit is not None:
            self.edit, self.edited_by, self.key = edit, by, None

    def ask_edited(self, edit: bytes) -> None:
        """Have it ruled and asked for anew with the arguments that a person approved instead."""
        earlier = orjson.loads(self.edit) if self.edit is not None else {}
        self.edit = orjson.dumps({**earlier, **orjson.loads(edit)})
        self.asked = self.preview = self.key = None

    def again(self, name: str, argument_hash: bytes | None, mark: str) -> Progress:
        """Return the progress of a call that a body asks for although what became of it was left aside.

        The same call goes on from what is known, and its outcome is kept for it. Another one begins afresh.
        """
        before = self.outcome
        known = (before.name, before.argument_hash) if before else (self.name, self.argument_hash)
        past = dict(self.past)
        if before is not None and not is_failure(before):
            past[before.name, before.argument_hash] = before
        kept = past.get((name, known[1] or b"" if argument_hash is None else argument_hash))
        if known[0] != name or argument_hash not in (known[1], None):
            has_entry = self.has_started or self.mark != ""
            attempts = self.attempts if has_entry else 0
            other = Progress(attempts=attempts, budget_from=attempts, mark=mark if has_entry else "")
            other.past, other.kept = past, kept
            return other
        self.past, self.kept = past, kept
        asked, preview, child_id = self.asked, self.preview, self.child_id
        self.reopen()
        if not self.has_started:
            self.asked, self.preview = asked, preview
        if self.kept is not None:
            self.child_id = child_id
        return self


def is_doubted(progress: Progress) -> bool | None:
    """Whether the intent made now is made over a doubt, as its event says; None, which is not written, where not."""
    return progress.has_open_doubt or progress.is_in_doubt or None


def is_failure(outcome: Outcome) -> bool:
    """Whether an outcome is a failure to the body; a request for approval that was rejected has been answered."""
    is_answer = outcome.name == ASKING and outcome.word in ("rejected", "expired")
    return outcome.word in FAILED and not is_answer
