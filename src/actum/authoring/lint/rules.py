"""The codes of all findings, with how grave each is and its cure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from actum.authoring.lint.finding import Severity

RUNBOOK_HEADINGS: Final = ("What it does", "When it fails", "How to stop it", "Whom to call")
"""The headings that a runbook has, at any level and in any order: what a stranger on call needs at night."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a code stands for (`about`), how grave it is, and the way out."""

    severity: Severity
    about: str
    cure: str


RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "body-clock": Rule(
            "error",
            "a body reads the clock or blocks on it: a replay reads another time",
            "use actum.now() for the time and await asyncio.sleep(…) to wait, or do it in a step",
        ),
        "body-environment": Rule(
            "error",
            "a body reads or changes its process: the environment, the machine's name, the command line",
            "pass it in the contract's input, or read it in a step",
        ),
        "body-file": Rule(
            "error",
            "a body touches files: a replay may find others",
            "do it in a step, and write through an effect",
        ),
        "body-foreign-await": Rule(
            "error",
            "a body awaits something that is neither a call nor plain asyncio: nobody records it",
            "put it into a step and await that",
        ),
        "body-global-state": Rule(
            "warning",
            "a body changes what other workflows of the process see, and a replay changes it again",
            "keep it in a local variable, or in the result of a step",
        ),
        "body-network": Rule(
            "error",
            "a body speaks to the network: a replay would speak again",
            "read in a step, write in an effect",
        ),
        "body-process": Rule(
            "error",
            "a body starts a process: a replay would start another",
            "do it in a step, or in an effect if it changes something outside",
        ),
        "body-randomness": Rule(
            "error",
            "a body depends on chance, or on numbers that differ between processes",
            "use actum.random() or actum.uuid4(), which are the same in every replay",
        ),
        "body-set-order": Rule(
            "warning",
            "a body goes through a set, whose order differs between processes",
            "go through sorted(…), a list or a dict",
        ),
        "body-swallowed-cancellation": Rule(
            "warning",
            "a body catches cancellation and goes on: deadlines and cancels do not end it",
            "catch Exception instead, or end the handler with raise",
        ),
        "body-terminal": Rule(
            "note",
            "a body prints, and every replay prints again; or it waits for a keyboard",
            "use logging, which is silent in replay, or print in a step; ask people with actum.ask(…)",
        ),
        "body-thread": Rule(
            "error",
            "a body starts threads: nobody records what they do",
            "write the work as a plain function under @step, which runs in a thread",
        ),
        "body-unrecorded-finally": Rule(
            "warning",
            "a finally block acts without being recorded: it runs whenever a waiting body is put away",
            "do it in a step after the try, or leave it to on_failure and undo",
        ),
        "contract-invalid": Rule(
            "error", "a contract that is refused when it is first used", "do what the sentence says"
        ),
        "doubt-asks-person": Rule(
            "note",
            "an effect has no way out of doubt of its own, and does not say that a person shall be asked",
            'attach a probe, or say in_doubt="repeat" where the other side honours the key, or in_doubt="ask"',
        ),
        "hook-writes": Rule(
            "error",
            "a preview, probe or verdict changes something outside: it may run many times",
            "only look there; change things in the effect's body",
        ),
        "key-unstable": Rule(
            "error",
            "an operation key depends on more than the arguments: after a crash it would be another key",
            "make the key of the arguments alone",
        ),
        "no-contract": Rule(
            "warning",
            "a module without a contract",
            "name the module that holds the @contract",
        ),
        "on-failure-missing": Rule(
            "error",
            "a contract with effects does not say what happens when it fails",
            'choose on_failure="rollback", "hold" or "fail"',
        ),
        "owner-missing": Rule(
            "error",
            "a contract without owner, or an owner without people to call: a deployed worker refuses it",
            'write owner=Owner(team="…", escalation=["…"], runbook="…")',
        ),
        "preview-missing": Rule(
            "warning",
            "nothing can put an effect back, and whoever approves it sees its arguments only",
            "attach a preview: a sentence, facts, a diff; or an undo if there is one",
        ),
        "rollback-incomplete": Rule(
            "note",
            "a rollback will leave an effect standing, because it has neither undo nor compensate",
            'attach one of them, or choose on_failure="hold" so that a person decides',
        ),
        "runbook-headings": Rule(
            "warning",
            "a runbook without the headings that a stranger needs at night",
            f"give it the headings {', '.join(RUNBOOK_HEADINGS)}",
        ),
        "runbook-missing": Rule(
            "error",
            "a contract without a runbook, or with one that cannot be read",
            'write the file, and name it from where the worker starts: runbook="runbooks/change.md"',
        ),
        "source-unavailable": Rule(
            "note",
            "a function whose source cannot be read, so that only its declaration was checked",
            "check it where its file lies",
        ),
        "step-unused": Rule(
            "warning",
            "a step that no contract reaches",
            "await it, name it in steps=[…] if the code finds it in another way, or delete it",
        ),
        "step-writes": Rule(
            "warning",
            "a step changes something outside, and a step may run again after a crash",
            "make it an @effect; if it only reads (a model request, a search), add # actum: ignore[step-writes]",
        ),
        "timeout-beyond-deadline": Rule(
            "warning",
            "a step may take longer than its whole workflow",
            "shorten the time-out or lengthen the deadline",
        ),
    }
)
