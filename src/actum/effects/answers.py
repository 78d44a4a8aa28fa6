"""What an HTTP answer says about whether a request was carried out; pure.

Three things can be said: it was done, it certainly was not, or nobody can tell. What is not in `NOT_DONE` and no 2xx
is the third, because a proxy in front of the service answers too, and some answers come after the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

import orjson
from pydantic import JsonValue

from actum.authoring.canonical import find_fault
from actum.errors import ActumError, NotDone

BUSY: Final = frozenset({423, 425, 429})
"""Refused for now: locked, too early, too many requests. Worth another attempt."""

NOT_DONE: Final = BUSY | {
    *(307, 308),  # asked to go elsewhere with the same method: nothing happened here
    *(400, 401, 402, 403, 404, 405, 406, 407),
    *(410, 411, 412, 413, 414, 415, 416, 417),
    *(421, 422, 426, 428, 431, 451),
}
"""Statuses that say: this request was refused as it stands, and nothing was done.

Left out, and so in doubt: 409 (a request under the same key may be under way), 408 and every 5xx (a proxy sends them
while the service works on; 503 too, after a connection that broke), 300 to 303 (often the answer *after* the work).
"""

AWAY: Final = frozenset({408, 425, 429})
"""With every 5xx: statuses after which a look was none, and is worth another."""

LONGEST_BODY: Final = 256 * 1024
"""Bytes of an answer that are kept; an answer is recorded as the effect's result."""

SECRET_NAMES: Final = ("password", "passwd", "secret", "token", "api_key", "apikey", "authorization")
_EXCERPT: Final = 200
MASK: Final = "•••"


class Said(Enum):
    """What a status says about the request."""

    DONE = "done"
    DECLINED = "declined"
    BUSY = "busy"
    UNCLEAR = "unclear"


class NotSent(NotDone, ConnectionError):
    """No connection was made (refused, unknown host, TLS, time-out while connecting): nothing was sent."""


class Declined(NotDone):
    """The service refused the request as it stands, or it was wrong before it was sent; it is not tried again."""

    def __init__(self, message: str, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code


class Busy(NotDone):
    """The service refused the request for now; it is tried again, and not before `retry_after` seconds, if it asks for that."""

    def __init__(self, message: str, status_code: int, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.retry_after = retry_after


class Unclear(ActumError, ConnectionError):
    """The request was sent and nobody can tell what became of it: the effect is in doubt."""

    def __init__(self, message: str, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered to a request that it carried out; the result of an HTTP effect.

    `body` is the decoded JSON, or the text of any other answer. `location` is the `Location` header, as a path below
    the service where it lies there. `is_cut` says that the answer was longer than `LONGEST_BODY` and was not kept.
    """

    status: int
    body: JsonValue = None
    location: str | None = None
    etag: str | None = None
    is_cut: bool = False


def judge(status: int, not_done: frozenset[int] = NOT_DONE) -> Said:
    """Return what `status` says, with `not_done` as the statuses after which nothing happened.

    Of those, the ones in `BUSY` and 503 are worth another attempt.
    """
    if 200 <= status < 300:
        return Said.DONE
    if status not in not_done:
        return Said.UNCLEAR
    return Said.BUSY if status in BUSY or status == 503 else Said.DECLINED


def read_body(content: bytes, content_type: str) -> JsonValue:
    """Return what an answer's bytes hold: JSON where they claim to and can be recorded, else text."""
    if not content:
        return None
    if "json" in content_type.lower():
        try:
            value: JsonValue = orjson.loads(content)
        except orjson.JSONDecodeError:
            pass
        else:
            if not find_fault(value):
                return value
    return content.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def find_path(url: str, location: str | None) -> str | None:
    """Return a Location as a path below the service at `url`, without its fragment; as it is where it leads elsewhere."""
    if location is None:
        return None
    path = location.partition("#")[0]
    if path.startswith(url + "/"):
        return path[len(url) :]
    prefix = urlsplit(url).path
    is_local = path.startswith("/") and not path.startswith("//")
    return path[len(prefix) :] if is_local and path.startswith(prefix + "/") else location


def mask(value: JsonValue) -> JsonValue:
    """Return a copy in which the values of fields named like secrets are not shown."""
    if isinstance(value, dict):
        return {name: MASK if _is_secret(name) else mask(inner) for name, inner in value.items()}
    return [mask(one) for one in value] if isinstance(value, list) else value


def _is_secret(name: str) -> bool:
    plain = name.lower().replace("-", "_")
    return any(word in plain for word in SECRET_NAMES)


def quote_answer(text: str, secrets: list[str]) -> str:
    """Return the beginning of an answer to append to a message: one line, without any of `secrets`."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    shown = " ".join(text.split())
    if not shown:
        return ""
    return f": {shown[:_EXCERPT]}…" if len(shown) > _EXCERPT else f": {shown}"
