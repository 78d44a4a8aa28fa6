"""Requests to a service as effects: the operation key in a header, answers that mean "not done" told from doubt.

    tracker = Service("https://tracker.example/api", headers=lambda: {"Authorization": os.environ["TRACKER_AUTH"]})
    create_ticket = tracker.effect("ticket.create", "POST")

    @create_ticket.probe
    async def _(path: str, body: JsonValue) -> Happened[Answer] | NotHappened | Unknown:
        return await tracker.look(f"/tickets/by-key/{attempt().key}")

    @create_ticket.undo
    async def _(answer: Answer, path: str, body: JsonValue) -> None:
        await tracker.remove(answer.location or "")

In a contract: `await create_ticket("/tickets", {"subject": "…"})`. For an effect with parameters and a result of its
own, write `@effect` as usual and call `send`, `look`, `remove` and `show` in its body and hooks.
Needs httpx: `pip install "actum[http]"`; it is imported when the first request is sent.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import orjson
from pydantic import JsonValue

from actum.authoring.attempt import CURRENT_ATTEMPT
from actum.authoring.effect import DEFAULT_SETTLE_AFTER, Effect, effect
from actum.effects.answers import (
    AWAY,
    LONGEST_BODY,
    NOT_DONE,
    Answer,
    Busy,
    Declined,
    NotSent,
    Said,
    Unclear,
    check_path,
    judge,
    mask,
    quote_answer,
    read_body,
)
from actum.errors import InvalidContract, InvalidInput
from actum.machine.classify import retry_after
from actum.model.contract import Duration, Retry, parse_duration
from actum.outcomes import Happened, NotHappened, Preview, Unknown

if TYPE_CHECKING:
    import httpx

__all__ = ["NOT_DONE", "Answer", "Busy", "Declined", "NotSent", "RequestFacts", "Service", "Unclear"]

Headers = Mapping[str, str]

LONGEST_CONNECT = 10.0
"""Seconds; at most half of the time-out, so that a service that is away is known to be away."""

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_GONE = (404, 410)
_SHORTEST_SECRET = 6
_PRINTED_IN_KEYS = "/#:@!$&'()*+,;= "


@dataclass(frozen=True, slots=True)
class _Exchange:
    """An answer, and the beginning of its text for a message, without secrets."""

    answer: Answer
    quote: str
    retry_after: float | None


def _no_headers() -> Headers:
    return {}


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What policy is told of a request: its method, the host, the path below the service, and the body's bytes."""

    method: str
    host: str
    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Service:
    """The other side: where it is, and what it promises.

    `url` has no password in it; paths are joined to it and cannot lead out of it. `headers` are sent with every
    request and shown nowhere; a function is called for each request, so a secret is read where it is used and never
    recorded. The operation key goes into `key_header`. `honours_keys` says that the service does the work once for
    each key and answers a repeated request as it did the first: only then is a doubt ended by repeating. `not_done`
    are the statuses after which nothing happened (take some out, or add `503` where no proxy can send it). `timeout`
    is for one request. `open_client` returns a client of your own (certificates, proxies), opened for each request:
    its redirects stay off, and a fresh connection is never one that the service has just closed.
    Raises InvalidContract for an address that cannot be meant, and where httpx is missing.
    """

    url: str
    headers: Headers | Callable[[], Headers] = field(default=_no_headers, repr=False)
    key_header: str = "Idempotency-Key"
    honours_keys: bool = False
    not_done: frozenset[int] = NOT_DONE
    timeout: Duration = "30s"
    open_client: Callable[[], httpx.AsyncClient] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if find_spec("httpx") is None:
            raise InvalidContract('actum.effects.http needs httpx: pip install "actum[http]"')
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidContract(f"{self.url!r} is no address of a service: write https://host/path")
        if parts.username is not None or parts.query or parts.fragment:
            raise InvalidContract(
                f"the address of {parts.hostname} carries a user, query or fragment: "
                "an address is shown to people, so give those as headers=… or in the path of a call"
            )
        if any(200 <= status < 300 for status in self.not_done):
            raise InvalidContract("not_done names a status below 300 that means success: take it out")
        parse_duration(self.timeout)
        object.__setattr__(self, "url", self.url.rstrip("/"))

    def effect(
        self,
        kind: str,
        method: str,
        *,
        settle_after: Duration = DEFAULT_SETTLE_AFTER,
        retry: Retry | None = None,
        name: str | None = None,
    ) -> Effect[[str, JsonValue], Answer]:
        """Return an effect that sends one request; it takes `(path, body)` and brings the `Answer`.

        It has a preview. A doubt is ended by repeating where the service honours keys, else by the probe you attach,
        else by a person. Raises InvalidContract for a method that does not write.
        """
        method = method.upper()
        if method not in _WRITES:
            raise InvalidContract(
                f"{kind}: {method} is no request that writes: {', '.join(sorted(_WRITES))} are"
            )

        @effect(
            kind,
            in_doubt="repeat" if self.honours_keys else "ask",
            settle_after=settle_after,
            timeout=self.timeout,
            retry=retry or Retry(attempts=4, never=(Declined,)),
            name=name or kind,
        )
        async def send(path: str, body: JsonValue) -> Answer:
            return await self.send(method, path, body)

        @send.preview
        def _(path: str, body: JsonValue) -> Preview[RequestFacts]:
            return self.show(method, path, body)

        return send

    async def send(self, method: str, path: str, body: JsonValue = None) -> Answer:
        """Send one request under the running attempt's key, once, and return the answer that says it was done.

        Raises NotSent, Busy or Declined (all NotDone) when nothing happened, and Unclear when nobody can tell.
        A `body` of None sends none; anything else is sent as JSON. Redirects are not followed.
        """
        try:
            address = self.url + check_path(path)
        except InvalidInput as error:
            raise Declined(str(error)) from None
        exchange = await self._exchange(method, address, body)
        status = exchange.answer.status
        because = f"{method} {address.partition('?')[0]} was answered with {status}{exchange.quote}"
        match judge(status, self.not_done):
            case Said.DONE:
                return exchange.answer
            case Said.BUSY:
                raise Busy(because, status, exchange.retry_after)
            case Said.DECLINED:
                raise Declined(because, status)
            case Said.UNCLEAR:
                raise Unclear(f"{because}; that does not say whether it was done", status)

    async def look(self, path: str) -> Happened[Answer] | NotHappened | Unknown:
        """Answer a probe by GET: 2xx says that it happened, 404 and 410 that it did not, the rest nothing.

        Raises NotSent or Unclear when the service did not look (408, 425, 429, any 5xx, no answer): a probe that fails
        is tried again, and then a person is asked.
        """
        exchange = await self._exchange("GET", self.url + check_path(path), None)
        answer = exchange.answer
        if answer.status >= 500 or answer.status in AWAY:
            raise Unclear(
                f"GET {self.url}{path.partition('?')[0]} was answered with {answer.status}{exchange.quote}"
            )
        if 200 <= answer.status < 300:
            return Happened(answer)
        return NotHappened() if answer.status in _GONE else Unknown()

    async def remove(self, path: str) -> None:
        """DELETE what an effect made, for its undo; what is gone already is fine. Raises what `send` raises."""
        try:
            await self.send("DELETE", path)
        except (Declined, Unclear) as refusal:
            if refusal.status_code not in _GONE:
                raise

    def show(self, method: str, path: str, body: JsonValue = None) -> Preview[RequestFacts]:
        """Return the preview of a request: method, address and body, without the fields named like secrets.

        Raises InvalidInput for a path that leads out of the service or carries a secret.
        """
        address = self.url + check_path(path)
        size = len(_encoded(body))
        shown = "" if body is None else orjson.dumps(mask(body), option=orjson.OPT_INDENT_2).decode()
        what = f"with {size:,} bytes of JSON" if size else "without a body"
        return Preview(
            f"Send 1 {method} request {what} to {address}",
            target=address.partition("?")[0],
            facts=RequestFacts(method, urlsplit(self.url).hostname or "", path, size),
            diff=shown,
        )

    async def _exchange(self, method: str, address: str, body: JsonValue) -> _Exchange:
        """Send a request and read what comes back, whatever its status."""
        import httpx

        shown = f"{method} {address.partition('?')[0]}"
        given = self._given_headers(shown)
        secrets = _secrets(given)
        nothing_sent = (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.ProxyError,
            httpx.UnsupportedProtocol,
            httpx.InvalidURL,
        )
        try:
            async with self._client() as client:
                request = client.build_request(
                    method,
                    address,
                    headers={**given, **_own_headers(self.key_header, method, body)},
                    content=_encoded(body) or None,
                )
                response = await client.send(request, stream=True, follow_redirects=False)
                content, is_cut = await _read(response)
        except nothing_sent as error:
            raise NotSent(f"{shown} was not sent: {_why(error, secrets)}") from error
        except httpx.HTTPError as error:
            raise Unclear(
                f"{shown} was sent, and no whole answer came back: {_why(error, secrets)}"
            ) from error
        found = response.headers
        answer = Answer(
            response.status_code,
            None if is_cut else read_body(content, found.get("content-type", "")),
            self._below(found.get("location")),
            found.get("etag"),
            is_cut,
        )
        quote = quote_answer(content.decode("utf-8", "replace"), secrets)
        pause = retry_after(found.get("retry-after"), datetime.now(UTC))
        return _Exchange(answer, quote, None if pause is None else pause.total_seconds())

    def _given_headers(self, shown: str) -> Headers:
        """Return the author's headers; what is wrong with them is known before anything is sent."""
        try:
            given = dict(self.headers() if callable(self.headers) else self.headers)
        except Exception as error:  # the author's function; its message may hold what it read
            raise NotSent(
                f"{shown} was not sent: its headers could not be made ({type(error).__name__})"
            ) from None
        for name, value in given.items():
            if not value.isprintable() or not value.isascii():
                raise Declined(
                    f"{shown} was not sent: the header {name} holds what no header can; check its source"
                )
        return given

    def _client(self) -> httpx.AsyncClient:
        import httpx

        if self.open_client is not None:
            return self.open_client()
        limit = parse_duration(self.timeout).total_seconds()
        return httpx.AsyncClient(
            verify=_trusted(), timeout=httpx.Timeout(limit, connect=min(LONGEST_CONNECT, limit / 2))
        )

    def _below(self, location: str | None) -> str | None:
        if location is None:
            return None
        if location.startswith(self.url + "/"):
            return location[len(self.url) :]
        prefix = urlsplit(self.url).path
        is_local = location.startswith("/") and not location.startswith("//")
        return location[len(prefix) :] if is_local and location.startswith(prefix + "/") else location


@cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates to trust, loaded once: that takes longer than a request."""
    import httpx

    return httpx.create_ssl_context()


async def _read(response: httpx.Response) -> tuple[bytes, bool]:
    """Return an answer's bytes, and whether there were more than are kept."""
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > LONGEST_BODY:
            return bytes(content[:LONGEST_BODY]), True
    return bytes(content), False


def _encoded(body: JsonValue) -> bytes:
    return b"" if body is None else orjson.dumps(body)


def _own_headers(key_header: str, method: str, body: JsonValue) -> Headers:
    """Return what we add: the kind of content, and the running attempt's key where something is written.

    Where no attempt runs, as in a script or a unit test, there is no key.
    """
    own = {} if body is None else {"Content-Type": "application/json"}
    current = CURRENT_ATTEMPT.get()
    if method in _WRITES and current is not None and current.key:
        own[key_header] = quote(current.key, safe=_PRINTED_IN_KEYS)
    return own


def _secrets(headers: Headers) -> list[str]:
    """Return what of the headers must not be quoted: the values, and their words."""
    words = {word for value in headers.values() for word in (value, *value.split())}
    return sorted((word for word in words if len(word) >= _SHORTEST_SECRET), key=len, reverse=True)


def _why(error: Exception, secrets: list[str]) -> str:
    return f"{type(error).__name__}{quote_answer(str(error), secrets)}"
