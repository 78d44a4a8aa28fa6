"""Every table and key that a policy file may have: what is refused, what is suggested, and what the reference says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from actum.machine.policy.ruling import DEFAULT_REMIND

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Key:
    """One key: `default` in words as the reference has them, None for a key that must be there."""

    name: str
    type: str
    meaning: str
    default: str | None


TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "The top of the file.",
        "facts.NAME": 'A fact that previews give; the short form is `NAME = "TYPE"`. `actum policy facts` writes this table.',
        "calendar.NAME": "Days and hours in `timezone`, for `inside` and `outside`.",
        "approvers.NAME": "People who decide. The group `owner` need not be declared: it is the contract's team.",
        "rule": "Gives a tier to what matches. The highest matching tier wins, whatever the order.",
        "floor": "Raises what matches to at least its tier.",
        "deny": "Forbids what matches.",
        "rule.batch": "Lets tier-1 approvals share a card.",
        "activation": "Who must agree before this policy replaces another.",
    }
)

_BY: Final = "`user:…`, `service:…`, `group:…`, `team:…` or `owner`; or `anybody`, alone"
_WHY: Final = Key("why", "text", "The reason, as approvers read it.", "a sentence without one")
_ID: Final = Key("id", "text", "Its name in rulings and logs, once in the file.", None)
_NAMES: Final = "text or list of texts"
_MATCH: Final = Key("match", "table", "Clauses, all of which must hold; `{}` matches everything.", None)
_EXCEPT: Final = Key(
    "except", "table", "It is an exception where all of these clauses certainly hold.", "no exception"
)

KEYS: Final[Mapping[str, tuple[Key, ...]]] = MappingProxyType(
    {
        "": (
            Key("schema", "int", f"The version of this format: {SCHEMA}.", None),
            Key("name", "text", "What people call this policy.", None),
            Key("owner", "text", "The team that answers for it.", None),
            Key(
                "timezone",
                "text",
                "The zone of all calendars, such as `Europe/Berlin`.",
                "needed with calendars only",
            ),
            Key("default_tier", "int", "The tier of what no rule certainly matches: 1 or 2.", "2"),
            Key("facts", "table", "The facts that rules may ask for, beside Actum's own.", "none"),
            Key("calendar", "table", "Calendars by name.", "none"),
            Key("approvers", "table", "Groups of approvers by name.", "none"),
            Key("rule", "list of tables", "The rules.", "none"),
            Key("floor", "list of tables", "The floors.", "none"),
            Key("deny", "list of tables", "The denies.", "none"),
            Key("activation", "table", "How this policy is activated.", "one policy owner is enough"),
        ),
        "facts.NAME": (
            Key("type", "text", "`text`, `int`, `number`, `decimal`, `bool` or `instant`.", None),
            Key("values", "list of values", "The only values there are; any other is unknown.", "no limit"),
        ),
        "calendar.NAME": (
            Key("days", "list of texts", "`mon` to `sun`.", "every day"),
            Key(
                "hours",
                "text",
                "`HH:MM-HH:MM`; over midnight they belong to the day they begin on.",
                "`00:00-24:00`",
            ),
            Key("holidays", "list of dates", "Days on which it does not begin.", "none"),
        ),
        "approvers.NAME": (
            Key("by", "list of texts", f"{_BY}.", None),
            Key("quorum", "int", "How many different people must say yes, 1,000 at most.", "1"),
            Key(
                "never",
                "list of texts",
                "Who may not, beside `requester` and `contract_author`, who never may.",
                "these two",
            ),
            Key("expires", "duration", "The time to decide, such as `4h`.", "no limit"),
            Key(
                "on_expiry",
                "text",
                "`reject`, `escalate` or `hold`; nothing is approved by time.",
                "`reject`",
            ),
            Key("escalate_to", "text", "The group that is asked next.", "needed with `escalate` only"),
            Key("remind", "number", "The share of `expires` after which to remind.", str(DEFAULT_REMIND)),
        ),
        "rule": (
            _ID,
            _MATCH,
            Key("tier", "int", "0 runs at once, 1 may share a card, 2 is one card with a reason.", None),
            Key("approvers", _NAMES, "Groups, each of which must agree.", "`owner`"),
            Key("batch", "table", "Which approvals share a card; tier 1 only.", "asked alone"),
            _WHY,
        ),
        "floor": (
            _ID,
            _MATCH,
            _EXCEPT,
            Key("tier", "int", "1 or 2.", None),
            Key("approvers", _NAMES, "Groups that must agree as well.", "none beside the rules'"),
            _WHY,
        ),
        "deny": (_ID, _MATCH, _EXCEPT, _WHY),
        "rule.batch": (
            Key("by", "list of texts", "Facts that all approvals on one card have in common.", None),
            Key("window", "duration", "How long a card waits for company.", None),
            Key("max_items", "int", "How many approvals one card holds, 10,000 at most.", "50"),
            Key("max_sum", "table", "For a fact, the sum that one card holds.", "no limit"),
        ),
        "activation": (Key("approvers", _NAMES, "Groups, each of which must agree.", None),),
    }
)


def names_of(table: str) -> tuple[str, ...]:
    """Return the keys that `table` may have."""
    return tuple(key.name for key in KEYS[table])


def is_required(table: str, name: str) -> bool:
    """Whether `table` cannot do without `name`."""
    return any(key.name == name and key.default is None for key in KEYS[table])
