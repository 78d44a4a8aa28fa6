"""Every error Actum raises.

    ActumError
    ├── Refused                  what was asked is not possible; nothing was changed
    │   ├── InvalidInput         arguments or results that do not fit their annotations, or cannot be stored
    │   │   └── PolicyError      a policy file, or its cases, that cannot be meant
    │   ├── InvalidContract      a contract, step or effect that is declared wrongly
    │   ├── InvalidSettings      a setting, environment variable or DSN that cannot be meant
    │   ├── KeyConflict          one key, two different inputs
    │   ├── NotFound             no such workflow, approval or address
    │   ├── NotPossible          it exists, but not in a state that allows this
    │   ├── NotEntitled          this person may not decide this
    │   └── OutsideWorkflow      a call awaited where no workflow runs
    ├── StepFailed               a step or effect that gave up, as the body sees it
    ├── NotApproved              an effect that was awaited and not approved
    ├── WorkflowFailed           a workflow (or child) that did not complete
    ├── DatabaseUnavailable      no database, or it went away
    ├── DatabaseMismatch         a database of another version
    └── signs raised by authors
        ├── Fatal                do not retry this step
        ├── NotDone              this effect certainly did not happen
        └── RollBack             undo what this workflow did

A message says what was refused, with which value, by which rule, and the way out. What a caller may want to
read is an attribute as well as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class ActumError(Exception):
    """The root of everything Actum raises on purpose.

    `address` is the place of the call that failed, where a body sees its failure; empty elsewhere.
    """

    address = ""


class Refused(ActumError):
    """A request that is not possible as it stands; nothing was changed."""


class InvalidInput(Refused):
    """A value that does not fit its annotation, or cannot be stored.

    `path` is where in the value the trouble lies, such as `task.files[3].name`.
    """

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class PolicyError(InvalidInput):
    """A policy file, or a file of its cases, that cannot be meant; nothing was activated.

    `file`, `line` (from 1) and `key` (dotted, such as `rule.2.tier`) say where. `mistakes` holds every mistake of the
    file as an error of its own, in the order of their lines; the error that is raised is the first of them.
    """

    def __init__(
        self, message: str, *, file: str, line: int, key: str, mistakes: Sequence[PolicyError] = ()
    ) -> None:
        super().__init__(message, path=key)
        self.file = file
        self.line = line
        self.key = key
        self.mistakes: tuple[PolicyError, ...] = tuple(mistakes) or (self,)


class InvalidContract(Refused):
    """A contract, step or effect that is declared wrongly."""


class InvalidSettings(Refused):
    """A setting, an environment variable or a DSN that cannot be meant."""


class KeyConflict(Refused):
    """One key, two different inputs: the key is already taken by another piece of work."""

    def __init__(self, message: str, *, key: str) -> None:
        super().__init__(message)
        self.key = key


class NotFound(Refused):
    """No such workflow, approval or address."""


class NotPossible(Refused):
    """What was asked for exists, but is not in a state that allows it."""


class NotEntitled(Refused):
    """The person asking may not decide this."""


class OutsideWorkflow(Refused):
    """A call was awaited, or workflow time was asked for, where no workflow runs."""


class StepFailed(ActumError):
    """A step or an effect gave up; raised in the body, live and in replay alike.

    `reason` is a word of `actum.model.events.Reason`; `error_type` is the name of the original exception's class
    and `details` its JSON attributes: the original class itself is never raised again.
    """

    def __init__(
        self,
        step: str,
        reason: str,
        message: str,
        attempts: int,
        *,
        error_type: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            f"{step} failed after {attempts} attempt{'s' if attempts != 1 else ''} ({reason}): {message}"
        )
        self.step = step
        self.reason = reason
        self.message = message
        self.attempts = attempts
        self.error_type = error_type
        self.details = dict(details or {})


class NotApproved(ActumError):
    """An effect was awaited without asking first, and the approval was rejected, expired or denied.

    `outcome` is the record of `actum.outcomes` that says which, with the reason.
    """

    def __init__(self, message: str, *, outcome: object) -> None:
        super().__init__(message)
        self.outcome = outcome


class WorkflowFailed(ActumError):
    """A workflow ended in another status than `completed`."""

    def __init__(self, message: str, *, workflow_id: str, status: str, reason: str = "") -> None:
        super().__init__(message)
        self.workflow_id = workflow_id
        self.status = status
        self.reason = reason


class DatabaseUnavailable(ActumError):
    """No database could be reached, or it went away."""


class DatabaseMismatch(ActumError):
    """The database was made by another version of Actum, or edited by hand."""


class Fatal(ActumError):
    """Raised by a step's author: this failure is final, do not try again."""


class NotDone(ActumError):
    """Raised by an effect's author: it certainly did not happen, so trying again is safe."""


class RollBack(ActumError):
    """Raised in a body: undo what this workflow did, and end as `rolled_back`."""
