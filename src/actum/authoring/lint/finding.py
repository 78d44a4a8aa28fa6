"""One thing that `actum check` has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]
"""`error` breaks a promise, `warning` may break one, `note` says what will happen, in case nobody thought of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong (`sentence`), what to do about it (`cure`), and where; `code` is a key of `RULES`.

    `line` starts at 1; `contract` is the name of the contract it was found in, None for what belongs to none.
    """

    code: str
    sentence: str
    cure: str
    file: str
    line: int
    contract: str | None
    severity: Severity
