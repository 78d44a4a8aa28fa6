"""The client: every verb an application, the command line or the console has, over the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import orjson

from actum.authoring.call import Call
from actum.authoring.canonical import canonical
from actum.authoring.contract import Contract
from actum.authoring.registration import Registration, register
from actum.client.accounts import Accounts
from actum.client.approvals import Approvals
from actum.client.arguments import check_count, check_id, check_message, check_page, check_text, check_texts
from actum.client.finding import find_workflow
from actum.client.fitting import fitting_result, require_fit
from actum.client.freezes import Freezes
from actum.client.grants import Grants
from actum.client.handle import Handle
from actum.client.incidents import Incidents
from actum.client.planning import plan_rollback, require_ended
from actum.client.policies import Policies
from actum.client.signing_in import find_actor
from actum.client.starting import Tags, contract_of, find_standing, prepare
from actum.client.verdicts import Verdicts
from actum.client.waiting import Endings
from actum.engine.clock import DatabaseClock, monotonic_us
from actum.errors import InvalidInput, NotFound, NotPossible
from actum.machine.approvals import identity
from actum.machine.rollback import Entry
from actum.model.ids import short
from actum.settings import Settings
from actum.store.hints import Hints
from actum.store.migrate import migrate, require_current
from actum.store.opening import Opened, open_store
from actum.store.rows import ApprovalRow, DecidedRow, QuestionRow, Started, WorkflowRow
from actum.store.store import Store

if TYPE_CHECKING:
    from actum.client.blocking import BlockingClient

R = TypeVar("R")

SETTLEMENTS = ("happened", "did_not_happen", "abandon")


class Client:
    """Opened with `async with Client.open(actor="service:api") as client: …`.

    `actor` is who acts, `user:…` or `service:…`; it is written beside everything this client does.
    """

    def __init__(self, store: Store, opened: Opened | None, *, actor: str, settings: Settings) -> None:
        self.store = store
        self.actor = actor
        self.settings = settings
        self._opened = opened
        self.hints = Hints(store, is_on=settings.hints)
        self.endings = Endings(store, self.hints)
        self.clock = DatabaseClock(store.pool.now)
        self.approvals = Approvals(self)
        self.accounts = Accounts(self)
        self.freezes = Freezes(self)
        self.grants = Grants(self)
        self.policies = Policies(self)
        self.verdicts = Verdicts(self)
        self.incidents = Incidents(self)
        self._registered: dict[bytes, Registration] = {}

    @classmethod
    def open(cls, *, actor: str = "", token: str = "", settings: Settings | None = None) -> OpeningClient:
        """Return what `async with` opens: the database of `ACTUM_DATABASE_URL`, else the embedded server.

        With a `token`, or ACTUM_TOKEN, the client acts as the token's account; a token that ends later does not end a
        client that is open. Without one it acts as `actor`, else as the database role it connects as, `db:ROLE`.
        Opening raises NotEntitled for a token that is not good and for an actor who has to sign in, and
        DatabaseUnavailable, DatabaseMismatch and InvalidSettings, each one sentence.
        """
        return OpeningClient(actor, token, settings)

    @classmethod
    async def over(cls, store: Store, *, actor: str, settings: Settings | None = None) -> Client:
        """Return a client on an open store, which it leaves open."""
        client = cls(store, None, actor=identity(actor), settings=settings or Settings.read({}))
        await client._learn()
        return client

    @staticmethod
    def blocking(*, actor: str = "", token: str = "", settings: Settings | None = None) -> BlockingClient:
        """Return the synchronous face, for code without an event loop: `with Client.blocking() as client: …`."""
        from actum.client.blocking import BlockingClient

        return BlockingClient(actor=actor, token=token, settings=settings)

    async def close(self) -> None:
        """Close what this client opened."""
        self.endings.close()
        await self.hints.close()
        if self._opened is not None:
            await self._opened.close()

    @property
    def is_embedded(self) -> bool:
        """Whether this client opened the embedded server."""
        return self._opened is not None and self._opened.is_embedded

    async def _learn(self) -> None:
        asked = monotonic_us()
        self.clock.learn(await self.store.read_clock(), asked, monotonic_us())

    # starting

    async def start(
        self,
        call: Call[R],
        *,
        key: str | None = None,
        requester: str | None = None,
        priority: int = 0,
        tags: Tags | None = None,
        connection: Any | None = None,
    ) -> Handle[R]:
        """Start a contract's call as a workflow; durable when this returns.

        The same key with the same input returns the workflow that is already there, ended or not; with other input it
        raises KeyConflict. `requester` is on whose behalf, this client's actor unless given. `tags` stay as they were at
        the first start: `actum quality --by prompt` compares by the tag `prompt`, commands for many take `tag.NAME=VALUE`.
        With `connection`, an asyncpg connection in an open transaction, the workflow exists when that commits and never
        otherwise.
        """
        handles = await self.start_many(
            [call], keys=[key], requester=requester, priority=priority, tags=tags, connection=connection
        )
        return handles[0]

    async def start_many(
        self,
        calls: Sequence[Call[R]],
        *,
        keys: Sequence[str | None] | None = None,
        requester: str | None = None,
        priority: int = 0,
        tags: Tags | None = None,
        connection: Any | None = None,
    ) -> list[Handle[R]]:
        """Start many calls with one statement; handles in the order of the calls. Refuses all or starts all."""
        if keys is not None and len(keys) != len(calls):
            raise InvalidInput(f"{len(keys)} keys for {len(calls)} calls: give each call its key, or None")
        check_texts(requester=requester)
        at = self.clock.now()
        named = keys or [None] * len(calls)
        prepared = [
            prepare(
                call,
                at=at,
                actor=self.actor,
                key=key,
                requester=identity(requester) if requester else self.actor,
                priority=priority,
                tags=tags,
                document_hash=(await self._register(contract_of(call))).document_hash,
            )
            for call, key in zip(calls, named, strict=True)
        ]
        if connection is None and len(prepared) > 1 and any(named):
            async with self.store.pool.connection() as own, own.transaction():
                ids = await self._start(prepared, own)
        else:
            ids = await self._start(prepared, connection)
        if connection is None:
            self.hints.send("ready")
        return [Handle(self, one, contract_of(call)) for one, call in zip(ids, calls, strict=True)]

    async def _start(self, prepared: Sequence[Started], connection: Any | None) -> list[UUID]:
        started = await self.store.workflows.start(prepared, connection)
        missing = [
            (one.contract, one.key) for one in prepared if one.id not in started and one.key is not None
        ]
        standing = await self.store.workflows.find_keys(missing, connection) if missing else {}
        return [one.id if one.id in started else find_standing(one, standing) for one in prepared]

    async def _register(self, contract: Contract[..., Any]) -> Registration:
        """Register a contract's document once for each client; started workflows name it."""
        known = self._registered.get(contract.document_hash)
        if known is None:
            known = register(contract)
            await self.store.contracts.register(known)
            self._registered[contract.document_hash] = known
        return known

    # looking

    async def find(self, name: str) -> UUID:
        """Return the id that `name` means: a whole id, its last digits, or `contract/key`. Raises NotFound."""
        return await find_workflow(self.store, name)

    async def get(self, workflow_id: UUID) -> WorkflowRow:
        """Return one row; raises NotFound."""
        row = await self.store.workflows.get(check_id(workflow_id, "a workflow", "actum list"))
        if row is None:
            raise NotFound(f"there is no workflow {workflow_id}: `actum list` shows those there are")
        return row

    def handle(self, workflow_id: UUID, contract: Contract[..., R] | None = None) -> Handle[R]:
        """Return a handle on a workflow; with its contract, results are decoded as it declares them."""
        return Handle(self, workflow_id, contract)

    async def list(
        self,
        *,
        contract: str | None = None,
        status: str | None = None,
        before: UUID | None = None,
        count: int = 50,
    ) -> list[WorkflowRow]:
        """Return a page of workflows, newest first; raises InvalidInput for a status that is none."""
        check_page(contract, status, before, count)
        return await self.store.workflows.list(contract=contract, status=status, before=before, count=count)

    async def inbox(self, count: int = 100) -> tuple[Sequence[ApprovalRow], Sequence[QuestionRow]]:
        """Return what waits for a person: approvals and questions, oldest first."""
        check_count(count)
        return await self.store.approvals.list_pending(count), await self.store.questions.list_open(count)

    async def explain_wait(self, workflow_id: UUID) -> str | None:
        """Return why nothing moves if no live worker serves the workflow's contract, else None."""
        row = await self.get(workflow_id)
        if row.finished_at is not None or row.instance is not None:
            return None
        live = [worker for worker in await self.store.workers.list_live() if row.contract in worker.contracts]
        if not live:
            return f"no live worker serves {row.contract}: start one with `actum worker MODULE`"
        if not any(row.shape_hash in worker.shapes for worker in live):
            return f"{row.contract} was started by newer code than any live worker runs: deploy that code to a worker"
        return None

    # deciding

    async def approve(
        self, approval: UUID | str, rationale: str, *, seen_hash: bytes | None = None
    ) -> DecidedRow:
        """Approve once; see `Approvals.approve`, which offers more."""
        return await self.approvals.approve(approval, rationale, seen_hash=seen_hash)

    async def reject(
        self, approval: UUID | str, rationale: str, *, seen_hash: bytes | None = None
    ) -> DecidedRow:
        """Reject once; see `Approvals.reject`."""
        return await self.approvals.reject(approval, rationale, seen_hash=seen_hash)

    async def answer(self, workflow_id: UUID, address: str, value: Any) -> None:
        """Answer a question; durable when this returns, and the first answer stands.

        Raises NotPossible when it is not open, InvalidInput for what cannot be stored or does not fit what was asked.
        """
        check_id(workflow_id, "a workflow", "actum inbox")
        check_text(address, "the address")
        body = canonical(value, "the answer")
        for question in await self.store.questions.list_of(workflow_id):
            if question.address == address:
                require_fit(orjson.loads(body), question.schema, "the answer")
        if not await self.store.questions.answer(workflow_id, address, body=body, actor=self.actor):
            raise NotPossible(
                f"no question is open at {address} of workflow {short(workflow_id)}: see `actum inbox`"
            )
        self.hints.send(f"wake:{workflow_id}")

    # intervening

    async def send(
        self,
        workflow_id: UUID,
        kind: str,
        *,
        name: str | None = None,
        address: str | None = None,
        outcome: str | None = None,
        body: bytes | None = None,
        reason: str | None = None,
    ) -> None:
        """Leave a message for a workflow; durable when this returns.

        Raises NotFound, NotPossible (it has ended), and InvalidInput for a kind that nobody knows and what cannot be kept.
        """
        check_id(workflow_id, "a workflow", "actum list")
        check_message(kind, body, name=name, address=address, outcome=outcome, reason=reason)
        if kind == "rollback" and address is not None:
            await self.get(workflow_id)
            await require_ended(self.store, workflow_id, address)
        sent = await self.store.messages.send(
            workflow_id=workflow_id,
            kind=kind,
            actor=self.actor,
            name=name,
            address=address,
            outcome=outcome,
            body=body,
            reason=reason,
        )
        if sent is None:
            row = await self.get(workflow_id)
            raise NotPossible(
                f"workflow {short(workflow_id)} has ended ({row.status}): nothing can reach it any more"
            )
        self.hints.send(f"wake:{workflow_id}")

    async def plan_rollback(self, workflow_id: UUID, *, to: str | None = None) -> Sequence[Entry]:
        """Return what a rollback would do now, newest first; see `actum.client.planning`. Changes nothing.

        Raises InvalidInput where nothing has ended at the address `to`.
        """
        return await plan_rollback(self.store, workflow_id, to)

    async def settle(
        self, workflow_id: UUID, address: str, outcome: str, *, result: Any = None, reason: str = ""
    ) -> None:
        """End a doubt; see `Handle.settle`."""
        if outcome not in SETTLEMENTS:
            raise InvalidInput(
                f"{outcome!r} settles nothing: say one of {', '.join(SETTLEMENTS)}", path="outcome"
            )
        row = await self.get(workflow_id)
        effects = [
            one
            for one in await self.store.effects.list_of(workflow_id)
            if one.address == address and one.workflow_id == workflow_id
        ]
        doubted = next((one for one in effects if one.state == "in_doubt"), None)
        if row.finished_at is not None or doubted is None:
            raise NotPossible(
                f"no effect is in doubt at {address} of workflow {short(workflow_id)}: `actum show {short(workflow_id)}` "
                "names what is"
            )
        body = None
        if outcome == "happened":
            body = await fitting_result(self.store, row, doubted.step, result)
        await self.send(
            workflow_id, "settle", address=address, outcome=outcome, body=body, reason=reason or None
        )


class OpeningClient:
    """What `Client.open(…)` returns: an asynchronous context manager, or awaited, an open client to be closed."""

    def __init__(self, actor: str, token: str, settings: Settings | None) -> None:
        self._actor = actor
        self._token = token
        self._settings = settings
        self._client: Client | None = None

    async def __aenter__(self) -> Client:
        settings = self._settings or Settings.read()
        store, opened = await open_store(settings, size=4)
        try:
            await migrate(store.pool) if opened.is_embedded else await require_current(store.pool)
            client = Client(store, opened, actor="", settings=settings)
            client.actor = await find_actor(client, self._actor, self._token or settings.token or "")
            await client._learn()
        except BaseException:
            await opened.close()
            raise
        client.endings.hears_others = True
        self._client = client
        return client

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.close()

    def __await__(self) -> Any:
        return self.__aenter__().__await__()
