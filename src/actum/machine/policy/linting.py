"""What a policy says that its author may not have meant: findings with code, sentence, line and cure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from actum.errors import PolicyError
from actum.machine.policy.document import parse_policy
from actum.machine.policy.facts import OWN
from actum.machine.policy.overlap import holds_wherever, impossible_fact, is_ever_certain
from actum.machine.policy.policy import Policy
from actum.machine.policy.rules import ANYBODY, Document, Group, Rule, Sort
from actum.machine.policy.ruling import OWNER, STRICTEST, OnExpiry

Members: TypeAlias = Mapping[str, Collection[str]]
"""The people in each `group:NAME` and `team:NAME`, as `user:NAME` or `service:NAME`."""
Authors: TypeAlias = Mapping[str, Collection[str]]
"""The authors whom each contract names."""
Severity: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class About:
    """One kind of finding, for the reference."""

    severity: Severity
    about: str
    cure: str


FINDINGS: Final[Mapping[str, About]] = MappingProxyType(
    {
        "mistake": About("error", "the file cannot be meant", "do what the sentence says"),
        "match-impossible": About(
            "error", "no value of a fact fulfils its clauses", "correct the clauses, or delete the rule"
        ),
        "rule-never-certain": About(
            "warning",
            "a rule below the default tier can never be certain, and so never lowers",
            "leave `exists = false` to floors and denies",
        ),
        "except-impossible": About(
            "warning", "an exception that can never be certain excepts nothing", "correct it, or leave it out"
        ),
        "rule-beaten": About(
            "warning",
            "wherever a rule matches, a floor, a deny or a higher rule does too",
            "delete it, or narrow what beats it",
        ),
        "tier-zero": About(
            "warning", "a write that nobody is asked about", "write tier = 1 with a batch, if in doubt"
        ),
        "default-lowered": About(
            "warning", "what no rule speaks about is not tier 2", "write default_tier = 2"
        ),
        "why-missing": About("warning", "approvers are shown no reason", 'write why = "..."'),
        "anybody-decides": About(
            "warning", "anybody but requester and author may decide", "name people outside of a laptop"
        ),
        "quorum-unreachable": About(
            "error", "a group has fewer people than its quorum", "name more people, or lower the quorum"
        ),
        "quorum-tight": About(
            "warning", "a group reaches its quorum only while nobody of it asks", "name one more person"
        ),
        "author-unknown": About(
            "warning",
            "a group keeps `contract_author` out, and a contract names no authors: it refuses nobody there",
            'write Owner(authors=["user:…"]) in the contract',
        ),
        "members-unknown": About("error", "a group or team that nobody knows", "correct its name, or add it"),
        "escalation-circle": About(
            "warning", "escalation comes back to where it began", "end it with reject or hold"
        ),
        "approvers-unused": About("note", "no rule names this group", "delete it"),
        "calendar-unused": About("note", "no rule asks for this calendar", "delete it"),
        "fact-unused": About("note", "no rule asks for this fact", "delete it, if no policy will"),
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in line `line` of `file`, and what to do about it; `code` is a key of `FINDINGS`."""

    code: str
    sentence: str
    cure: str
    file: str
    line: int
    severity: Severity


def lint(policy: Policy, *, members: Members | None = None, authors: Authors | None = None) -> list[Finding]:
    """Return what is doubtful in `policy`, by line.

    With `members` quorums and names of groups are checked as well, with `authors` whether the contracts that it will rule
    name those whom it keeps out as their authors.
    """
    document = policy.document
    found = [*_rules(document), *_top(document), *_groups(document), *_unused(document)]
    if members is not None:
        found += _people(document, members)
    if authors is not None:
        found += _authors(document, authors)
    return sorted(found, key=lambda one: (one.line, one.code))


def lint_text(
    text: str,
    *,
    file: str = "policy.toml",
    members: Members | None = None,
    authors: Authors | None = None,
) -> list[Finding]:
    """Return every mistake of a policy file, or what is doubtful if there is none; never raises for its content."""
    try:
        policy = parse_policy(text, file=file)
    except PolicyError as error:
        return [
            _find("mistake", one.file, one.line, str(one).removeprefix(f"{one.file}:{one.line}: "))
            for one in error.mistakes
        ]
    return lint(policy, members=members, authors=authors)


def _find(code: str, file: str, line: int, sentence: str, cure: str = "") -> Finding:
    about = FINDINGS[code]
    return Finding(code, sentence, cure or about.cure, file, line, about.severity)


def _rules(document: Document) -> Iterator[Finding]:
    for rule in document.rules:
        for code, sentence in _doubts(rule, document):
            yield _find(code, document.file, rule.line, sentence)


def _doubts(rule: Rule, document: Document) -> Iterator[tuple[str, str]]:
    name = f"{rule.sort} {rule.id!r}"
    fact = impossible_fact(rule.match, document)
    if fact is not None:
        yield (
            "match-impossible",
            f"no value of {fact} fulfils the {name}, so it counts only while that is unknown",
        )
    elif rule.sort is Sort.RULE:
        if rule.tier < document.default_tier and not is_ever_certain(rule.match, document):
            yield (
                "rule-never-certain",
                f"the {name} would lower, and asks for a fact not to exist, which is never certain",
            )
        beaten = next((other for other in document.rules if _beats(other, rule, document)), None)
        if beaten is not None:
            yield (
                "rule-beaten",
                f"wherever the {name} matches, the {beaten.sort} {beaten.id!r} does too, and is stricter",
            )
    if rule.exceptions and not is_ever_certain(rule.exceptions, document):
        yield "except-impossible", f"the exception of the {name} can never be certain, so it excepts nothing"
    if rule.sort is Sort.RULE and rule.tier == 0:
        everything = ", and matches everything" if not rule.match else ""
        yield "tier-zero", f"the {name} lets a write happen without asking anybody{everything}"
    if not rule.why:
        yield "why-missing", f"the {name} has no reason that an approver could read"


def _beats(other: Rule, rule: Rule, document: Document) -> bool:
    """Whether nothing would change without `rule`: a floor below the default tier keeps that default out of nothing."""
    is_stricter = other.sort is Sort.DENY or other.tier > rule.tier
    if other.sort is Sort.FLOOR and other.tier < document.default_tier:
        return False
    return is_stricter and not other.exceptions and holds_wherever(other.match, rule.match, document)


def _top(document: Document) -> Iterator[Finding]:
    if document.default_tier < STRICTEST:
        sentence = f"what no rule certainly speaks about has tier {document.default_tier}"
        yield _find("default-lowered", document.file, 1, sentence)


def _groups(document: Document) -> Iterator[Finding]:
    for group in document.groups.values():
        if group.by == (ANYBODY,):
            sentence = f"anybody but requester and author may decide for {group.name!r}"
            yield _find("anybody-decides", document.file, group.line, sentence)
        if _is_circle(group, document.groups):
            sentence = f"the escalation of {group.name!r} comes back to it, so a request may never end"
            yield _find("escalation-circle", document.file, group.line, sentence)


def _is_circle(group: Group, groups: Mapping[str, Group]) -> bool:
    seen = {group.name}
    at: Group | None = group
    while at is not None and at.on_expiry is OnExpiry.ESCALATE and at.escalate_to is not None:
        if at.escalate_to in seen:
            return at.escalate_to == group.name
        seen.add(at.escalate_to)
        at = groups.get(at.escalate_to)
    return False


def _unused(document: Document) -> Iterator[Finding]:
    clauses = [clause for rule in document.rules for clause in rule.match + rule.exceptions]
    facts = {clause.fact for clause in clauses}
    for rule in document.rules:
        if rule.batch is not None:
            facts |= {*rule.batch.by, *(name for name, _ in rule.batch.max_sum)}
    calendars = {clause.operand for clause in clauses if clause.operator.value in ("inside", "outside")}
    groups = {name for rule in document.rules for name in rule.approvers} | {OWNER, *document.activation}
    groups |= {group.escalate_to for group in document.groups.values() if group.escalate_to}
    for table, names, used in (
        ("facts", document.facts.keys() - OWN.keys(), facts),
        ("calendar", document.calendars.keys(), calendars),
        ("approvers", document.groups.keys(), groups),
    ):
        code = {"facts": "fact-unused"}.get(table, f"{table}-unused")
        for name in sorted(names - used):
            line = document.lines.get((table, name), 1)
            yield _find(code, document.file, line, f"nothing in this policy asks for {table}.{name}")


def _authors(document: Document, authors: Authors) -> Iterator[Finding]:
    nameless = sorted(contract for contract, people in authors.items() if not people)
    for group in document.groups.values():
        if group.names_author and nameless:
            sentence = (
                f"the approvers {group.name!r} are never to be the contract's author, and no author is named by "
                f"{', '.join(nameless)}"
            )
            yield _find("author-unknown", document.file, group.line, sentence)


def _people(document: Document, members: Members) -> Iterator[Finding]:
    known = {name.casefold(): {one.casefold() for one in people} for name, people in members.items()}
    for group in document.groups.values():
        entries = [entry.casefold() for entry in group.by if ":" in entry]
        lost = [
            one for one in group.by if one.startswith(("group:", "team:")) and one.casefold() not in known
        ]
        for entry in lost:
            sentence = f"the approvers {group.name!r} name {entry}, and nobody knows who that is"
            yield _find("members-unknown", document.file, group.line, sentence)
        if len(entries) < len(group.by) or lost:
            continue  # the owner's team differs from contract to contract
        out = {one.casefold() for one in group.never}
        able = _expand(entries, known) - _expand(out, known)
        if len(able) < group.quorum:
            sentence = f"the approvers {group.name!r} need {group.quorum} people and have {len(able)}"
            yield _find("quorum-unreachable", document.file, group.line, sentence)
        elif len(able) == group.quorum:
            sentence = (
                f"the approvers {group.name!r} need all of their {len(able)}, so nobody of them can ask"
            )
            yield _find("quorum-tight", document.file, group.line, sentence)


def _expand(entries: Collection[str], known: Mapping[str, set[str]]) -> set[str]:
    return {person for entry in entries for person in known.get(entry, {entry})}
