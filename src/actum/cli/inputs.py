"""What people type: JSON given as text, from a file (`@file`) or from stdin (`-`), and the arguments in it."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import orjson
from pydantic_core import to_jsonable_python

from actum.authoring.call import Call
from actum.authoring.canonical import MAX_PAYLOAD, canonical
from actum.authoring.contract import Contract
from actum.errors import InvalidInput, NotFound


def read_json(text: str, option: str) -> Any:
    """Return the value that `text` gives; raises InvalidInput, naming the option, for what is not JSON."""
    source = _read(text, option)
    try:
        return orjson.loads(source)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(
            f"{option} is not JSON: {error}; a text needs its quotes, as in {option} '\"yes\"'", path=option
        ) from None


def encode_json(text: str, option: str) -> bytes:
    """Return the canonical bytes of the value that `text` gives; raises InvalidInput."""
    return canonical(read_json(text, option), option)


def call_of(contract: Contract[..., Any], text: str | None) -> Call[Any]:
    """Return the call of `contract` with the arguments in `text`, one JSON object with an entry for each parameter.

    Parameters with a default may be left out. Raises InvalidInput for unknown, missing and misfitting arguments.
    """
    given = {} if text is None else read_json(text, "--input")
    takes = f"{contract.name} takes {_signature(contract)}"
    if not isinstance(given, dict):
        raise InvalidInput(f"--input must be a JSON object with an entry for each parameter: {takes}")
    parameters = contract.codec.signature.parameters
    unknown = sorted(set(given) - set(parameters))
    if unknown:
        raise InvalidInput(f"--input has {unknown[0]!r}, which is no parameter: {takes}", path=unknown[0])
    values = {name: _value(parameter, given, takes) for name, parameter in parameters.items()}
    args, kwargs = contract.codec.decode_arguments(orjson.dumps(values))
    return contract(*args, **kwargs)


def _value(parameter: inspect.Parameter, given: dict[str, Any], takes: str) -> Any:
    if parameter.name in given:
        return given[parameter.name]
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return []
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return {}
    if parameter.default is inspect.Parameter.empty:
        raise InvalidInput(f"--input lacks {parameter.name!r}: {takes}", path=parameter.name)
    return to_jsonable_python(parameter.default)


def _signature(contract: Contract[..., Any]) -> str:
    signature = contract.codec.signature
    return str(signature.replace(return_annotation=inspect.Signature.empty))


def _read(text: str, option: str) -> bytes:
    if text == "-":
        source = sys.stdin.buffer.read(MAX_PAYLOAD + 1)
    elif text.startswith("@"):
        try:
            with Path(text[1:]).open("rb") as file:
                source = file.read(MAX_PAYLOAD + 1)
        except OSError as error:
            raise NotFound(
                f"{option} names the file {text[1:]!r}, which cannot be read: {error.strerror}"
            ) from None
    else:
        source = text.encode("utf-8", "surrogatepass")
    if len(source) > MAX_PAYLOAD:
        raise InvalidInput(f"{option} is longer than a payload may be ({MAX_PAYLOAD:,} bytes)", path=option)
    return source
