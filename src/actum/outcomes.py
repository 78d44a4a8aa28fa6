"""The words with which approvals, probes, verdicts and previews answer: frozen records, never raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

R = TypeVar("R")

if TYPE_CHECKING:
    import typing_extensions  # types alone: it has a default, so that `Preview` needs no brackets

    F = typing_extensions.TypeVar("F", default=Any)
else:
    F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Approved:
    """A person (or policy) said yes to exactly these calls; `by` names who, `rationale` why.

    `calls` are the calls as approved, in the order asked.
    """

    by: tuple[str, ...] = ()
    rationale: str = ""
    calls: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class NotNeeded:
    """Policy lets these calls run without asking anybody."""

    calls: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """A person said no, and why."""

    reason: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expired:
    """Nobody decided in time."""

    reason: str = "nobody decided in time"


@dataclass(frozen=True, slots=True)
class Denied:
    """Policy forbids this, whoever asks."""

    reason: str = ""


ApprovalOutcome: TypeAlias = Approved | NotNeeded | Rejected | Expired


@dataclass(frozen=True, slots=True)
class Happened(Generic[R]):
    """A probe's answer: the effect did happen, with this result."""

    result: R


@dataclass(frozen=True, slots=True)
class NotHappened:
    """A probe's answer: the effect did not happen."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A probe's answer: it cannot tell; a person is asked."""


@dataclass(frozen=True, slots=True)
class Usable:
    """A verdict: the output can be used."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A verdict: the output was completed and cannot be used, and why; the next attempt is told."""

    why: str


@dataclass(frozen=True, slots=True)
class Preview(Generic[F]):
    """One look at the world before an effect: facts for policy, a card for the person.

    `-> Preview[Facts]` names the type of the facts (a model, dataclass or TypedDict), for `actum policy facts`.
    `sentence` says verb, object, count and place. `relies_on` is a fingerprint of the state of the world that the
    effect relies on: when it has changed by the time the effect would run, the approval is stale.
    """

    sentence: str
    target: str = ""
    facts: F | Mapping[str, Any] = field(default_factory=dict)
    diff: str = ""
    checks: Sequence[str] = ()
    blast_radius: str = ""
    relies_on: str = ""
