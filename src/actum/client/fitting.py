"""Whether a value fits a JSON Schema, as far as types, required entries and closed choices go.

The last word has the worker, which knows the annotation itself; this catches what would otherwise be kept for ever
and only then turn out to be a mistake. What is not understood here fits.
"""

from __future__ import annotations

from typing import Any

import orjson

from actum.authoring.canonical import canonical
from actum.errors import InvalidInput
from actum.store.rows import WorkflowRow
from actum.store.store import Store

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


async def fitting_result(store: Store, row: WorkflowRow, step: str, result: Any) -> bytes:
    """Return the result of a step as it is stored; raises InvalidInput where it cannot be, or certainly does not fit.

    A step of which the workflow's document knows nothing, such as an undo, takes anything.
    """
    body = canonical(result, "the result")
    found = await store.contracts.get(row.contract, row.document_hash)
    steps = orjson.loads(found["document"])["steps"] if found else []
    schema: dict[str, Any] = next((one.get("output", {}) for one in steps if one["name"] == step), {})
    require_fit(orjson.loads(body), orjson.dumps(schema).decode(), "the result")
    return body


def require_fit(value: Any, schema: str, option: str) -> None:
    """Raise InvalidInput, with the path, when `value` certainly does not fit the JSON Schema in `schema`."""
    root: dict[str, Any] = orjson.loads(schema)
    fault = _fault(value, root, root, "")
    if fault is not None:
        path, why = fault
        place = f" at {path}" if path else ""
        raise InvalidInput(f"{option} does not fit{place}: {why}", path=path)


def _fault(value: Any, schema: Any, root: dict[str, Any], path: str) -> tuple[str, str] | None:
    if not isinstance(schema, dict):
        return None
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        return _fault(value, root.get("$defs", {}).get(reference[8:], {}), root, path)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        faults = [_fault(value, choice, root, path) for choice in choices]
        return None if None in faults else faults[0]
    if "const" in schema and value != schema["const"]:
        return path, f"it must be {_shown(schema['const'])}"
    if "enum" in schema and value not in schema["enum"]:
        return path, f"it must be one of {', '.join(map(_shown, schema['enum']))}"
    wanted = schema.get("type")
    if isinstance(wanted, str) and not _is_type(value, wanted):
        return path, f"it must be of type {wanted}, and {_shown(value)} is not"
    return _inner_fault(value, schema, root, path)


def _inner_fault(
    value: Any, schema: dict[str, Any], root: dict[str, Any], path: str
) -> tuple[str, str] | None:
    faults: list[tuple[str, str] | None] = []
    if isinstance(value, dict):
        missing = [name for name in schema.get("required", []) if name not in value]
        if missing:
            return path, f"it lacks {missing[0]!r}"
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                faults.append(_fault(value[name], inner, root, f"{path}.{name}" if path else name))
    elif isinstance(value, list) and "items" in schema:
        faults = [_fault(one, schema["items"], root, f"{path}[{n}]") for n, one in enumerate(value)]
    return next((fault for fault in faults if fault is not None), None)


def _is_type(value: Any, wanted: str) -> bool:
    kinds = _TYPES.get(wanted)
    if kinds is None:
        return True
    if isinstance(value, bool):
        return wanted == "boolean"
    return isinstance(value, kinds) or (
        wanted == "integer" and isinstance(value, float) and value.is_integer()
    )


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else text[:60] + "…"
