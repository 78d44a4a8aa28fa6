"""Previews worth reading, ready-made: for money, for messages, and for changes to files.

    @pay.preview
    def _(invoice: Invoice) -> Preview[MoneyFacts]:
        seen = money(invoice.cents, invoice.currency, to=invoice.account, verb="Pay")
        return replace(seen, checks=[...], relies_on=invoice.version)

Each returns a `Preview` whose facts have a type, so policy can name them, and whose sentence says verb, object, count
and place. What only the author knows (checks, the reach, what the effect relies on) is added with
`dataclasses.replace`. All are plain functions of what they are given: they look at nothing and write nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from actum.errors import InvalidInput
from actum.outcomes import Preview

__all__ = ["FileFacts", "MessageFacts", "MoneyFacts", "files", "message", "money"]

_NO_MINOR = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())
_THREE = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
_FOUR = frozenset("CLF UYW".split())
_OLD_SIDE = re.compile(r"^--- (?P<name>.+)$")
_NEW_SIDE = re.compile(r"^\+\+\+ (?P<name>.+)$")
_HUNK = re.compile(r"^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_RENAMED = re.compile(r"^rename to (?P<name>.+)$")
_BINARY = re.compile(r"^Binary files (?:a/)?(?P<old>.+) and (?:b/)?(?P<new>.+) differ$")
_ADDRESS = re.compile(r"[^@\s<>]+@([^@\s<>]+)")

FIRST_LINES = 12
"""Lines of a message that its preview shows; how many more there are is said."""
NAMED = 3
"""Recipients and paths that a sentence names; the others are counted."""


@dataclass(frozen=True, slots=True)
class MoneyFacts:
    """What policy is told of a payment: `amount_minor` in the smallest unit of `currency` (ISO 4217), and to whom."""

    amount_minor: int
    currency: str
    amount: str
    to: str


def money(amount_minor: int, currency: str, *, to: str, verb: str = "Pay") -> Preview[MoneyFacts]:
    """Return the preview of a payment: `money(120_00, "EUR", to="DE02…")` reads `Pay 120.00 EUR to DE02…`.

    `amount_minor` is a whole number of the currency's smallest unit (cents, yen, fils). Raises InvalidInput for an
    amount that is no positive whole number, a currency that is no three capital letters, and a missing receiver.
    """
    if type(amount_minor) is not int or amount_minor <= 0:  # True and 1.5 are no amounts
        raise InvalidInput(
            f"{amount_minor!r} is no amount: give a positive whole number of the smallest unit, such as cents",
            path="amount_minor",
        )
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise InvalidInput(
            f"{currency!r} is no currency: give its three capital letters, such as EUR", path="currency"
        )
    if not to.strip():
        raise InvalidInput("a payment goes to somebody: give to=", path="to")
    amount = f"{_decimal(amount_minor, currency)} {currency}"
    return Preview(
        f"{verb} {amount} to {to}",
        target=to,
        facts=MoneyFacts(amount_minor, currency, amount, to),
        blast_radius=f"{amount} leave, in 1 payment",
    )


def _decimal(amount_minor: int, currency: str) -> str:
    places = 0 if currency in _NO_MINOR else 3 if currency in _THREE else 4 if currency in _FOUR else 2
    if not places:
        return str(amount_minor)
    whole, rest = divmod(amount_minor, 10**places)
    return f"{whole}.{rest:0{places}}"


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What policy is told of a message: recipients counted once each, and those outside the own domains."""

    recipients: int
    outside: int
    domains: tuple[str, ...]
    characters: int


def message(
    recipients: Sequence[str],
    text: str,
    *,
    own_domains: Sequence[str],
    subject: str = "",
    verb: str = "Send",
) -> Preview[MessageFacts]:
    """Return the preview of a message to addresses such as `ana@example.org`.

    A recipient is outside unless its domain is one of `own_domains` or below one; what is no address is outside too.
    The first lines are shown, the others counted. Raises InvalidInput where nobody is written to, and for `recipients`
    that are one text.
    """
    if isinstance(recipients, str):
        raise InvalidInput(f"recipients={recipients!r} is one text: give a list", path="recipients")
    people = list(dict.fromkeys(one.strip() for one in recipients if one.strip()))
    if not people:
        raise InvalidInput("a message goes to somebody: give recipients", path="recipients")
    domains = [_domain(one) for one in people]
    outside = [one for one, domain in zip(people, domains, strict=True) if not _is_own(domain, own_domains)]
    reach = f"{len(outside)} outside {', '.join(own_domains)}" if own_domains else "all of them outside"
    named = "" if not subject else f" “{subject}”"
    return Preview(
        f"{verb} 1 message{named} to {_count(len(people), 'recipient')} ({_named(people)}), {reach}",
        target=people[0] if len(people) == 1 else f"{len(people)} recipients",
        facts=MessageFacts(len(people), len(outside), tuple(sorted(set(domains))), len(text)),
        diff=_beginning(text),
        blast_radius=f"{len(people)} mailboxes, {len(outside)} of them outside: {_named(outside) or 'none'}",
    )


def _domain(address: str) -> str:
    found = _ADDRESS.search(address)
    return found.group(1).rstrip(".").lower() if found else ""


def _is_own(domain: str, own_domains: Sequence[str]) -> bool:
    own = [one.lower().rstrip(".") for one in own_domains]
    return bool(domain) and any(domain == one or domain.endswith(f".{one}") for one in own)


def _beginning(text: str) -> str:
    lines = text.split("\n")
    more = len(lines) - FIRST_LINES
    return "\n".join([*lines[:FIRST_LINES], *([f"… {more} more lines of {len(lines)}"] if more > 0 else [])])


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What policy is told of a change to files: the paths, and lines and bytes added and removed."""

    files: int
    paths: tuple[str, ...]
    lines_added: int
    lines_removed: int
    bytes_added: int
    bytes_removed: int


def files(diff: str, *, place: str, verb: str = "Change") -> Preview[FileFacts]:
    """Return the preview of a change to files, counted from its unified diff (git's included).

    `place` says where: a repository, a folder, a machine. Bytes are those of the added and removed lines in UTF-8, line
    ends included. Raises InvalidInput for a text in which no file changes: that is no unified diff.
    """
    counted = _Counted()
    for line in diff.split("\n"):
        counted.read(line)
    paths = tuple(dict.fromkeys(counted.paths))
    if not paths:
        raise InvalidInput("no file changes in this text: give a unified diff", path="diff")
    return Preview(
        f"{verb} {_count(len(paths), 'file')} in {place} ({_named(paths)}): "
        f"+{counted.added} −{counted.removed} lines",
        target=place,
        facts=FileFacts(
            len(paths), paths, counted.added, counted.removed, counted.bytes_added, counted.bytes_removed
        ),
        diff=diff,
        blast_radius=f"{_count(len(paths), 'file')}, {counted.bytes_added:,} bytes added and "
        f"{counted.bytes_removed:,} removed",
    )


class _Counted:
    """Reads a unified diff line by line; inside a hunk its header says how many lines belong to it."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.added = self.removed = self.bytes_added = self.bytes_removed = 0
        self._old_left = self._new_left = 0
        self._old_name = ""

    def read(self, line: str) -> None:
        if self._old_left > 0 or self._new_left > 0:
            self._read_inside(line)
        elif hunk := _HUNK.match(line):
            self._old_left, self._new_left = (int(size) if size else 1 for size in hunk.groups())
        elif found := _OLD_SIDE.match(line):
            self._old_name = _name_of(found["name"])
        elif found := _NEW_SIDE.match(line):
            new = _name_of(found["name"])
            self.paths.append(self._old_name if new == "/dev/null" else new)
        elif found := _RENAMED.match(line):
            self.paths.append(found["name"])
        elif found := _BINARY.match(line):
            self.paths.append(found["old"] if found["new"] == "/dev/null" else found["new"])

    def _read_inside(self, line: str) -> None:
        size = len(line[1:].encode("utf-8", "surrogatepass")) + 1
        match line[:1]:
            case "+":
                self._new_left -= 1
                self.added += 1
                self.bytes_added += size
            case "-":
                self._old_left -= 1
                self.removed += 1
                self.bytes_removed += size
            case "\\":  # "\ No newline at end of file" is a remark, not a line
                pass
            case _:
                self._old_left -= 1
                self._new_left -= 1


def _name_of(side: str) -> str:
    name = side.split("\t")[0].strip().strip('"')
    return name[2:] if name[:2] in ("a/", "b/") else name


def _named(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
