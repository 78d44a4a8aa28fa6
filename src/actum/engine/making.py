"""Which execution carries out what a body asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actum.authoring.approval import ApprovalRequest
from actum.authoring.contract import Contract
from actum.authoring.effect import Effect
from actum.authoring.question import Question
from actum.engine.children import ChildExecution, QuestionExecution
from actum.engine.execution import Execution, TimerExecution
from actum.engine.holding import KeptExecution
from actum.engine.reopening import as_edited
from actum.engine.requesting import ApprovalExecution
from actum.engine.steps import StepExecution
from actum.engine.transactional import execution_of
from actum.flow import Command, Timer

if TYPE_CHECKING:
    from actum.engine.runner import Runner


def make_execution(runner: Runner, command: Command) -> Execution:
    """Return what carries out a command, going on from what its address has come to; nothing has begun yet."""
    request, progress = command.request, runner.history.at(command.address)
    if progress.kept is not None:
        return KeptExecution(runner, command, progress)
    command = as_edited(runner.history, command)
    if isinstance(request, Timer):
        return TimerExecution(runner, command, progress)
    if isinstance(request, ApprovalRequest):
        return ApprovalExecution(runner, command, progress)
    if isinstance(request, Question):
        return QuestionExecution(runner, command, progress)
    subject = getattr(request, "subject", None)
    if isinstance(subject, Contract):
        return ChildExecution(runner, command, progress)
    if isinstance(subject, Effect):
        return execution_of(subject.transactional)(runner, command, progress)
    return StepExecution(runner, command, progress)
