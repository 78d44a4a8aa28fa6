"""The one writer of a worker process: makes records durable by group commit.

Records are queued by runners and written by one statement for all of them; while it is in flight the next batch
forms, so a lone workflow pays one plain commit and a hundred share one. Each workflow is fenced by itself: a stale
one writes no row. What wakes it: a record queued. If the process dies, what was not answered was not promised to
anybody. If the connection dies before the answer, the same flush is sent again and, for workflows it then does not
move, their rows decide whether the first sending was written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

from actum.engine.batching import Batch
from actum.engine.log import Carrier, Log, Record
from actum.errors import DatabaseUnavailable
from actum.store.poison import REPEAT, SAID_BY_SERVER, is_poison
from actum.store.pool import LOST
from actum.store.records import Flush
from actum.store.rows import Answer
from actum.store.store import Store

logger = logging.getLogger("actum.recorder")

NOT_COMMITTED = "not committed"
"""Why a record is refused whose transaction did not commit."""
PATIENCE = 30.0
"""Seconds a flush may take before its connection is given up; the flush is then sent again, never cancelled."""


class Recorder:
    """Writes what runners queue. One for each worker; `run` is its loop."""

    def __init__(
        self,
        store: Store,
        instance: UUID,
        *,
        environment: str | None = None,
        on_trouble: Callable[[str], None] = logger.error,
    ) -> None:
        self._store = store
        self._instance = instance
        self._environment = environment
        self._on_trouble = on_trouble
        self._queue: list[Log] = []
        self._awake = asyncio.Event()
        self._is_stopping = False
        self._ended = asyncio.Event()
        self._away: set[asyncio.Task[None]] = set()
        self._connection: Any = None
        self.flushes = 0
        self.rows = 0
        self.is_stopped_by_database = False
        self.stops = 0
        """How often the database began to refuse what is to be written."""

    def queue(self, log: Log) -> None:
        """Have the log's pending records, or its park, written with the next flush. Called by its runner."""
        if not log.is_queued and not log.is_away:
            log.is_queued = True
            self._queue.append(log)
            self._awake.set()

    async def stop(self, patience: float) -> None:
        """Have `run` end once everything queued is written; return then, or after `patience` seconds."""
        self._is_stopping = True
        self._awake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._ended.wait()

    async def run(self) -> None:
        """Write until stopped. Ends only when the queue is empty, or by cancellation."""
        try:
            while True:
                await self._awake.wait()
                if not self._queue:
                    if self._is_stopping and not self._away:
                        return
                    self._awake.clear()
                    continue
                await self.flush_once()
        finally:
            self._ended.set()
            await self._disconnect()

    async def flush_once(self) -> int:
        """Write one batch of what is queued, and tell the runners; return how many rows it had."""
        logs, self._queue = self._queue, []
        batch = self._take(logs)
        if not batch.taken:
            return 0
        await self._write(batch)
        return batch.rows

    # building

    def _take(self, logs: list[Log]) -> Batch:
        batch = Batch(Flush(environment=self._environment))
        seen: set[UUID] = set()
        for position, log in enumerate(logs):
            if log.workflow_id in seen:
                continue
            if batch.is_full:
                self._queue = logs[position:] + self._queue
                break
            seen.add(log.workflow_id)
            log.is_queued = False
            if log.pending and log.pending[0].carrier is not None:
                self._send_away(log)
            elif log.pending or log.park is not None:
                batch.take(log)
        return batch

    # writing

    async def _write(self, batch: Batch) -> None:
        """Send a batch until it is answered; on poison, halve it until the one workflow that carries it is found."""
        was_sent = False
        pause = 0.05
        while True:
            try:
                answers = await self._send(batch.flush)
                break
            except REPEAT:
                continue
            except (*LOST, DatabaseUnavailable, TimeoutError) as error:
                was_sent = True
                pause = await self._wait_out(error, pause)
            except SAID_BY_SERVER as error:
                if is_poison(error):
                    await self._halve(batch, error)
                    return
                was_sent = True
                pause = await self._wait_out(error, pause)
            except (ValueError, TypeError, OverflowError) as error:
                await self._halve(batch, error)
                return
        if self.is_stopped_by_database:
            self.is_stopped_by_database = False
            logger.warning("the database answers again; %d rows were written late", batch.rows)
        self.flushes += 1
        self.rows += batch.rows
        await self._tell(batch, {answer.id: answer for answer in answers}, was_sent)

    async def _send(self, flush: Flush) -> list[Answer]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._store.pool.dedicated()
        connection = self._connection
        task = asyncio.ensure_future(self._store.records.append(connection, self._instance, flush))
        done, _ = await asyncio.wait({task}, timeout=PATIENCE)
        if not done:
            connection.terminate()
            with suppress(BaseException):
                await task
            raise TimeoutError(f"no answer to a flush within {PATIENCE:.0f} s")
        return task.result()

    async def _wait_out(self, error: BaseException, pause: float) -> float:
        """Keep the queue and wait for the database; the first failure is reported."""
        if not self.is_stopped_by_database:
            self.is_stopped_by_database = True
            self.stops += 1
            self._on_trouble(f"the database does not take records ({error}): keeping them and trying again")
        await self._disconnect()
        await asyncio.sleep(pause)
        return min(pause * 2, 2.0)

    async def _halve(self, batch: Batch, error: BaseException) -> None:
        if len(batch.taken) == 1:
            log, taken, _, _ = batch.taken[0]
            log.writer.poisoned(taken, error)
            return
        logs = [log for log, _, _, _ in batch.taken]
        for log, taken, _, _ in batch.taken:
            log.pending.extendleft(reversed(taken))
        middle = len(logs) // 2
        for half in (logs[:middle], logs[middle:]):
            part = self._take(half)
            if part.taken:
                await self._write(part)

    async def _tell(self, batch: Batch, answers: dict[UUID, Answer], was_sent: bool) -> None:
        for log, taken, seq, head in batch.taken:
            answer = answers.get(log.workflow_id)
            if answer is None and was_sent:
                answer = await self._read_back(log, seq, head)
            self._tell_guarded(log, taken, seq, head, answer)

    def _tell_guarded(
        self, log: Log, taken: list[Record], seq: int, head: bytes, answer: Answer | None
    ) -> None:
        try:
            self._tell_one(log, taken, seq, head, answer)
        except Exception:
            logger.exception("what became of a flush could not be told to workflow %s", log.workflow_id)
        if log.pending:
            self.queue(log)

    def _tell_one(self, log: Log, taken: list[Record], seq: int, head: bytes, answer: Answer | None) -> None:
        if answer is None:
            log.writer.fenced()
        elif answer.refusal is not None:
            log.pending.extendleft(reversed(taken[:-1]))
            log.writer.refused(taken[-1], answer.refusal)
        else:
            log.moved(seq, head, taken)
            log.writer.written(taken, answer.wake or 0, answer.released)

    async def _read_back(self, log: Log, seq: int, head: bytes) -> Answer | None:
        """After a lost reply, let the row say whether it was written: is it as I would have left it?

        Read with its lock, so once whatever is still being committed has been.
        """
        row = None
        while True:
            try:
                row = await self._store.workflows.get_settled(log.workflow_id)
                break
            except DatabaseUnavailable as error:
                await self._wait_out(error, 0.2)
        if row is None or row.epoch != log.epoch or row.next_seq != seq or row.chain_head != head:
            return None
        if row.instance not in (self._instance, None):
            return None
        return Answer(log.workflow_id, row.wake, row.instance is None, None)

    # transactions of authors

    def _send_away(self, log: Log) -> None:
        """Have the log's first record written by the transaction that carries it; the log is in no flush until then."""
        batch = Batch(Flush(environment=self._environment))
        log.is_away = True
        batch.take(log)
        task = asyncio.get_running_loop().create_task(self._carry(batch), name="recorder: a transaction")
        self._away.add(task)
        task.add_done_callback(self._came_back)

    def _came_back(self, task: asyncio.Task[None]) -> None:
        self._away.discard(task)
        self._awake.set()

    async def _carry(self, batch: Batch) -> None:
        log, taken, seq, head = batch.taken[0]
        carrier = taken[0].carrier
        assert carrier is not None, "only what has a carrier is sent away"  # noqa: S101  # narrows the type
        try:
            answer = await self._commit(carrier, batch, log, seq, head)
        finally:
            log.is_away = False
        self.flushes += 1
        self.rows += batch.rows
        self._tell_guarded(log, taken, seq, head, answer)

    async def _commit(self, carrier: Carrier, batch: Batch, log: Log, seq: int, head: bytes) -> Answer | None:
        """Write and commit; say what became of it, reading the row where the reply was lost."""
        try:
            async with asyncio.timeout(PATIENCE):
                await carrier.close_body()
                answers = await carrier.append(self._store.records, self._instance, batch.flush)
                if answers:
                    await carrier.commit()
                    return answers[0]
                await carrier.roll_back()
                return None
        except LOST as error:
            carrier.error = error
            carrier.abandon()
        except (
            Exception
        ) as error:  # the server's word on what the author wrote, or on its commit: it is not there
            carrier.error = error
            await carrier.roll_back()
        return await self._read_back(log, seq, head) or Answer(log.workflow_id, None, False, NOT_COMMITTED)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*LOST, SAID_BY_SERVER):
                connection.terminate()
