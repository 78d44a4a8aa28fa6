"""Which policy a name on the command line means: a file, one that the database keeps, or one that comes with Actum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from actum.cli.opening import open_client
from actum.cli.printing import BAD, DIM, WARN, complain, say, say_all
from actum.cli.text import columns, indent, neutral
from actum.client import Client
from actum.client.policies import ACTIVE, SHADOW
from actum.client.policies import read_policy as read_row
from actum.errors import InvalidInput, NotFound, PolicyError
from actum.machine.policy import (
    DEFAULT_POLICY,
    DEV_POLICY,
    CaseResult,
    Finding,
    Policy,
    parse_policy,
    run_cases,
)

SHIPPED: Mapping[str, str] = {"default": DEFAULT_POLICY, "dev": DEV_POLICY}
DIGITS = 12
"""Digits of a hash that people are shown."""

file_argument = click.argument("file", metavar="FILE")
policy_argument = click.argument("name", metavar="POLICY")


def name_of(policy: Policy) -> str:
    """Return what people call a policy: its name, and the first digits of its hash."""
    return f"{neutral(policy.document.name)} {policy.policy_hash.hex()[:DIGITS]}"


def read_text(path: Path) -> str:
    """Return the text of a file as it is; raises NotFound for one that cannot be read, InvalidInput for no UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise NotFound(f"the file {str(path)!r} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"the file {str(path)!r} is not UTF-8: save it as UTF-8", path="file") from None


def read_file(file: str) -> Policy:
    """Return the policy of a file; complains of every mistake in it but the last, which is raised."""
    try:
        return parse_policy(read_text(Path(file)), file=file)
    except PolicyError as error:
        raise _last(error) from None


def read_cases(policy: Policy, path: Path) -> list[CaseResult]:
    """Rule on the cases of a file; mistakes are told as by `read_file`."""
    try:
        return run_cases(policy, read_text(path), file=str(path))
    except PolicyError as error:
        raise _last(error) from None


def cases_beside(file: str) -> Path:
    """Return where the cases of a policy file stand: `policy.cases.toml` beside `policy.toml`."""
    return Path(file).with_suffix(".cases.toml")


def _last(error: PolicyError) -> PolicyError:
    *earlier, last = error.mistakes
    for one in earlier:
        complain(f"actum: {one}")
    return last


def is_file(name: str) -> bool:
    """Whether a name means a file, whether or not it is there."""
    return name not in (ACTIVE, SHADOW, *SHIPPED) and ("." in name or "/" in name or Path(name).is_file())


def read_outside(name: str) -> Policy | None:
    """Return the policy that is a file or comes with Actum; None for one that the database keeps."""
    if name in SHIPPED:
        return parse_policy(SHIPPED[name], file=name)
    return read_file(name) if is_file(name) else None


async def find_policy(client: Client, name: str) -> Policy:
    """Return the policy that a name means; raises NotFound, InvalidInput and PolicyError."""
    outside = read_outside(name)
    return read_row(await client.policies.get(name)) if outside is None else outside


async def find_policies(names: Sequence[str]) -> list[Policy]:
    """Return several policies, opening the database only if one of them is kept there."""
    outside = [read_outside(name) for name in names]
    if all(one is not None for one in outside):
        return [one for one in outside if one is not None]
    async with open_client() as client:
        return [await find_policy(client, name) for name in names]


def tell_findings(findings: Sequence[Finding]) -> None:
    """Print what lint found, each with its place and its cure."""
    styles = {"error": BAD, "warning": WARN, "note": DIM}
    for one in findings:
        say(f"{neutral(one.file)}:{one.line}: {one.severity} {one.code}", styles[one.severity])
        say_all(indent(neutral(one.sentence), "  ", "  ", columns()))
        if one.code != "mistake":  # its sentence ends with the way out
            say_all(indent(neutral(one.cure), "  → ", "    ", columns()))


def tell_cases(results: Sequence[CaseResult], path: Path, *, is_explained: bool = False) -> None:
    """Print the cases that were ruled otherwise than expected."""
    for one in results:
        for sentence in one.differences:
            say_all(
                indent(
                    f"{neutral(one.name)}: {neutral(sentence)}",
                    f"{neutral(path)}:{one.line}: ",
                    "  ",
                    columns(),
                )
            )
        if one.differences and is_explained:
            say_all(f"  {neutral(line)}" for line in one.ruling.explain().split("\n"))


def finding_as_json(one: Finding) -> dict[str, Any]:
    """Return a finding as JSON values."""
    return asdict(one)


def case_as_json(one: CaseResult) -> dict[str, Any]:
    """Return the result of a case as JSON values."""
    return {
        "name": one.name,
        "line": one.line,
        "passed": one.has_passed,
        "differences": list(one.differences),
        "ruling": one.ruling.as_data(),
    }
