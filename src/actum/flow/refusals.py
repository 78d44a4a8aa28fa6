"""What a flow refuses, and why."""

from __future__ import annotations

from actum.errors import ActumError


class Mismatch(Exception):
    """A record and the code disagree; nothing is executed on a guess.

    `address` is where, `recorded` and `asked` are the two sides as text. It is raised from `Flow.advance`, never
    into the body, so no `except` of an author can swallow it. The flow is of no further use: close it.
    """

    def __init__(self, address: str, *, recorded: str, asked: str) -> None:
        super().__init__(
            f"At address {address} the record says {recorded}, the code asks for {asked}; deploy the code this "
            "workflow was recorded with, or keep both ways apart with changed(name)."
        )
        self.address = address
        self.recorded = recorded
        self.asked = asked


class OutsideWork(ActumError, RuntimeError):
    """A body asked its event loop for sockets, threads, processes or signals, which no record could replay.

    `work` names what was asked for. Nothing was done; a step may do it.
    """

    def __init__(self, work: str) -> None:
        super().__init__(f"{work} is not durable: do this in a step.")
        self.work = work
