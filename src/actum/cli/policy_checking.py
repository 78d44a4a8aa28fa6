"""`actum policy lint` and `actum policy test`: what is doubtful in a policy file, and whether it does as its cases say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from actum.cli import options
from actum.cli.exits import Exit
from actum.cli.modules import find_contracts
from actum.cli.opening import carry_out, open_client
from actum.cli.policy_files import (
    case_as_json,
    cases_beside,
    file_argument,
    finding_as_json,
    read_cases,
    read_file,
    read_text,
    tell_cases,
    tell_findings,
)
from actum.cli.printing import BAD, DIM, GOOD, say, say_json
from actum.cli.text import neutral
from actum.errors import NotFound
from actum.machine.policy import CaseResult, Policy, lint_text


@click.command()
@file_argument
@click.option(
    "--members",
    is_flag=True,
    help="Check groups, quorums and authors against the accounts and contracts of the database.",
)
@click.option(
    "--contracts",
    "modules",
    multiple=True,
    metavar="MODULE",
    help="Check that these contracts name their authors where the policy keeps `contract_author` out.",
)
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
@options.as_json
def lint(file: str, members: bool, modules: tuple[str, ...], strict: bool, is_json: bool) -> int:
    """Look for mistakes and doubts in the policy FILE; exit code 1 when one of them is an error."""
    text = read_text(Path(file))
    known, authors = carry_out(_members()) if members else (None, {})
    for contract in (one for module in modules for one in find_contracts(module)):
        authors[contract.name] = contract.owner.authors if contract.owner else ()
    findings = lint_text(text, file=file, members=known, authors=authors)
    if is_json:
        say_json([finding_as_json(one) for one in findings])
    else:
        tell_findings(findings)
        counts = Counter(one.severity for one in findings)
        said = [f"{counts[word]} {word}{'s' if counts[word] != 1 else ''}" for word in sorted(counts)]
        say(", ".join(said) or "nothing found", "" if said else GOOD)
    failing = ("error", "warning") if strict else ("error",)
    return Exit.FAILED if any(one.severity in failing for one in findings) else Exit.FINE


async def _members() -> tuple[dict[str, list[str]], dict[str, Sequence[str]]]:
    async with open_client() as client:
        return await client.policies.members() or {}, dict(await client.policies.authors())


@click.command()
@file_argument
@click.option("--cases", metavar="FILE", help="The file of cases; POLICY.cases.toml beside it unless given.")
@click.option("--explain", "is_explained", is_flag=True, help="Show each clause of what is not as expected.")
@options.as_json
def test(file: str, cases: str | None, is_explained: bool, is_json: bool) -> int:
    """Check the policy FILE against the cases beside it; exit code 1 when one of them is ruled otherwise."""
    policy = read_file(file)
    path = Path(cases) if cases else cases_beside(file)
    if not path.is_file():
        raise NotFound(
            f"there is no file {str(path)!r}: write cases there, or name another file with --cases"
        )
    results = read_cases(policy, path)
    unreached = _unreached(policy, results)
    failed = [one for one in results if not one.has_passed]
    if is_json:
        say_json({"cases": [case_as_json(one) for one in results], "unreached": unreached})
    else:
        tell_cases(results, path, is_explained=is_explained)
        said = f"{len(results)} case{'s' if len(results) != 1 else ''}"
        say(
            f"{said}, {len(failed)} not as expected" if failed else f"{said}, all as expected",
            BAD if failed else GOOD,
        )
        if unreached:
            say(f"no case reaches {', '.join(map(neutral, unreached))}", DIM)
    return Exit.FAILED if failed else Exit.FINE


def _unreached(policy: Policy, results: Sequence[CaseResult]) -> list[str]:
    """Return the rules, floors and denies that counted in none of the cases."""
    reached = {one.id for result in results for one in result.ruling.trace if one.has_counted}
    return [rule.id for rule in policy.document.rules if rule.id not in reached]
