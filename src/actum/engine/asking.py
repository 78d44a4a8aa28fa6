"""Asking for approval: one look at the world, what policy says of it, one row for a person, and the wait for their word.

A request is bound to its action: kind, target, full arguments, operation key and address. Row, event and parking go
into one flush. If the worker dies before that flush, nobody was asked; after it, the row is found again and nobody is
asked twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from actum.authoring.call import Call
from actum.authoring.effect import Effect
from actum.engine.execution import as_data
from actum.engine.log import Record, to_datetime
from actum.engine.looking import Look
from actum.engine.policing import Raised
from actum.engine.progress import Asked, Progress
from actum.engine.prompting import ALONE, Prompting
from actum.engine.showing import facts_in, preview_body, shown_by
from actum.errors import InvalidInput
from actum.machine.keys import action_hash, default_key
from actum.machine.policy import Operation, Ruling
from actum.model.budget import Over
from actum.model.events import EventKind
from actum.model.ids import new_id
from actum.outcomes import Preview
from actum.store.approvals import UnplacedRow
from actum.store.records import as_text

if TYPE_CHECKING:
    from actum.engine.runner import Runner

K = EventKind


def key_of(runner: Runner, call: Call[Any], address: str) -> str:
    """Return the operation key of an effect call: its author's, or origin workflow and address.

    Raises what the author's key function raises, and InvalidInput for a key that cannot be stored.
    """
    effect: Effect[..., Any] = call.subject  # type: ignore[assignment]  # only effects have keys
    if "key" in effect.hooks:
        args, kwargs = effect.codec.decode_arguments(call.arguments)
        found = effect.key_for(args, kwargs)
        if found is not None:
            return found
    return default_key(runner.row.origin, address + runner.history.at(address).mark)


@dataclass(frozen=True, slots=True)
class Answers:
    """What is called when asking comes to a word at once: failed, free to run, forbidden, over a budget, or not ruled."""

    failed: Callable[[BaseException], None]
    free: Callable[[Ruling], None]
    denied: Callable[[dict[str, Any], str], None]
    rejected: Callable[[str, str | None], None]
    over: Callable[[Over, str], None]
    unruled: Callable[[str], None]


class Asking:
    """Brings one effect call before policy and, where policy wants it, before a person.

    It looks at the world once, by the effect's preview, and has what was seen ruled. The approval row and its event
    are queued; the rest of the answers come at once.
    """

    def __init__(
        self, runner: Runner, call: Call[Any], address: str, asked_by: str | None, answers: Answers
    ) -> None:
        self._runner = runner
        self._call = call
        self.address = address
        self._asked_by = asked_by
        self._answers = answers
        self._look: Look | None = None
        self.effect: Effect[..., Any] = call.subject  # type: ignore[assignment]  # request_approval takes no others
        self.progress: Progress = runner.history.at(address)
        self.card: str | None = None
        """The name of the request for several calls that this is one of."""
        self.raised: Raised | None = None
        """What has it decided at tier 2 by a person, and so under no grant."""
        self._is_left = False
        self._is_paying = False

    @property
    def is_active(self) -> bool:
        """Whether the preview executes, or a prompt is being taken."""
        return self._is_paying or (self._look is not None and self._look.is_active)

    def begin(self) -> None:
        """Look, have it ruled, then ask. The look waits until everything it stands on is durable."""
        if self._is_left or self._is_unruled():
            return
        self.progress.preview = None
        if "preview" not in self.effect.hooks:
            self._rule_and_ask()
            return
        self._look_for(self._previewed)

    def look_again(self, done: Callable[[Ruling | None], None]) -> None:
        """Look once more before an approved effect begins, and have what is seen ruled anew.

        `done` is given the ruling, or None where the approval no longer stands: the world it relies on has changed,
        it acts on something else than was shown, or policy is stricter by now.
        """
        shown = self.shown()
        if "preview" not in self.effect.hooks or not shown:
            done(self._stands(shown))
            return

        def seen(preview: Preview) -> None:
            if not self._is_unruled():
                done(self._stands_as_seen(shown_by(preview), shown))

        self._look_for(seen)

    def rule_again(self) -> Ruling | None:
        """Return the ruling for another attempt of what was approved, by what was seen; None where it is stricter."""
        return self._stands(self.shown())

    def shown(self) -> dict[str, Any]:
        """Return what the preview showed, {} without one."""
        return orjson.loads(self.progress.preview) if self.progress.preview else {}

    def leave(self) -> None:
        """Stop looking, and ask nobody for what was seen."""
        self._is_left = True
        if self._look is not None:
            self._look.stop()

    # looking

    def _look_for(self, seen: Callable[[Preview], None]) -> None:
        self._look = Look(self._runner, self._call, seen, self._answers.failed)
        self._look.begin()

    def _previewed(self, preview: Preview) -> None:
        try:
            self.progress.preview = preview_body(preview)
        except TypeError as error:
            name = self.effect.name
            self._answers.failed(InvalidInput(f"{name}.preview: its facts cannot be stored: {error}"))
            return
        if self._runner.is_stopped:
            self._runner.when_going(self.begin)  # by then this look is old
        else:
            self._rule_and_ask()

    # ruling

    def _is_unruled(self) -> bool:
        """Whether the active policy cannot be read, and so nothing can be ruled: whoever asks is told, and holds."""
        why = self._runner.worker.policing.unreadable
        if why is not None:
            self._answers.unruled(why)
        return why is not None

    def _rule(self, shown: dict[str, Any]) -> Ruling:
        runner = self._runner
        operation = Operation(
            kind=self.effect.kind,
            contract=runner.row.contract,
            team=runner.row.team,
            reversibility=self.effect.reversibility,
            environment=runner.worker.policing.environment,
            facts=facts_in(shown),
            at=to_datetime(runner.now()),
        )
        return runner.worker.policing.rule(operation, raised=self.raised)

    def _stands_as_seen(self, seen: dict[str, Any], shown: dict[str, Any]) -> Ruling | None:
        """Return the ruling of what is seen now, unless it is not what was shown: its target or what it relies on.

        What a grant approved nobody was shown: there each fact is relied on.
        """
        relied, asked = shown.get("relies_on"), self.progress.asked
        if asked is not None and asked.is_granted and facts_in(seen) != facts_in(shown):
            return None
        if (relied and seen.get("relies_on") != relied) or (seen.get("target") or "") != (
            shown.get("target") or ""
        ):
            return None
        return self._stands(seen)

    def _stands(self, shown: dict[str, Any]) -> Ruling | None:
        """Return the ruling of what is seen, unless the approval that was given does not stand any more."""
        ruling, asked = self._rule(shown), self.progress.asked
        if ruling.is_denied or asked is None or asked.terms is None:
            return None if ruling.is_denied else ruling
        return None if ruling.is_stricter_than(Ruling.from_data(asked.terms)) else ruling

    def _rule_and_ask(self, paid: UUID | None = None) -> None:
        """Have what was seen ruled, then ask where policy wants it: under the id for which a prompt was `paid`."""
        if self._is_unruled():
            return
        shown = self.shown()
        ruling = self._rule(shown)
        if ruling.is_denied:
            self._answers.denied(*self._denial(ruling, shown))
            return
        if ruling.tier == 0:
            self._answers.free(ruling)
            return
        target = str(shown.get("target") or "")
        subject = subject_hash(self.effect.kind, target, self._call.arguments)
        earlier = self._runner.history.rejections.get(subject)
        budgeting = self._runner.budgeting
        if earlier is not None:
            self._answers.rejected(earlier[1], earlier[0])
        elif paid is None and budgeting is not None and budgeting.prompting is not None:
            self._pay(budgeting.prompting, ruling)
        else:
            self._ask(ruling, target, subject, paid)

    def _pay(self, prompting: Prompting, ruling: Ruling) -> None:
        """Take a prompt, then have it ruled once more, which is cheap, and ask; by then it may have become something else."""
        runner, approval_id = self._runner, new_id(self._runner.now() // 1000)
        placing = runner.worker.placing
        place = ALONE if self.raised else placing.foresee(ruling, self._operation_of(), self.card)
        self._is_paying = True

        def answered() -> None:
            self._is_paying = False

        def ask() -> bool:
            if not self._is_left:
                self._rule_and_ask(approval_id)
            asked = self.progress.asked
            return asked is not None and asked.approval_id == approval_id

        def over(over: Over, why: str) -> None:
            if not self._is_left:
                self._answers.over(over, why)

        name = f"request/{self._asked_by}" if place.is_shared else str(approval_id)
        prompting.pay(name, place, answered, ask, over)

    def _denial(self, ruling: Ruling, shown: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Return what the body is told of a denial, and the data of its event: the decision with what was seen."""
        data = as_data(
            kind=self.effect.kind,
            reversibility=self.effect.reversibility,
            environment=self._runner.worker.policing.environment,
            facts=shown.get("facts"),
            ruling={"tier": ruling.tier, "denied": True, "rules": ruling.rules, "why": ruling.whys},
            policy=ruling.policy_hash.hex() if ruling.policy_hash else None,
        )
        return {"reason": f"{ruling.why} (rule {ruling.rule})"}, data

    # asking

    def _ask(self, ruling: Ruling, target: str, subject: bytes, approval_id: UUID | None) -> None:
        runner, call, effect = self._runner, self._call, self.effect
        try:
            key = self.progress.key or key_of(runner, call, self.address)
        except (Exception, SystemExit) as error:  # the author's key function
            self._answers.failed(error)
            return
        if self.progress.preview is not None:
            runner.record(
                Record(
                    K.PREVIEW_COMPLETED,
                    runner.now(),
                    step=effect.name,
                    address=self.address,
                    snapshot="preview",
                    argument_hash=call.argument_hash,
                    body=self.progress.preview,
                )
            )
        hashed = action_hash(effect.kind, target, call.arguments, key, self.address)
        terms = ruling.as_data()
        approval_id = approval_id or new_id(runner.now() // 1000)
        asked = Asked(approval_id, hashed, self._asked_by, effect.name, terms=terms, subject=subject)
        self.progress.key, self.progress.asked = key, asked
        row = self._row(asked, ruling, key)
        runner.record(
            Record(
                K.APPROVAL_REQUESTED,
                runner.now(),
                step=effect.name,
                address=self.address,
                tier=ruling.tier,
                data=as_data(
                    approval_id=str(asked.approval_id),
                    action_hash=hashed.hex(),
                    asked_by=self._asked_by,
                    arguments=call.argument_hash.hex(),
                    rule=ruling.rule,
                    subject=subject.hex(),
                    ruling=terms,
                    reversibility=effect.reversibility,
                    environment=runner.worker.policing.environment,
                ),
                extras=(("approvals", row),),
                then=[*self._places(asked, ruling, row), runner.hint_people],
            )
        )

    def _places(self, asked: Asked, ruling: Ruling, row: dict[str, Any]) -> list[Callable[[], None]]:
        """Plan where the approval belongs, which is kept in its row; return what has to be called for it."""
        placing = self._runner.worker.placing
        planned = None if self.raised else placing.plan(ruling, self._operation_of(), self.card)
        row["placement"] = planned
        if planned is None:
            return []
        names = {name: row[name] for name in ("kind", "contract", "team", "rule", "preview")}
        unplaced = UnplacedRow(
            id=asked.approval_id,
            policy_hash=ruling.policy_hash,
            placement=orjson.dumps(planned).decode(),
            **names,
        )
        return [placing.prepare(unplaced)]

    def _operation_of(self) -> dict[str, Any]:
        """Return what grants and batches look at: Actum's own names, and the facts."""
        own = {
            "kind": self.effect.kind,
            "contract": self._runner.row.contract,
            "team": self._runner.row.team,
            "reversibility": self.effect.reversibility,
            "environment": self._runner.worker.policing.environment,
        }
        return {"own": own, "facts": facts_in(self.shown()) or {}}

    def _row(self, asked: Asked, ruling: Ruling, key: str) -> dict[str, Any]:
        runner, effect = self._runner, self.effect
        now = to_datetime(runner.now())
        expires = ruling.expires
        return {
            "id": str(asked.approval_id),
            "workflow_id": str(runner.workflow_id),
            "address": self.address,
            "asked_by": self._asked_by,
            "step": effect.name,
            "kind": effect.kind,
            "key": key,
            "action_hash": asked.action_hash.hex(),
            "arguments": self._call.arguments.hex(),
            "preview": self.progress.preview.decode() if self.progress.preview else None,
            "relies_on": self.shown().get("relies_on"),
            "tier": ruling.tier,
            "rule": ruling.rule,
            "policy_hash": ruling.policy_hash.hex() if ruling.policy_hash else None,
            "contract": runner.row.contract,
            "team": runner.row.team,
            "requester": runner.row.requester,
            "authors": self._authors(),
            "approvers": list(ruling.approvers),
            "requirements": [one.as_data() for one in ruling.approvals],
            "asked_at": as_text(now),
            "expires_at": as_text(now + expires) if expires is not None else None,
            "on_expiry": ruling.on_expiry.value,
            "escalate_to": [one.as_data() for one in ruling.escalation] or None,
            "remind_share": ruling.remind,
        }

    def _authors(self) -> list[str]:
        """Return who wrote what is asked for: whom the contract names, and who laid arguments over the body's own."""
        owner, editor = self._runner.contract.owner, self.progress.edited_by
        return [*(owner.authors if owner else ()), *([editor] if editor else [])]


def subject_hash(kind: str, target: str, arguments: bytes) -> bytes:
    """Return what makes an action the same wherever in a workflow it is asked for: its kind, target and arguments."""
    digest = sha256()
    for part in (kind.encode(), target.encode("utf-8", "surrogatepass"), arguments):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
