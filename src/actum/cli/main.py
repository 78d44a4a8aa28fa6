"""The program `actum`: finds the command, and turns every refusal into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from actum.cli.exits import Exit, explain
from actum.cli.lazy import LazyGroup, Place
from actum.cli.printing import complain

RUN, LOOK, DECIDE, STEER, CARE = (
    "Run workflows",
    "Look at them",
    "Decide",
    "Intervene",
    "Look after the system",
)

PLACES = {
    "dev": Place("dev:dev", RUN, "Serve a module on this laptop, with a database of its own."),
    "worker": Place("serving:worker", RUN, "Serve contracts until told to stop."),
    "start": Place("starting:start", RUN, "Start a workflow."),
    "list": Place("listing:list_workflows", LOOK, "List workflows, newest first."),
    "show": Place("showing:show", LOOK, "Show one workflow: state, timeline, approvals, what to do."),
    "watch": Place("watching:watch", LOOK, "Follow one workflow until it ends."),
    "inbox": Place("inbox:inbox", DECIDE, "List what waits for a person."),
    "review": Place("reviewing:review", DECIDE, "Review a batch on one card."),
    "approve": Place("deciding:approve", DECIDE, "Approve one action."),
    "reject": Place("deciding:reject", DECIDE, "Reject one action."),
    "revoke": Place("handing:revoke", DECIDE, "Take an approval back before it is used."),
    "hand-over": Place("handing:hand_over", DECIDE, "Have somebody else decide in your place."),
    "inquire": Place("handing:inquire", DECIDE, "Ask something about an approval."),
    "reply": Place("handing:reply", DECIDE, "Reply to what was asked about an approval."),
    "answer": Place("deciding:answer", DECIDE, "Answer a question that a workflow asks."),
    "freeze": Place("freezing:freeze", DECIDE, "Throw the kill switch, or list what is frozen."),
    "unfreeze": Place("freezing:unfreeze", DECIDE, "Lift a freeze."),
    "grant": Place("granting:grant", DECIDE, "Look after standing approvals."),
    "policy": Place("policy:policy", DECIDE, "Write, try and activate the rules."),
    "incident": Place("incident:incident", STEER, "Work on what went wrong."),
    "signal": Place("steering:signal", STEER, "Deliver a signal to a workflow."),
    "settle": Place("steering:settle", STEER, "Say what became of an effect in doubt."),
    "retry": Place("holding:retry", STEER, "Let a held workflow try again what failed."),
    "skip": Place("holding:skip", STEER, "Give the output of what failed, and go on."),
    "edit": Place("holding:edit", STEER, "Try what failed with other arguments."),
    "rollback": Place("undoing:rollback", STEER, "Undo what a workflow did, newest first."),
    "cancel": Place("steering:cancel", STEER, "Ask a workflow to end."),
    "pause": Place("steering:pause", STEER, "Have a workflow take in nothing new."),
    "resume": Place("steering:resume", STEER, "Let a paused workflow go on."),
    "quality": Place("quality:quality", CARE, "Measure how well it goes."),
    "verdict": Place("judging:verdict", CARE, "Say whether an output was of use."),
    "readiness": Place("readiness:readiness", CARE, "Walk what a contract needs, and name the first gap."),
    "metrics": Place("metrics:metrics", CARE, "Print every measure for Prometheus."),
    "usage": Place("usage:usage", CARE, "Add up what models and tools were used."),
    "slo": Place("promising:slo", CARE, "Show how the promises of contracts stand."),
    "owners": Place("promising:owners", CARE, "Say who answers for what."),
    "account": Place("account:account", CARE, "Look after accounts, groups and tokens."),
    "audit": Place("auditing:audit", CARE, "Verify the logs, and keep their heads elsewhere."),
    "check": Place("checking:check", CARE, "Look for mistakes in contracts, without running them."),
    "crashtest": Place("crashtest:crashtest", CARE, "Kill a workflow everywhere, and compare."),
    "db": Place("database:db", CARE, "Bring the database to this version, or see how it stands."),
    "doctor": Place("doctor:doctor", CARE, "Look for what is wrong with database, workers and workflows."),
}


@click.group(
    cls=LazyGroup,
    places=PLACES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The database is that of ACTUM_DATABASE_URL, else an embedded server in .actum. "
    "A workflow is named by its id, the last digits of it (four or more), or CONTRACT/KEY.",
)
@click.version_option(package_name="actum", prog_name="actum")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def actum(ctx: click.Context, debug: bool) -> None:
    """Durable AI workflows under execution contracts."""
    ctx.obj = {"debug": debug}


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit code."""
    unreadable = [one for one in arguments if any("\ud800" <= char <= "\udfff" for char in one)]
    if unreadable:
        complain(f"actum: the argument {unreadable[0]!r} is not UTF-8: write it in a terminal that is")
        return Exit.USAGE
    try:
        return _carry_out(arguments)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
        return Exit.FAILED


def _drop_unwritten() -> None:
    """Have what stdout could not take go nowhere: the interpreter tries it once more at its end, and complains."""
    out = sys.stdout
    if out is None:
        return
    try:
        out.flush()
    except BrokenPipeError:
        raise
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _carry_out(arguments: Sequence[str]) -> int:
    try:
        done = actum.main(args=list(arguments), prog_name="actum", standalone_mode=False)
        if sys.stdout is not None:  # closed before we began: `>&-`
            sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        _drop_unwritten()
        if "--debug" in arguments[:1]:
            traceback.print_exc()
        sentence, code = explain(error)
        complain(f"actum: {sentence}")
        return code
    return done if isinstance(done, int) else Exit.FINE


def main() -> None:
    """Run the program with the arguments of this process."""
    sys.exit(run(sys.argv[1:]))
