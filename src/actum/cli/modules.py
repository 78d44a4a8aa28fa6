"""Finds contracts in the user's modules, which are imported with the current folder on the path."""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from actum.authoring.contract import Contract
from actum.errors import ActumError, InvalidContract, NotFound

AnyContract = Contract[..., Any]


def import_module(name: str) -> ModuleType:
    """Import a module by its dotted name; raises NotFound when there is none, InvalidContract when it fails."""
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name) or name.endswith(".py"):
        hint = name.partition(":")[0].removesuffix(".py").removeprefix("./").replace("/", ".")
        raise NotFound(
            f"{name!r} is not the name of a module: write it as in an import, such as {hint or 'flows'!r}"
        )
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ActumError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise NotFound(
                f"there is no module {name!r} in {folder} or among the installed packages: check its name and the folder"
            ) from None
        raise _failed(name, error) from error
    except Exception as error:
        raise _failed(name, error) from error


def _failed(name: str, error: Exception) -> InvalidContract:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return InvalidContract(
        f"importing {name} failed{place}: {type(error).__name__}: {error}; `actum --debug …` shows where"
    )


def contracts_in(module: ModuleType) -> list[AnyContract]:
    """Return the contracts that a module names, each once, in the order in which it names them."""
    found = [value for value in vars(module).values() if isinstance(value, Contract)]
    return list({id(one): one for one in found}.values())


def find_contracts(place: str) -> list[AnyContract]:
    """Return the contracts that `MODULE` or `MODULE:NAME,NAME…` means; raises NotFound."""
    name, colon, wanted = place.partition(":")
    module = import_module(name)
    if not colon:
        found = contracts_in(module)
        if not found:
            raise NotFound(f"{name} names no contract: decorate one with @contract, or name another module")
        return found
    return [_named(module, one) for one in wanted.split(",")]


def find_contract(place: str) -> AnyContract:
    """Return the one contract that `MODULE:CONTRACT` means, or the only one of `MODULE`; raises NotFound."""
    found = find_contracts(place)
    if len(found) != 1:
        names = ", ".join(one.name for one in found)
        raise NotFound(
            f"{place} names {len(found)} contracts ({names}): say which, as {place}:{found[0].name}"
        )
    return found[0]


def _named(module: ModuleType, name: str) -> AnyContract:
    value = getattr(module, name, None)
    if isinstance(value, Contract):
        return value
    known = contracts_in(module)
    for one in known:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in known) or "none"
    raise NotFound(f"{module.__name__} has no contract {name!r}: its contracts are {names}")


def require_runbook(contract: AnyContract) -> None:
    """Raise InvalidContract unless the runbook that the owner names can be read from the current folder."""
    runbook = contract.owner.runbook if contract.owner else None
    if runbook is None or re.match(r"https?://", runbook):
        return
    if not Path(runbook).is_file():
        raise InvalidContract(
            f"{contract.name}: its runbook {runbook!r} is not a file seen from {os.getcwd()}: write it, correct "
            "the path, or start the worker in the folder that the path begins in"
        )
