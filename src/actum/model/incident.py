"""Incidents: an opened failure with an owner and an end. What opens one, how urgent it is, and why it happened."""

from __future__ import annotations

from enum import StrEnum


class Rule(StrEnum):
    """What opened an incident. All but the last are seen by the machine; that one is a person's word."""

    UNDO_FAILED = "undo_failed"
    RETRIES_EXHAUSTED = "retries_exhausted"
    DOUBT = "doubt"
    STUCK = "stuck"
    APPROVAL_LATE = "approval_late"
    BURN = "burn"
    CHAIN_BROKEN = "chain_broken"
    CRASH_LOOP = "crash_loop"
    UNSERVED = "unserved"
    WRITER_STOPPED = "writer_stopped"
    BUDGET_SPENT = "budget_spent"
    REPORTED = "reported"


class Urgency(StrEnum):
    """Whether the owner is told at night."""

    NOW = "now"
    WAKING_HOURS = "waking_hours"


class IncidentState(StrEnum):
    """How far people are with an incident; each but the first has an instant and an actor."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


class RootCause(StrEnum):
    """Why an incident happened, said by whoever resolves it. A closed list: free text goes beside it."""

    CODE = "code"
    CONTRACT = "contract"
    POLICY = "policy"
    PROMPT = "prompt"
    MODEL = "model"
    PROVIDER = "provider"
    DEPENDENCY = "dependency"
    DATA = "data"
    CAPACITY = "capacity"
    DEPLOYMENT = "deployment"
    OPERATOR = "operator"
    TAMPERING = "tampering"
    FALSE_ALARM = "false_alarm"
    RECOVERED = "recovered"
    OTHER = "other"


MACHINE = "worker:"
"""What the actor's name begins with where the machine opened or ended an incident."""
