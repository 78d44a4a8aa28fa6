"""What is stored of a contract when it is registered: its whole document, the runbook's text included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from actum.authoring.contract import Contract
from actum.authoring.document import document_hash


@dataclass(frozen=True, slots=True)
class Registration:
    """One contract as registered: `document` is canonical JSON text and `document_hash` its SHA-256."""

    contract: str
    team: str | None
    document: str
    document_hash: bytes
    shape_hash: bytes


def register(contract: Contract[..., Any]) -> Registration:
    """Return what is stored of `contract`; the runbook is read where its path leads to a file, from the working folder.

    Raises InvalidContract for a contract that is declared wrongly.
    """
    document = contract.document(_runbook(contract))
    return Registration(
        contract.name,
        contract.owner.team if contract.owner else None,
        orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode(),
        document_hash(document),
        contract.shape_hash,
    )


def _runbook(contract: Contract[..., Any]) -> str | None:
    path = contract.owner.runbook if contract.owner else None
    if path is None:
        return None
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
