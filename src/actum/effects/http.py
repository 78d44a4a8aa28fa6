"""Requests to a service as effects: the operation key in a header, answers that mean "not done" told from doubt.

    tracker = Service("https://tracker.example/api", headers=lambda: {"Authorization": os.environ["TRACKER_AUTH"]})
    create_ticket = tracker.effect("ticket.create", "POST")

    @create_ticket.probe
    async def _(path: str, body: JsonValue) -> Happened[Answer] | NotHappened | Unknown:
        return await tracker.look(f"/tickets/by-key?key={quoted_key()}")

    @create_ticket.undo
    async def _(answer: Answer, path: str, body: JsonValue) -> None:
        await tracker.remove(answer.location or "")

In a contract: `await create_ticket("/tickets", {"subject": "…"})`. For an effect with parameters and a result of its
own, write `@effect` as usual and call `send`, `look`, `remove` and `show` in its body and hooks.
Needs httpx: `pip install "actum[http]"`; it is imported when the first request is sent.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from pydantic import JsonValue

from actum.authoring.attempt import CURRENT_ATTEMPT, attempt
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
    find_path,
    judge,
    mask,
    quote_answer,
    read_body,
)
from actum.effects.request import (
    check_headers,
    check_method,
    check_path,
    check_sendable,
    encode_body,
    is_token,
    list_secrets,
    printed_key,
    quote_key,
    split_address,
)
from actum.errors import InvalidContract, InvalidInput, OutsideWorkflow
from actum.machine.classify import retry_after
from actum.model.contract import Duration, Retry, parse_duration
from actum.outcomes import Happened, NotHappened, Preview, Unknown

if TYPE_CHECKING:
    import httpx

__all__ = [
    "NOT_DONE",
    "Answer",
    "Busy",
    "Declined",
    "NotSent",
    "RequestFacts",
    "Service",
    "Unclear",
    "quoted_key",
]

Headers = Mapping[str, str]

LONGEST_CONNECT = 10.0
"""Seconds; at most half of the time-out, so that a service that is away is known to be away."""

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_GONE = (404, 410)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """An answer, and the beginning of its text for a message, without secrets."""

    answer: Answer
    quote: str
    retry_after: float | None


def _no_headers() -> Headers:
    return {}


def quoted_key() -> str:
    """Return the running attempt's operation key as the service got it, quoted to stand in a path or a query.

    For a probe: `tracker.look(f"/tickets/by-key?key={quoted_key()}")`. The plain key would be cut off or taken apart
    there: it holds slashes, and `#2` in its second generation. The same in every attempt.
    Raises OutsideWorkflow where no attempt runs, and in a step, which has no operation key.
    """
    key = attempt().key
    if key is None:
        raise OutsideWorkflow(
            "quoted_key() was asked for in a step, and a step has no operation key: "
            "ask in an effect or in one of its hooks"
        )
    return quote_key(key)


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
        parts = split_address(self.url)
        if parts is None:
            raise InvalidContract(
                f"{self.url.rpartition('@')[2]!r} is no address of a service: write https://host/path"
            )
        if parts.username is not None or "?" in self.url or "#" in self.url:
            raise InvalidContract(
                f"the address of {parts.hostname} carries a user, query or fragment: "
                "an address is shown to people, so give those as headers=… or in the path of a call"
            )
        if any(200 <= status < 300 for status in self.not_done):
            raise InvalidContract("not_done names a status below 300 that means success: take it out")
        if not is_token(self.key_header):
            raise InvalidContract(f"key_header={self.key_header!r} is no name of a header")
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
        Method, path, headers and body that cannot be sent are Declined too, before anything is sent.
        A `body` of None sends none; anything else is sent as JSON. Redirects are not followed.
        """
        try:
            method, address = check_method(method), self.url + check_path(path)
        except InvalidInput as error:
            raise Declined(f"the request was not sent: {error}") from None
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

        Raises NotSent or Unclear when the service did not look (408, 425, 429, any 5xx, no answer), InvalidInput or
        Declined for a path and headers that cannot be sent: a probe that fails is tried again, and then a person is
        asked. A key in the path is quoted by `quoted_key`.
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

        Raises InvalidInput for a method or body that cannot be sent, and for a path that leads out of the service or
        carries a secret.
        """
        method, address = check_method(method), self.url + check_path(path)
        size = len(encode_body(body))
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
        secrets = list_secrets(given)
        nothing_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
        async with self._opened(shown) as client:
            request = self._built(client, method, address, body, given)
            try:
                response = await client.send(request, stream=True, follow_redirects=False)
                content, is_cut = await _read(response)
            except nothing_sent as error:
                raise NotSent(f"{shown} was not sent: {_why(error, secrets)}") from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:  # InvalidURL: of the answer's Location
                raise Unclear(
                    f"{shown} was sent, and no whole answer came back: {_why(error, secrets)}"
                ) from error
        found = response.headers
        answer = Answer(
            response.status_code,
            None if is_cut else read_body(content, found.get("content-type", "")),
            find_path(self.url, found.get("location")),
            found.get("etag"),
            is_cut,
        )
        quote = quote_answer(content.decode("utf-8", "replace"), secrets)
        pause = retry_after(found.get("retry-after"), datetime.now(UTC))
        return _Exchange(answer, quote, None if pause is None else pause.total_seconds())

    def _given_headers(self, shown: str) -> Headers:
        """Return the author's headers; what is wrong with them is known before anything is sent."""
        try:
            given = self.headers() if callable(self.headers) else self.headers
        except Exception as error:  # the author's function; its message may hold what it read
            raise NotSent(
                f"{shown} was not sent: its headers could not be made ({type(error).__name__})"
            ) from None
        try:
            return check_headers(given, self.key_header)
        except InvalidInput as error:
            raise Declined(f"{shown} was not sent: {error}") from None

    @asynccontextmanager
    async def _opened(self, shown: str) -> AsyncIterator[httpx.AsyncClient]:
        """Give a client for one request; one that cannot be opened has sent nothing."""
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(self._client())
            except Exception as error:  # the author's function, or the certificates of this machine
                raise NotSent(
                    f"{shown} was not sent: no client could be opened for it ({type(error).__name__}); "
                    "open_client must return a new one each time"
                ) from None
            yield client

    def _built(
        self, client: httpx.AsyncClient, method: str, address: str, body: JsonValue, given: Headers
    ) -> httpx.Request:
        """Return the request as it will be sent; what cannot be sent is Declined."""
        try:
            content = encode_body(body)
            request = client.build_request(
                method,
                address,
                headers={**given, **self._own_headers(method, body, given)},
                content=content or None,
            )
            check_sendable(request.headers.multi_items())
        except Exception as error:
            why = str(error) if isinstance(error, InvalidInput) else _why(error, list_secrets(given))
            raise Declined(f"{method} {address.partition('?')[0][:200]} was not sent: {why}") from None
        return request

    def _own_headers(self, method: str, body: JsonValue, given: Headers) -> Headers:
        """Return what we add: the kind of content, unless it is given, and the running attempt's key where it writes.

        Where no attempt runs, as in a script or a unit test, there is no key.
        """
        is_typed = body is None or any(name.lower() == "content-type" for name in given)
        own = {} if is_typed else {"Content-Type": "application/json"}
        current = CURRENT_ATTEMPT.get()
        if method in _WRITES and current is not None and current.key:
            own[self.key_header] = printed_key(current.key)
        return own

    def _client(self) -> httpx.AsyncClient:
        import httpx

        if self.open_client is not None:
            return self.open_client()
        limit = parse_duration(self.timeout).total_seconds()
        return httpx.AsyncClient(
            verify=_trusted(), timeout=httpx.Timeout(limit, connect=min(LONGEST_CONNECT, limit / 2))
        )


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


def _why(error: Exception, secrets: list[str]) -> str:
    return f"{type(error).__name__}{quote_answer(str(error), secrets)}"
