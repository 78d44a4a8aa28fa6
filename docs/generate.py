"""Writes the reference pages that come from the code: `python docs/generate.py`; with `--check` it only compares.

A test does the same, so that a kind of event, a state, an error or a finding cannot be added without its page.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from generate_keys import write_keys_table
from generate_measures import write_measures
from generate_policy import write_policy_file

from actum import errors
from actum.authoring.lint import RULES, RUNBOOK_HEADINGS
from actum.machine import approvals, ledger, transitions
from actum.model.events import EventKind, Reason
from actum.model.workflow import Status

S = TypeVar("S", bound=StrEnum)

HERE = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py from the code. Change the code, then run it again. -->"

KINDS: Mapping[EventKind, str] = {
    EventKind.WORKFLOW_STARTED: "It exists, with its input; always the first event.",
    EventKind.WORKFLOW_CLAIMED: "A worker took it up under its lease.",
    EventKind.WORKFLOW_RESCUED: "It was taken from a worker whose lease had run out.",
    EventKind.WORKFLOW_PARKED: "It was put away, because only the world can move it.",
    EventKind.WORKFLOW_PAUSED: "A person stopped it: it takes nothing in.",
    EventKind.WORKFLOW_RESUMED: "A person let it go on.",
    EventKind.WORKFLOW_BLOCKED: "It cannot go on by itself; the cause is in the event.",
    EventKind.WORKFLOW_UNBLOCKED: "What blocked it is gone.",
    EventKind.WORKFLOW_CANCEL_REQUESTED: "Somebody asked for its end; the body is cancelled.",
    EventKind.WORKFLOW_ROLLING_BACK: "The plan of its undos was made, and is carried out.",
    EventKind.WORKFLOW_COMPLETED: "The body returned; the event carries the result.",
    EventKind.WORKFLOW_FAILED: "The body raised, and nothing is undone.",
    EventKind.WORKFLOW_CANCELLED: "It ended because somebody asked for it.",
    EventKind.WORKFLOW_ROLLED_BACK: "What it did was undone; what is left standing is named.",
    EventKind.STEP_COMPLETED: "A step's outcome is durable: it never runs again.",
    EventKind.STEP_FAILED: "A step gave up, or an effect was not allowed to start.",
    EventKind.STEP_ABANDONED: "The body no longer awaits it.",
    EventKind.STEP_REOPENED: "A person set its failure aside: it is tried again, edited, or skipped with an output.",
    EventKind.ATTEMPT_FAILED: "One try failed; another follows, or the step gives up.",
    EventKind.PREVIEW_COMPLETED: "The look at the world before an effect was recorded.",
    EventKind.TIMER_FIRED: "A sleep or a limit of the body came due.",
    EventKind.TIMER_CANCELLED: "The body no longer waits for that time.",
    EventKind.SIGNAL_RECEIVED: "Data from outside was taken into the workflow's mailbox.",
    EventKind.QUESTION_ASKED: "A person was asked for data.",
    EventKind.QUESTION_ANSWERED: "A person answered.",
    EventKind.QUESTION_WITHDRAWN: "The body no longer wants the answer.",
    EventKind.APPROVAL_REQUESTED: "A person was asked to allow exactly one action.",
    EventKind.APPROVAL_DECIDED: "It was approved or rejected, by whom and why.",
    EventKind.APPROVAL_EXPIRED: "Nobody decided in time.",
    EventKind.APPROVAL_WITHDRAWN: "The workflow no longer asks.",
    EventKind.EFFECT_STARTED: "The intent is durable: from here on it may have happened.",
    EventKind.EFFECT_SUCCEEDED: "It happened, and this is its result.",
    EventKind.EFFECT_FAILED: "It certainly did not happen.",
    EventKind.EFFECT_DOUBTED: "It may have happened, and nobody is trying any more.",
    EventKind.EFFECT_SETTLED: "The doubt has ended: by repeat, probe or a person.",
    EventKind.EFFECT_SHARED: "Another call had done the same under the same key.",
    EventKind.CHILD_STARTED: "Another contract was started as a child.",
    EventKind.CHILD_FINISHED: "The child ended.",
    EventKind.CHILD_CANCELLED: "The body no longer awaits the child, and it was told to end.",
}

REASONS: Mapping[Reason, str] = {
    Reason.TIMEOUT_START: "It did not begin in time.",
    Reason.TIMEOUT_ATTEMPT: "One attempt took longer than it may.",
    Reason.TIMEOUT_TOTAL: "All attempts together took longer than they may.",
    Reason.TIMEOUT_STALL: "The attempt gave no sign of life for too long.",
    Reason.PROVIDER_RATE_LIMITED: "A service asked for fewer requests.",
    Reason.PROVIDER_UNAVAILABLE: "A service did not answer.",
    Reason.PROVIDER_REFUSED: "A service, or a model, declined.",
    Reason.CONTEXT_TOO_LONG: "The input was longer than a model takes.",
    Reason.SCHEMA_INVALID: "A value does not fit its declared type.",
    Reason.CHECK_FAILED: "A verdict found the output unusable.",
    Reason.TOOL_ERROR: "A tool that was called failed.",
    Reason.DEPENDENCY_DOWN: "Something that the step needs is away.",
    Reason.CONFLICT: "Somebody else holds, or has changed, what this needs.",
    Reason.PERMISSION: "It is not allowed.",
    Reason.BUDGET_EXCEEDED: "It would cost more than it may.",
    Reason.WORKER_LOST: "The worker that tried is gone.",
    Reason.HUMAN_REJECTED: "A person said no.",
    Reason.HUMAN_EXPIRED: "Nobody decided in time.",
    Reason.OPERATOR: "A person intervened.",
    Reason.CONTRACT_MISMATCH: "The code asks for something else than the record.",
    Reason.BUG: "The code is at fault.",
    Reason.OTHER: "None of these; the message says more.",
}


def write_events() -> str:
    """Return the page of event kinds and reasons."""
    lines = [
        NOTE,
        "# Events",
        "",
        "Each change of a workflow is one row of the append-only table `events`, with actor and reason.",
        "The rows of a workflow are chained by hash, and folding them gives its row.",
        "",
        "## Kinds",
        "",
        "| kind | what happened | status afterwards |",
        "|---|---|---|",
    ]
    lines += [f"| `{kind.value}` | {KINDS[kind]} | {_statuses_after(kind)} |" for kind in EventKind]
    lines += [
        "",
        "## Reasons",
        "",
        "Why something failed or was stopped. The list is closed; free text stands beside it.",
        "",
        "| reason | meaning |",
        "|---|---|",
    ]
    lines += [f"| `{reason.value}` | {REASONS[reason]} |" for reason in Reason]
    return "\n".join(lines) + "\n"


def _statuses_after(kind: EventKind) -> str:
    if kind is EventKind.WORKFLOW_STARTED:
        return f"`{transitions.BORN.value}`"
    moves = {(status, after) for (status, one), after in transitions.TABLE.items() if one is kind}
    after = sorted({after.value for status, after in moves if status is not after})
    shown = ", ".join(f"`{one}`" for one in after)
    stays = any(status is after for status, after in moves)
    return f"{shown} or as before" if shown and stays else shown or "as before"


def write_states() -> str:
    """Return the page of states, drawn from the tables."""
    lines = [
        NOTE,
        "# States",
        "",
        "Drawn from `actum.machine.transitions`, `actum.machine.ledger` and `actum.machine.approvals`.",
        "A move that is absent is refused, by the code and by the database.",
        "",
        "## A workflow",
        "",
        "Moves that keep the status are left out of the picture; `…` stands for any sign that the body is being driven.",
        "",
        *_picture(_workflow_moves()),
        "",
        "What each status takes in:",
        "",
        "| status | events |",
        "|---|---|",
    ]
    lines += [f"| `{status.value}` | {_taken_in(status)} |" for status in Status]
    lines += [
        "",
        "## An effect",
        "",
        "One entry of the ledger: a kind, a key and a generation.",
        "",
        *_picture(_plain_moves(ledger.BORN, ledger.TABLE)),
        "",
        "## An approval",
        "",
        *_picture(_plain_moves(approvals.BORN, approvals.TABLE)),
    ]
    return "\n".join(lines) + "\n"


def _workflow_moves() -> list[str]:
    labels: defaultdict[tuple[Status, Status], list[str]] = defaultdict(list)
    for (status, kind), after in transitions.TABLE.items():
        if status is not after:
            word = "…" if kind in transitions.PROGRESS else kind.value.partition(".")[2]
            if word not in labels[status, after]:
                labels[status, after].append(word)
    moves = [f"[*] --> {transitions.BORN.value}: started"]
    moves += [
        f"{status.value} --> {after.value}: {', '.join(sorted(words, key=lambda word: (word == '…', word)))}"
        for (status, after), words in labels.items()
    ]
    return moves + [f"{status.value} --> [*]" for status in Status if status.is_final]


def _plain_moves(born: S, table: Mapping[S, Iterable[S]]) -> list[str]:
    moves = [f"[*] --> {born.value}"]
    for state, after in table.items():
        ways = sorted(one.value for one in after)
        moves += [f"{state.value} --> {way}" for way in ways] or [f"{state.value} --> [*]"]
    return moves


def _picture(moves: Iterable[str]) -> list[str]:
    return ["```mermaid", "stateDiagram-v2", *(f"    {move}" for move in moves), "```"]


def _taken_in(status: Status) -> str:
    kinds = transitions.ROWS[status]
    if not kinds:
        return "none: it is an ending"
    named = sorted(kind.value for kind in kinds if kind not in transitions.PROGRESS)
    rest = "everything the body does" if transitions.PROGRESS <= set(kinds) else "how attempts in flight end"
    settled = {EventKind.EFFECT_SETTLED} & set(kinds) - transitions.ENDINGS_IN_FLIGHT
    extra = ", `effect.settled`" if settled and not transitions.PROGRESS <= set(kinds) else ""
    return ", ".join(f"`{name}`" for name in named) + extra + f"; {rest}"


def write_errors() -> str:
    """Return the page of errors: the tree as the module draws it, and what each says about itself."""
    _, drawing, *rest = (errors.__doc__ or "").strip().split("\n\n")
    lines = [NOTE, "# Errors", "", "All are in `actum.errors`.", "", "```", *_dedent(drawing), "```", ""]
    lines += [_paragraphs("\n\n".join(rest)), ""]
    found = [
        one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ActumError)
    ]
    for one in found:
        lines += [f"## {one.__name__}", "", _paragraphs(one.__doc__ or ""), ""]
    return "\n".join(lines).rstrip() + "\n"


def _dedent(text: str) -> list[str]:
    return [line.removeprefix("    ") for line in text.strip("\n").splitlines()]


def _paragraphs(text: str) -> str:
    """Return a docstring as Markdown: lines joined, one sentence a line."""
    joined = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
    return "\n\n".join(re.sub(r"(?<=[.!?]) (?=[A-Z`])", "\n", part) for part in joined)


def write_checks() -> str:
    """Return the page of the findings of `actum check`."""
    headings = ", ".join(f"*{heading}*" for heading in RUNBOOK_HEADINGS)
    lines = [
        NOTE,
        "# Findings of `actum check`",
        "",
        "`actum check MODULE` reads declarations and source; nothing is executed.",
        "A statement that is right all the same says so on one of its lines: `# actum: ignore[code]`.",
        "An *error* breaks a promise, a *warning* may break one, a *note* says what will happen.",
        f"A runbook has the headings {headings}, at any level and in any order.",
        "",
        "| code | severity | what was found | the way out |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{code}` | {rule.severity} | {rule.about} | {rule.cure} |" for code, rule in sorted(RULES.items())
    ]
    return "\n".join(lines) + "\n"


def write_policy() -> str:
    """Return the page of the policy file."""
    return "\n".join([NOTE, *write_policy_file()]).rstrip() + "\n"


def write_keys() -> str:
    """Return the page of the keys table of other databases."""
    return "\n".join([NOTE, *write_keys_table()]).rstrip() + "\n"


def write_quality() -> str:
    """Return the page of measures."""
    return "\n".join([NOTE, *write_measures()]).rstrip() + "\n"


PAGES = {
    "reference/events.md": write_events,
    "reference/states.md": write_states,
    "reference/errors.md": write_errors,
    "reference/checks.md": write_checks,
    "reference/policy-file.md": write_policy,
    "reference/operation-keys.md": write_keys,
    "reference/measures.md": write_quality,
}


def main(arguments: list[str]) -> int:
    """Write all pages, or with `--check` return 1 and name those that are stale."""
    stale = 0
    for name, write in PAGES.items():
        page, text = HERE / name, write()
        if page.exists() and page.read_text(encoding="utf-8") == text:
            continue
        if arguments == ["--check"]:
            stale += 1
            sys.stderr.write(f"docs/{name} is stale: run python docs/generate.py\n")
        else:
            page.write_text(text, encoding="utf-8")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
