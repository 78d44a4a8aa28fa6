"""Values at the boundary: checked by their annotations, recorded as canonical JSON, and decoded again.

The body, live as in replay, receives only what was decoded from recorded bytes; so what is lost in JSON (the
offset's zone name, a subclass's extra fields) is lost before anything can depend on it. Annotations are resolved at
first use, so that a step may speak of types that are defined after it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import GenericAlias
from typing import Any, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import CoreConfig, PydanticSerializationError, SchemaSerializer
from typing_extensions import TypedDict

from actum.authoring.canonical import MAX_PAYLOAD, canonical, check_loose, refusal
from actum.authoring.failures import text_of
from actum.errors import InvalidContract, InvalidInput

__all__ = ["MAX_PAYLOAD", "Codec", "Form", "ValueCodec"]

_typed_dict: Any = TypedDict  # its fields come from a signature, which no checker can read
_CHECKED = ConfigDict(
    allow_inf_nan=False, ser_json_bytes="base64", val_json_bytes="base64", ser_json_timedelta="iso8601"
)
# A typed dict hands its configuration to its validator only; its serializer is made with this one.
_WRITTEN = CoreConfig(ser_json_bytes="base64", ser_json_timedelta="iso8601")
_Parameter = inspect.Parameter
_PLAIN = (_Parameter.POSITIONAL_ONLY, _Parameter.POSITIONAL_OR_KEYWORD)
_QUOTE = 80


class Form:
    """Named values, each with its annotation, as one JSON object; built at first use."""

    __slots__ = ("_adapter", "_fields", "_holds_any", "_serializer", "title")

    def __init__(self, title: str, fields: Callable[[], Mapping[str, Any]]) -> None:
        self.title = title
        self._fields = fields
        self._adapter: TypeAdapter[dict[str, Any]] | None = None
        self._serializer: SchemaSerializer | None = None
        self._holds_any = False

    @property
    def adapter(self) -> TypeAdapter[dict[str, Any]]:
        """Return the checker of all fields; raises InvalidContract for an annotation that cannot be stored."""
        if self._adapter is None:
            self._adapter = self._build()
        return self._adapter

    def tree(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return `values`, checked by their annotations, as plain JSON values; raises InvalidInput."""
        adapter = self._adapter or self.adapter
        serializer = cast(SchemaSerializer, self._serializer)
        try:
            checked = adapter.validator.validate_python(values, by_alias=True, by_name=True)
            tree = serializer.to_python(checked, mode="json", round_trip=True, warnings="error")
        except ValidationError as error:
            raise _misfit(self.title, error) from None
        except Exception as error:  # the serializer's, or what a model's own code raised
            raise self._unserializable(values, error) from None
        if self._holds_any:
            check_loose(serializer.to_python(checked, round_trip=True), self.title)
        return cast("dict[str, Any]", tree)

    def decode(self, body: bytes) -> dict[str, Any]:
        """Return the values in `body`, one JSON object; raises InvalidInput when they do not fit."""
        adapter = self._adapter or self.adapter
        try:
            return cast("dict[str, Any]", adapter.validator.validate_json(body, by_alias=True, by_name=True))
        except ValidationError as error:
            raise _misfit(self.title, error) from None

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the object, or an empty one for types that have none."""
        try:
            schema = self.adapter.json_schema()
        except PydanticUserError:
            return {}
        schema.pop("title", None)
        return schema

    def _build(self) -> TypeAdapter[dict[str, Any]]:
        try:
            fields = {name: _storable(annotation) for name, annotation in self._fields().items()}
            record: Any = _typed_dict("Values", fields)
            record.__pydantic_config__ = _CHECKED
            adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(record)
        except NameError as error:
            raise _unresolved(self.title, str(error.name)) from None
        except PydanticUserError as error:
            raise InvalidContract(
                f"{self.title}: an annotation cannot be stored ({_one_line(error)}): "
                "use a pydantic model, a dataclass or plain values"
            ) from None
        kinds = set(_schema_kinds(adapter.core_schema))
        if kinds & {"set", "frozenset"}:
            raise InvalidContract(
                f"{self.title}: a set has no order to record: annotate a list, or give the model's field a serializer that sorts"
            )
        self._holds_any = "any" in kinds
        self._serializer = SchemaSerializer(adapter.core_schema, _WRITTEN)
        return adapter

    def _unserializable(self, values: Mapping[str, Any], error: Exception) -> InvalidInput:
        if isinstance(error, RecursionError) or "Circular" in text_of(error):
            return InvalidInput(f"{self.title}: a value contains itself, and JSON cannot: break the circle")
        try:
            plain = self.adapter.serializer.to_python(values, round_trip=True, warnings=False)
        except Exception:  # it is said below what the first one was
            plain = None
        why = _one_line(error)
        if not isinstance(error, (PydanticSerializationError, ValueError)):
            why = f"code of its own raised {type(error).__name__}: {why}"
        return refusal(plain, self.title, why)


class ValueCodec:
    """One value with one annotation; what results, answers and signals are recorded with."""

    __slots__ = ("_form", "_key", "_prefix")

    def __init__(self, title: str, annotation: Callable[[], object], key: str = "value") -> None:
        self._key = key
        self._form = Form(title, lambda: {key: annotation()})
        self._prefix = b'{"%s":' % key.encode()

    def encode(self, value: object) -> bytes:
        """Return the canonical bytes of `value`; raises InvalidInput when it does not fit or cannot be stored."""
        return canonical(self._form.tree({self._key: value})[self._key], self._form.title)

    def decode(self, body: bytes) -> Any:
        """Return the value in `body`; raises InvalidInput when it does not fit the annotation."""
        return self._form.decode(self._prefix + body + b"}")[self._key]

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the value, or an empty one for types that have none."""
        whole = self._form.schema()
        value = dict(whole.get("properties", {}).get(self._key, {}))
        value.pop("title", None)
        return value | ({"$defs": whole["$defs"]} if "$defs" in whole else {})


class Codec:
    """The arguments and the result of one callable, to bytes and back.

    Encoding is deterministic: defaults are applied, keys are sorted, so equal calls have equal bytes however they
    were written. Every method raises InvalidInput (with `path`) for values that do not fit, and InvalidContract at
    first use for annotations that cannot be resolved or stored.
    """

    __slots__ = ("_arguments", "_function", "_is_plain", "_names", "_result", "signature")

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        title = name or function.__name__
        self._function = function
        self.signature = inspect.signature(function)
        parameters = self.signature.parameters
        self._names = tuple(parameters)
        self._is_plain = all(parameter.kind in _PLAIN for parameter in parameters.values())
        self._arguments = Form(title, self._fields)
        self._result = ValueCodec(title, lambda: self._hints().get("return", Any), key="result")

    def encode_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """Return the canonical JSON object of these arguments, one entry for each parameter."""
        form = self._arguments
        if self._is_plain and not kwargs and len(args) == len(self._names):
            values: Mapping[str, Any] = dict(zip(self._names, args, strict=True))
        else:
            values = self._bind(args, kwargs)
        return canonical(form.tree(values), form.title)

    def decode_arguments(self, body: bytes) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return `(args, kwargs)` with which to call the function: a fresh copy at every call."""
        values = self._arguments.decode(body)
        if self._is_plain:
            return tuple([values[name] for name in self._names]), {}
        return self._spread(values)

    def encode_result(self, value: object) -> bytes:
        """Return the canonical bytes of a result."""
        return self._result.encode(value)

    def decode_result(self, body: bytes) -> Any:
        """Return the result in `body`: a fresh copy at every call."""
        return self._result.decode(body)

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments."""
        return self._arguments.schema()

    def output_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the result."""
        return self._result.schema()

    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidInput(
                f"{self._arguments.title}: {error}; it takes {self.signature.replace(return_annotation=inspect.Signature.empty)}"
            ) from None
        bound.apply_defaults()
        return bound.arguments

    def _spread(self, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for name, parameter in self.signature.parameters.items():
            match parameter.kind:
                case _Parameter.VAR_POSITIONAL:
                    args.extend(values[name])
                case _Parameter.VAR_KEYWORD:
                    kwargs.update(values[name])
                case _Parameter.KEYWORD_ONLY:
                    kwargs[name] = values[name]
                case _:
                    args.append(values[name])
        return tuple(args), kwargs

    def _fields(self) -> dict[str, Any]:
        hints = self._hints()
        fields: dict[str, Any] = {}
        for name, parameter in self.signature.parameters.items():
            hint = hints.get(name, Any)
            if parameter.kind is _Parameter.VAR_POSITIONAL:
                hint = GenericAlias(list, (hint,))
            elif parameter.kind is _Parameter.VAR_KEYWORD:
                hint = GenericAlias(dict, (str, hint))
            fields[name] = hint
        return fields

    def _hints(self) -> dict[str, Any]:
        cells = zip(self._function.__code__.co_freevars, self._function.__closure__ or (), strict=True)
        names = {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}
        return get_type_hints(self._function, localns=names or None, include_extras=True)


def _storable(annotation: Any) -> Any:
    return Any if annotation is inspect.Parameter.empty else annotation


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # an unassigned closure variable raises
    except ValueError:
        return False
    return True


def _schema_kinds(schema: object) -> Iterator[str]:
    """Yield the type of every part of a pydantic schema whose serialization the author did not write."""
    if isinstance(schema, Mapping):
        kind = schema.get("type")
        if isinstance(kind, str) and "serialization" not in schema:
            yield kind
        for key, part in schema.items():
            if key not in ("default", "metadata", "config", "expected", "serialization"):
                yield from _schema_kinds(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from _schema_kinds(part)


def _misfit(title: str, error: ValidationError) -> InvalidInput:
    first, *others = error.errors(include_url=False)
    path = ""
    for part in first["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    if first["type"] == "json_invalid":
        return InvalidInput(f"{title}: not JSON: {first['msg'].removeprefix('Invalid JSON: ')}")
    shown = _shown(first["input"])
    shown = shown if len(shown) <= _QUOTE else shown[:_QUOTE] + "…"
    more = f" (and {len(others)} more)" if others else ""
    return InvalidInput(
        f"{title}: {path or 'the value'} does not fit its annotation: {first['msg']}, got {shown}{more}",
        path=path,
    )


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # nested too deeply, or a __repr__ that raises
        return f"a {type(value).__name__} that cannot be shown"


def _unresolved(title: str, name: str) -> InvalidContract:
    return InvalidContract(
        f"{title}: the annotation {name!r} cannot be resolved: import or define it at the top of the module, "
        "outside of TYPE_CHECKING"
    )


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in text_of(error).splitlines() if line.strip()]
    return " ".join(lines)[:300] or type(error).__name__
