"""The `[facts]` table of a policy, written from the types of what previews return."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from actum.machine.policy.facts import OWN, FactType

Schema: TypeAlias = Mapping[str, Any]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_TYPES: Final[Mapping[str, FactType]] = {
    "string": FactType.TEXT,
    "integer": FactType.INT,
    "number": FactType.NUMBER,
    "boolean": FactType.BOOL,
}


def vocabulary(schemas: Mapping[str, Schema]) -> str:
    """Return the TOML text of `[facts]` for the JSON schemas of facts models, by kind of effect; always the same text.

    The schemas are those of validation, which tell a decimal from a text.
    What a policy cannot ask for (lists, tables, a fact of two types) stands there as a comment that says why.
    """
    seen: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for kind, schema in sorted(schemas.items()):
        for name, inner in sorted(schema.get("properties", {}).items()):
            seen[name][_declare(inner, schema)].append(kind)
    return "\n".join(["[facts]", *(_line(name, by) for name, by in sorted(seen.items()))]) + "\n"


def _line(name: str, by: Mapping[str, list[str]]) -> str:
    written = name if _BARE.fullmatch(name) else json.dumps(name)
    if name in OWN:
        return f"# {written} is one of Actum's own: a preview cannot give it, so rename it there"
    if len(by) > 1:
        kinds = "; ".join(
            f"{declared or 'no simple value'} in {', '.join(by[declared])}" for declared in sorted(by)
        )
        return f"# {written} differs: {kinds}: rename one of them"
    ((declared, kinds_of),) = by.items()
    if not declared:
        return (
            f"# {written} of {', '.join(kinds_of)} is no simple value: give a count, a sum or a word instead"
        )
    return f"{written} = {declared}  # {', '.join(kinds_of)}"


def _declare(schema: Schema, root: Schema) -> str:
    """Return how a fact of this schema is declared; empty if it cannot be."""
    options = list(_options(schema, root))
    values = [value for one in options for value in _values(one)]
    types = {_type_of(one) for one in options}
    if types == {FactType.NUMBER, FactType.TEXT}:
        types = {FactType.DECIMAL}  # what a model says of a decimal: given as either, stored as text
    if len(types) != 1 or None in types:
        return ""
    (found,) = types
    if values and all(list(_values(one)) for one in options):
        return f'{{ type = "{found}", values = {json.dumps(values, ensure_ascii=False)} }}'
    return f'"{found}"'


def _options(schema: Schema, root: Schema, seen: frozenset[str] = frozenset()) -> Iterator[Schema]:
    """Yield what a value may be, null aside: references followed, each once, and unions taken apart."""
    reference = str(schema.get("$ref", ""))
    if reference in seen:
        yield {}
    elif reference:
        target: Any = root
        for part in reference.removeprefix("#/").split("/"):
            target = target.get(part, {}) if isinstance(target, Mapping) else {}
        yield from _options(target, root, seen | {reference})
    elif any(word in schema for word in ("anyOf", "oneOf", "allOf")):
        for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
            yield from _options(one, root, seen)
    elif schema.get("type") != "null":
        yield schema


def _values(schema: Schema) -> Iterator[object]:
    yield from (value for value in schema.get("enum", ()) if value is not None)
    if schema.get("const") is not None:
        yield schema["const"]


def _type_of(schema: Schema) -> FactType | None:
    given = schema.get("type")
    if given is None:
        kinds = {type(value) for value in _values(schema)}
        words = {bool: FactType.BOOL, int: FactType.INT, str: FactType.TEXT}
        return words.get(kinds.pop()) if len(kinds) == 1 else None
    if given == "string" and schema.get("format") == "date-time":
        return FactType.INSTANT
    return _TYPES.get(str(given))
