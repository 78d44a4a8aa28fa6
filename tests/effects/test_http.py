"""One request of an effect: which answers mean "not done", which leave a doubt, and what people get to see of it."""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import JsonValue
from service_remote import Remote

from actum import Happened, NotDone, NotHappened, Unknown
from actum.authoring.attempt import CURRENT_ATTEMPT, Attempt
from actum.effects.answers import BUSY, NOT_DONE, Said, judge
from actum.effects.http import (
    Answer,
    Busy,
    Declined,
    NotSent,
    RequestFacts,
    Service,
    Unclear,
    quoted_key,
)
from actum.errors import InvalidContract, InvalidInput, OutsideWorkflow

SECRET = "s3cr3t-of-the-service"


@pytest.fixture
def under_a_key() -> Iterator[None]:
    token = CURRENT_ATTEMPT.set(Attempt(number=1, key="order/4711#2 für Ana"))
    yield
    CURRENT_ATTEMPT.reset(token)


def service(remote: Remote, **options: object) -> Service:
    return Service(remote.url, headers=lambda: {"Authorization": f"Bearer {SECRET}"}, **options)  # type: ignore[arg-type]


async def test_a_request_carries_the_key_and_brings_what_was_answered(
    remote: Remote, under_a_key: None
) -> None:
    answer = await service(remote).send("POST", "/things", {"name": "a"})
    assert (
        Answer(201, {"id": "1", "key": "order/4711#2%20f%C3%BCr%20Ana", "body": {"name": "a"}}, "/things/1")
        == answer
    )
    (seen,) = (await remote.world())["seen"]
    assert ("POST", "/things", {"name": "a"}) == (seen["method"], seen["path"], seen["body"])
    assert f"Bearer {SECRET}" == seen["headers"]["Authorization"]


@pytest.mark.parametrize("place", ["/things/by-key/", "/things/by-key?key="])
async def test_what_was_sent_is_found_by_its_quoted_key(
    remote: Remote, under_a_key: None, place: str
) -> None:
    tracker = service(remote)
    await tracker.send("post", "/things")
    found = await tracker.look(f"{place}{quoted_key()}")
    assert isinstance(found, Happened)
    assert NotHappened() == await tracker.look(f"{place}{quoted_key()}2")


def test_a_quoted_key_is_refused_where_there_is_none() -> None:
    token = CURRENT_ATTEMPT.set(Attempt(number=1))
    try:
        with pytest.raises(OutsideWorkflow, match="a step has no operation key"):
            quoted_key()
    finally:
        CURRENT_ATTEMPT.reset(token)


async def test_a_look_carries_no_key(remote: Remote, under_a_key: None) -> None:
    sent: list[httpx.Request] = []

    async def keep(request: httpx.Request) -> None:
        sent.append(request)

    watched = Service(remote.url, open_client=lambda: httpx.AsyncClient(event_hooks={"request": [keep]}))
    await watched.look("/status/200")
    await watched.send("POST", "/things")
    assert [False, True] == ["Idempotency-Key" in one.headers for one in sent]


@pytest.mark.parametrize("status", sorted(NOT_DONE))
async def test_these_statuses_say_that_nothing_happened(remote: Remote, status: int) -> None:
    await remote.plan(str(status), text="no")
    with pytest.raises(NotDone) as caught:
        await service(remote).send("POST", "/things")
    assert (Busy if status in BUSY else Declined) is type(caught.value)
    assert status == caught.value.status_code  # type: ignore[attr-defined]
    assert f'answered with {status}: {{"error": "no"}}' in str(caught.value)
    assert 0 == await remote.acts()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 408, 409, 418, 500, 502, 503, 504, 599])
async def test_these_statuses_leave_a_doubt(remote: Remote, status: int) -> None:
    await remote.plan(str(status), location="/things/elsewhere")
    with pytest.raises(Unclear, match=f"answered with {status}") as caught:
        await service(remote).send("POST", "/things")
    assert not isinstance(caught.value, NotDone)
    assert 1 == len((await remote.world())["seen"]), "no redirect was followed"


@pytest.mark.parametrize("location", ["http:things/9", "ftp://elsewhere.example/", "http://[", "/things/%"])
async def test_an_answer_that_leads_nowhere_is_a_doubt_and_not_a_request_that_was_never_sent(
    remote: Remote, location: str
) -> None:
    await remote.plan("303", location=location)
    with pytest.raises(Unclear):
        await service(remote).send("POST", "/things")
    assert 1 == len((await remote.world())["seen"])


async def test_an_author_may_know_better_which_statuses_mean_not_done(remote: Remote) -> None:
    plain = service(remote, not_done=(NOT_DONE | {503}) - {404})
    await remote.plan("503", "404")
    with pytest.raises(Busy):
        await plain.send("POST", "/things")
    with pytest.raises(Unclear):
        await plain.send("POST", "/things")
    assert Said.DONE is judge(204)


@pytest.mark.parametrize("how", ["drop", "cut", "raw"])
async def test_a_lost_answer_leaves_a_doubt_because_it_happened(remote: Remote, how: str) -> None:
    await remote.plan(how)
    with pytest.raises(Unclear, match="was sent, and no whole answer came back"):
        await service(remote).send("POST", "/things")
    assert 1 == await remote.acts()


async def test_a_service_that_hangs_leaves_a_doubt_after_the_time_out(remote: Remote) -> None:
    await remote.plan("hang")
    with pytest.raises(Unclear, match="ReadTimeout"):
        await service(remote, timeout="200ms").send("POST", "/things")
    assert 1 == await remote.acts()


async def test_of_two_answers_to_one_request_the_first_counts(remote: Remote) -> None:
    await remote.plan("twice")
    first = await service(remote).send("POST", "/things")
    second = await service(remote).send("POST", "/things")
    assert ["/things/1", "/things/2"] == [first.location, second.location]
    assert 2 == await remote.acts()


@pytest.mark.parametrize("place", ["refused", "unknown host", "no tls"])
async def test_where_no_connection_is_made_nothing_was_sent(remote: Remote, place: str) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # bound and not listening: refused, and nobody else can take the port
        urls = {
            "refused": f"http://127.0.0.1:{deaf.getsockname()[1]}",
            "unknown host": "http://nobody.invalid",
            "no tls": remote.url.replace("http:", "https:"),
        }
        with pytest.raises(NotSent, match=r"POST .*/things was not sent: ConnectError"):
            await Service(urls[place]).send("POST", "/things")
    assert [] == (await remote.world())["seen"]


async def test_a_probe_looks_by_get(remote: Remote) -> None:
    tracker = service(remote)
    await tracker.send("POST", "/things", 1)
    found = await tracker.look("/status/200")
    assert isinstance(found, Happened)
    assert {"error": "as asked"} == found.result.body
    assert [NotHappened()] * 2 == [await tracker.look("/status/404"), await tracker.look("/status/410")]
    for status in (302, 401, 403, 409):
        assert Unknown() == await tracker.look(f"/status/{status}")
    for status in (408, 425, 429, 500, 503):
        with pytest.raises(Unclear, match=f"answered with {status}"):
            await tracker.look(f"/status/{status}")


async def test_what_is_gone_already_is_removed_and_what_resists_is_not(remote: Remote) -> None:
    tracker = service(remote)
    made = await tracker.send("POST", "/things")
    for _ in range(2):
        await tracker.remove(made.location or "")
    assert [] == (await remote.world())["things"]
    await remote.plan("403")
    with pytest.raises(Declined):
        await tracker.remove("/things/1")


async def test_a_location_below_the_service_becomes_a_path(remote: Remote) -> None:
    below = Service(f"{remote.url}/keyed")
    for location, path in [
        (f"{remote.url}/keyed/things/7", "/things/7"),
        ("/keyed/things/7", "/things/7"),
        ("/keyed/things/7#top", "/things/7"),
        ("//elsewhere.example/things/7", "//elsewhere.example/things/7"),
        ("https://elsewhere.example/things/7", "https://elsewhere.example/things/7"),
    ]:
        await remote.plan(location=location)
        assert path == (await below.send("POST", "/things")).location
    with pytest.raises(Declined, match="no path below the service"):
        await below.remove("//elsewhere.example/things/7")


async def test_an_answer_that_is_too_long_is_not_kept(remote: Remote) -> None:
    found = await service(remote).look("/large")
    assert Happened(Answer(200, is_cut=True)) == found


PATHS = [
    "things",
    "//other.example/x",
    "https://other.example/",
    "/a/../../b",
    "/a/%2e%2e/b",
    "/a\\b",
    "/a\nb",
    "/things/a#b",
    "",
    None,
]


async def test_a_path_cannot_leave_the_service_or_carry_a_secret(remote: Remote) -> None:
    path: Any
    for path in [*PATHS, "/things?api_key=abc"]:
        with pytest.raises(InvalidInput):
            service(remote).show("POST", path)
        with pytest.raises(Declined):
            await service(remote).send("POST", path)
        assert [] == (await remote.world())["seen"], path


@pytest.mark.parametrize(
    "url",
    [
        "tracker.example",
        "ftp://x.example",
        "https://ana:pw@x.example",
        "https://x.example/?key=1",
        "https://",
        "https://x.example/#",
        "https://x.example/?",
        "https://[x.example",
        "https://x.example:port",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused_and_its_password_is_not_repeated(url: str) -> None:
    with pytest.raises(InvalidContract) as caught:
        Service(url)
    assert "pw" not in str(caught.value)


def test_what_cannot_be_declared_is_refused() -> None:
    with pytest.raises(InvalidContract, match="success"):
        Service("https://x.example", not_done=frozenset({200}))
    with pytest.raises(InvalidContract, match="key_header='X Y' is no name of a header"):
        Service("https://x.example", key_header="X Y")
    with pytest.raises(InvalidContract, match="GET is no request that writes"):
        Service("https://x.example").effect("thing.read", "GET")


def test_a_preview_shows_the_request_without_its_secrets() -> None:
    body: JsonValue = {"name": "a", "password": "pw", "owner": {"API-Key": "k", "tags": ["t"]}}
    preview = Service("https://x.example/api/").show("PUT", "/things/1?dry=1", body)
    assert (
        "Send 1 PUT request with 65 bytes of JSON to https://x.example/api/things/1?dry=1" == preview.sentence
    )
    assert "https://x.example/api/things/1" == preview.target
    assert RequestFacts("PUT", "x.example", "/things/1?dry=1", 65) == preview.facts
    assert '"password": "•••"' in preview.diff
    assert '"API-Key": "•••"' in preview.diff
    assert '"t"' in preview.diff


async def test_a_secret_reaches_the_service_and_nothing_else(
    remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = service(remote)
    with caplog.at_level(logging.DEBUG):
        await remote.plan("400", "drop", text=f"you sent Bearer {SECRET}, which is wrong")
        with pytest.raises(Declined, match="you sent •••") as declined:
            await tracker.send("POST", "/things")
        with pytest.raises(Unclear) as unclear:
            await tracker.send("POST", "/things")
    broken = Service(remote.url, headers={"Authorization": f"{SECRET}\n"})
    with pytest.raises(Declined, match="its header Authorization holds") as refused:
        await broken.send("POST", "/things")
    shown = [
        caplog.text,
        repr(tracker),
        repr(broken),
        *(str(one.value) for one in (declined, unclear, refused)),
    ]
    assert [] == [one for one in shown if SECRET in one]
    assert f"Bearer {SECRET}" == (await remote.world())["seen"][0]["headers"]["Authorization"]


async def test_headers_that_cannot_be_made_are_known_before_anything_is_sent(remote: Remote) -> None:
    def forgetful() -> dict[str, str]:
        raise KeyError(SECRET)

    with pytest.raises(NotSent, match=r"could not be made \(KeyError\)") as caught:
        await Service(remote.url, headers=forgetful).send("POST", "/things")
    assert SECRET not in str(caught.value)
    assert [] == (await remote.world())["seen"]


HEADERS: list[tuple[Any, str]] = [
    ({"Authorization": None}, "its header Authorization is of type NoneType, and a header is text"),
    ({"Authorization": SECRET.encode()}, "its header Authorization is of type bytes"),
    ({"X-Count": 5}, "its header X-Count is of type int"),
    ({"X-Name": "Žižek"}, "its header X-Name holds what no header can"),
    ({"X-Name": f" {SECRET}"}, "its header X-Name begins or ends with a space"),
    ({f"Authorization: {SECRET}": ""}, "of its headers, one has a name that begins with 'Authorization'"),
    ({"": "5"}, "of its headers, one has a name that begins with ''"),
    ({5: "5"}, "of its headers, one has a name of type int"),
    ({"content-length": "5"}, "its header content-length is written by the request itself"),
    ({"idempotency-key": "5"}, "its header idempotency-key is where the operation key goes"),
    (None, "its headers are of type NoneType"),
]


async def test_a_header_that_cannot_be_sent_is_known_before_anything_is_sent(remote: Remote) -> None:
    for headers, sentence in HEADERS:
        tracker = Service(remote.url, headers=lambda headers=headers: headers)  # type: ignore[misc]
        with pytest.raises(Declined) as caught:
            await tracker.send("POST", "/things", 1)
        assert f"POST {remote.url}/things was not sent: {sentence}" in str(caught.value)
        assert SECRET not in str(caught.value)
        assert [] == (await remote.world())["seen"]


async def test_a_body_that_is_no_json_is_known_before_anything_is_sent(remote: Remote) -> None:
    body: Any
    for body in ({1, 2}, {"at": math.nan}, [2**70], {"\ud800": 1}, {1: 2}, {"set": {1}}):
        with pytest.raises(InvalidInput, match="the body cannot be written as JSON"):
            service(remote).show("POST", "/things", body)
        with pytest.raises(Declined, match="was not sent: the body cannot be written as JSON"):
            await service(remote).send("POST", "/things", body)
        assert [] == (await remote.world())["seen"], body


async def test_a_request_that_cannot_be_written_is_known_before_anything_is_sent(remote: Remote) -> None:
    method: Any
    for method, path in (("PO ST", "/"), ("", "/"), (None, "/"), ("POST", "/" + "a" * 70_000)):
        with pytest.raises(Declined, match="was not sent"):
            await service(remote).send(method, path)
        assert [] == (await remote.world())["seen"], method


async def test_a_client_that_cannot_be_opened_has_sent_nothing(remote: Remote) -> None:
    shared = httpx.AsyncClient()
    tracker = Service(remote.url, open_client=lambda: shared)
    await tracker.send("POST", "/things")
    with pytest.raises(NotSent, match=r"no client could be opened for it \(RuntimeError\)"):
        await tracker.send("POST", "/things")
    odd = Service(remote.url, open_client=lambda: httpx.AsyncClient(headers={"X Y": SECRET}))
    with pytest.raises(Declined, match="one has a name that begins with 'x'") as caught:
        await odd.send("POST", "/things")
    assert SECRET not in str(caught.value)
    assert 1 == len((await remote.world())["seen"])


async def test_an_author_may_name_another_kind_of_json(remote: Remote) -> None:
    kind = "application/vnd.api+json"
    await Service(remote.url, headers={"content-type": kind}).send("POST", "/things", 1)
    (seen,) = (await remote.world())["seen"]
    assert [kind] == [value for name, value in seen["headers"].items() if name.lower() == "content-type"]
