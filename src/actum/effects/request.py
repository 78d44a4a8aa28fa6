"""What of a request can be judged before anything is sent; pure.

Whatever is refused here was certainly not done. What is found out while sending leaves a doubt, and a doubt a person.
Each refusal is an InvalidInput with one sentence, in which no value of a header is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

import orjson
from pydantic import JsonValue

from actum.errors import InvalidInput

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
_PRINTED_IN_KEYS: Final = "/#:@!$&'()*+,;="
_SHORTEST_SECRET: Final = 6
_SECRET_PARAMETERS: Final = frozenset(
    {"access_token", "api_key", "apikey", "client_secret", "password", "secret"}
)


def split_address(url: str) -> SplitResult | None:
    """Return the parts of a service's address; None for one that cannot be meant."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # refuses what is no number
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def is_token(text: object) -> bool:
    """Whether `text` can be a method or the name of a header."""
    return isinstance(text, str) and _TOKEN.fullmatch(text) is not None


def check_method(method: str) -> str:
    """Return `method` in capitals; raises InvalidInput for what is none."""
    if not is_token(method):
        raise InvalidInput(f"{method!r} is no method: write one such as POST", path="method")
    return method.upper()


def check_path(path: object) -> str:
    """Return `path` if it stays below its service and holds no secret; raises InvalidInput otherwise."""
    text = path if isinstance(path, str) else ""
    if not text.startswith("/") or text.startswith("//") or "\\" in text or not text.isprintable():
        raise InvalidInput(
            f"{_shown(path)} is no path below the service: write it from its first slash on, such as /tickets/4711",
            path="path",
        )
    if "#" in text:
        raise InvalidInput(
            f"{_shown(text)} holds #, and what follows it would not be sent: quote it, as %23 "
            "(an operation key is quoted by actum.effects.http.quoted_key())",
            path="path",
        )
    parts = urlsplit(text)
    if ".." in unquote(parts.path).split("/"):
        raise InvalidInput(
            f"{_shown(text)} climbs out of the service: write the path without ..", path="path"
        )
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name.lower() in _SECRET_PARAMETERS:
            raise InvalidInput(
                f"the path carries {name}=, and arguments are recorded: give it to the service as a header",
                path="path",
            )
    return text


def _shown(path: object) -> str:
    return repr(path)[:80]


def check_headers(given: Mapping[str, str], key_header: str) -> dict[str, str]:
    """Return the author's headers if they can be sent and none is ours to write; raises InvalidInput otherwise."""
    if not isinstance(given, Mapping):
        raise InvalidInput(
            f"its headers are of type {type(given).__name__}: give a mapping of names to texts",
            path="headers",
        )
    for name, value in given.items():
        _check_name(name)
        _check_value(name, value)
        if name.lower() in _FRAMING:
            raise InvalidInput(
                f"its header {name} is written by the request itself: leave it out", path="headers"
            )
        if name.lower() == key_header.lower():
            raise InvalidInput(
                f"its header {name} is where the operation key goes: leave it out, or name another with key_header=",
                path="headers",
            )
    return dict(given)


def check_sendable(headers: Iterable[tuple[str, str]]) -> None:
    """Raise InvalidInput for a header that no request can carry, whoever has added it."""
    for name, value in headers:
        _check_name(name)
        _check_value(name, value)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise InvalidInput(
            f"of its headers, one has a name of type {type(name).__name__}: a name is text", path="headers"
        )
    if not is_token(name):
        found = _TOKEN.match(name)
        beginning = found.group() if found else ""  # no more of it: a secret may have slipped into the name
        raise InvalidInput(
            f"of its headers, one has a name that begins with {beginning!r} and goes on as no name can: "
            "use letters, digits and -",
            path="headers",
        )


def _check_value(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidInput(
            f"its header {name} is of type {type(value).__name__}, and a header is text: check its source",
            path="headers",
        )
    if not value.isprintable() or not value.isascii():
        raise InvalidInput(
            f"its header {name} holds what no header can: use printable ASCII, and check its source",
            path="headers",
        )
    if value != value.strip():
        raise InvalidInput(
            f"its header {name} begins or ends with a space, which cannot be sent: strip it", path="headers"
        )


def list_secrets(headers: Mapping[str, str]) -> list[str]:
    """Return what of the headers must not be quoted: the values, and their words."""
    words = {word for value in headers.values() for word in (value, *value.split())}
    return sorted((word for word in words if len(word) >= _SHORTEST_SECRET), key=len, reverse=True)


def encode_body(body: JsonValue) -> bytes:
    """Return the JSON to send, nothing for None; raises InvalidInput for what JSON cannot hold."""
    if body is None:
        return b""
    try:
        content = orjson.dumps(body)
        if b"null" in content:  # may stand for a NaN or infinity, which is another value
            json.dumps(body, allow_nan=False, default=str)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the body cannot be written as JSON: {error}", path="body") from None
    return content


def printed_key(key: str) -> str:
    """Return an operation key as a header carries it: what is no printable ASCII, spaces and % as %XX."""
    return quote(key, safe=_PRINTED_IN_KEYS)


def quote_key(key: str) -> str:
    """Return the key that a header carried, quoted for one segment of a path or one value of a query."""
    return quote(printed_key(key), safe="")
