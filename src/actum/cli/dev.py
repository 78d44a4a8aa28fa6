"""`actum dev`: a laptop's database and worker in one process, with two identities and the lines to type."""

from __future__ import annotations

import asyncio
import shlex
from uuid import UUID

import click

from actum.authoring.effect import Effect
from actum.cli.card import headline
from actum.cli.modules import find_contracts
from actum.cli.printing import DIM, HEADING, complain, say, say_all
from actum.cli.serving import configure_logging, leave, run_on_fastest_loop, serve
from actum.cli.text import columns, indent, neutral
from actum.engine.admission import require_ownership
from actum.engine.worker import Worker
from actum.errors import DatabaseUnavailable, InvalidContract, InvalidSettings
from actum.machine.policy import STRICTEST
from actum.model.ids import short
from actum.settings import DEFAULT_CONCURRENCY, Settings
from actum.store.rows import ApprovalRow, QuestionRow

POLL = 0.5
"""Seconds between two looks at the inbox."""
MOST = 1_000


@click.command()
@click.argument("place", metavar="MODULE[:NAME,NAME]")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 100_000),
    default=DEFAULT_CONCURRENCY,
    show_default=True,
    metavar="COUNT",
    help="How many workflows are held at once.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0, 86_400),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long steps may go on after the first signal.",
)
def dev(place: str, concurrency: int, grace: float) -> None:
    """Serve the contracts of a module with the embedded database in .actum, until interrupted.

    Contracts without an owner are accepted, and marked. Other terminals in this folder speak to the same database:
    what they start is started by user:author, and user:reviewer decides, so that nobody is locked out.
    """
    settings = Settings.read()
    if settings.database_url is not None:
        raise InvalidSettings(
            "actum dev brings its own database and serves contracts without owners: unset ACTUM_DATABASE_URL, or "
            "serve that database with `actum worker`"
        )
    contracts = find_contracts(place)
    worker = Worker(contracts, settings=settings, concurrency=concurrency, grace=grace)
    configure_logging()
    _introduce(worker, place)
    run_on_fastest_loop(serve(worker, _announce))
    leave(worker)


def _introduce(worker: Worker, place: str) -> None:
    say(f"actum dev: database in {worker.settings.home}", HEADING)
    for name, contract in sorted(worker.contracts.items()):
        try:
            require_ownership(contract)
            say(f"  {neutral(name)}")
        except InvalidContract:
            say(f"  {neutral(name)}  (no full owner: `actum worker` will refuse it)")
    module = place.partition(":")[0]
    first = next(iter(worker.contracts))
    say("In another terminal, in this folder:", DIM)
    say(f"  actum start {neutral(module)}:{neutral(first)} --input '{{…}}'")
    say("  actum inbox", DIM)
    _flush()


async def _announce(worker: Worker) -> None:
    """Print what comes to wait for a person, with the line to type."""
    known: set[UUID | tuple[UUID, str]] = set()
    while True:
        try:
            for approval in await worker.store.approvals.list_pending(MOST):
                if approval.id not in known:
                    known.add(approval.id)
                    _tell_approval(worker, approval)
            for question in await worker.store.questions.list_open(MOST):
                if (question.workflow_id, question.address) not in known:
                    known.add((question.workflow_id, question.address))
                    _tell_question(question)
        except DatabaseUnavailable as error:
            complain(error)
        await asyncio.sleep(POLL)


def _tell_approval(worker: Worker, row: ApprovalRow) -> None:
    lines = indent(headline(row), f"{neutral(row.contract)} {short(row.workflow_id)} asks: ", "  ", columns())
    confirm = " --confirm '…'" if row.tier == STRICTEST and _is_final(worker, row) else ""
    approve = f"  actum approve {short(row.id)}{confirm} --reason '…'"
    say_all([*lines, f"  actum inbox {short(row.id)}", approve])
    say(f"  actum reject {short(row.id)} --reason '…'", DIM)
    _flush()


def _is_final(worker: Worker, row: ApprovalRow) -> bool:
    """Whether nothing can put back what is asked for: its approval then takes the value that matters, typed."""
    contract = worker.contracts.get(row.contract)
    found = contract.steps_by_name.get(row.step) if contract is not None else None
    return isinstance(found, Effect) and found.reversibility == "final"


def _tell_question(row: QuestionRow) -> None:
    lines = indent(
        neutral(row.question), f"{neutral(row.contract)} {short(row.workflow_id)} asks: ", "  ", columns()
    )
    say_all(
        [*lines, f"  actum answer {short(row.workflow_id)} {shlex.quote(neutral(row.address))} --value '…'"]
    )
    _flush()


def _flush() -> None:
    print(end="", flush=True)
