"""Policies: kept, activated, shadowed, and tried on what happened.

What is read from a file is checked here; what is kept is a text and its hash. Activation is decided by the database,
which alone knows who is asking and who agreed already.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING

import orjson

from actum.client.finding import find_approval
from actum.errors import InvalidInput, NotEntitled, NotFound, NotPossible
from actum.machine.policy import Finding, Operation, Past, Policy, Requirement, lint, parse_policy
from actum.model.ids import short
from actum.store.policies import FIRST, OperationRow, PolicyRow

if TYPE_CHECKING:
    from actum.client.client import Client

ROLES = ("policy_owner", "admin")
"""Who may activate a policy, once there are accounts."""
ACTIVE, SHADOW = "active", "shadow"
PAGE = 20_000
"""Operations that are read at once."""
SHORTEST = 6
"""Digits that a policy's name has at least."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Activation:
    """What became of an activation: `activated`, `already`, `requested` or `agreed`; `policy` is the row as it is now.

    `required` are the requirements of the policy and of the one that is active, which more people have to fulfil when
    the answer is `requested` or `agreed`.
    """

    answer: str
    policy: PolicyRow
    required: tuple[Requirement, ...]


class Policies:
    """The policies of a client's database: `client.policies`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._store = client.store.policies

    async def register(self, policy: Policy) -> bool:
        """Keep a policy's text under its hash; False when it is kept already. Changes nothing about what is ruled."""
        return await self._store.register(
            hash=policy.policy_hash,
            name=policy.document.name,
            body=policy.source,
            actor=self._client.actor,
            activation=[one.as_data() for one in policy.activation],
        )

    async def activate(self, policy: Policy, *, reason: str) -> Activation:
        """Have effects ruled by `policy` from now on, and retire the one before.

        Where the policy or the active one has an `[activation]`, this is a request at first, and others agree by
        calling the same. Twice changes nothing. What is ruled already stays approved unless the new policy is stricter
        about it. Raises InvalidInput for what lint calls an error; NotEntitled for an account that is no policy owner
        or admin, for agreeing to one's own request, and for somebody the requirements do not name; and NotPossible for
        a text that was registered with other requirements than it has.
        """
        if not reason.strip():
            raise InvalidInput("an activation needs its reason: say in a few words why", path="reason")
        await self._client.accounts.require_role(ROLES, "activate a policy")
        await self.require_sound(policy)
        required = await self.requirements(policy)
        await self.register(policy)
        require_own_activation(await self.get(policy.policy_hash.hex()), policy)
        answer = await self._store.activate(
            hash=policy.policy_hash, actor=self._client.actor, rationale=reason
        )
        row = await self.get(policy.policy_hash.hex())
        self._refuse(answer, row, required)
        if answer == "activated":
            self._client.hints.send("policy")
        return Activation(answer, row, required)

    async def require_sound(self, policy: Policy) -> None:
        """Raise InvalidInput with the first of what lint calls an error, such as a quorum that nobody can reach."""
        wrong = [one for one in await self.doubts(policy) if one.severity == "error"]
        if wrong:
            first = wrong[0]
            raise InvalidInput(f"{first.file}:{first.line}: {first.sentence}: {first.cure}", path="policy")

    async def requirements(self, policy: Policy) -> tuple[Requirement, ...]:
        """Return what has to be reached before `policy` is active: its own requirements and the active policy's."""
        row = await self._store.read_active()
        if row is None or row.hash == policy.policy_hash:
            return policy.activation
        return policy.activation + tuple(Requirement.from_data(one) for one in orjson.loads(row.activation))

    async def shadow(self, policy: Policy) -> bool:
        """Have `policy` tried beside the active one instead of any other; False when it is already.

        It rules nothing: `list_operations` since `shadow_since` is what it is compared over. Raises NotEntitled as
        `activate` does, and NotPossible for the active policy.
        """
        await self._client.accounts.require_role(ROLES, "shadow a policy")
        await self.register(policy)
        answer = await self._store.shadow(hash=policy.policy_hash, actor=self._client.actor)
        if answer == "active":
            raise NotPossible(f"the policy {policy.document.name!r} is active: there is nothing to compare")
        return answer == "shadowed"

    async def end_shadow(self) -> None:
        """End what `shadow` began; twice changes nothing. Raises NotEntitled as `activate` does."""
        await self._client.accounts.require_role(ROLES, "end a shadow")
        await self._store.shadow(hash=None, actor=self._client.actor)

    async def active(self) -> PolicyRow | None:
        """Return the policy by which effects are ruled, or None."""
        return await self._store.read_active()

    async def get(self, name: str) -> PolicyRow:
        """Return the policy that `name` means: `active`, `shadow`, or the first digits of its hash, six or more.

        Raises NotFound, and InvalidInput for digits that several begin with.
        """
        if name == ACTIVE:
            active = await self._store.read_active()
            if active is None:
                raise NotFound("no policy is active: `actum policy activate FILE` makes one so")
            return active
        if name == SHADOW:
            for row in await self._store.list():
                if row.shadow_since is not None:
                    return row
            raise NotFound("no policy is shadowed: `actum policy shadow FILE` marks one")
        if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},64}}", name.lower()):
            raise NotFound(
                f"{name!r} is no policy: name a file, `{ACTIVE}`, `{SHADOW}`, or {SHORTEST} digits or more of a hash"
            )
        rows = await self._store.find(name)
        if not rows:
            raise NotFound(f"no policy's hash begins with {name}: `actum policy show` lists those there are")
        if len(rows) > 1:
            raise InvalidInput(f"{len(rows)} policies begin with {name}: give more of the hash")
        return rows[0]

    async def members(self) -> dict[str, list[str]] | None:
        """Return the people in each group and team whose accounts are not disabled; None as long as there are no accounts."""
        rows = await self._client.accounts.list()
        if not rows:
            return None
        found: dict[str, list[str]] = {}
        for row in rows:
            for group in row.groups:
                found.setdefault(group, []).extend([row.identity] if row.disabled_at is None else [])
        return found

    async def doubts(self, policy: Policy) -> Sequence[Finding]:
        """Return what lint says of a policy, with the quorums of the groups and the authors of the contracts there are."""
        return lint(policy, members=await self.members(), authors=await self.authors())

    async def authors(self) -> dict[str, tuple[str, ...]]:
        """Return whom each contract, as registered last, names as its authors."""
        return {one.contract: one.authors for one in await self._client.incidents.owners()}

    async def list_operations(self, since: datetime, progress: Progress | None = None) -> list[Past]:
        """Return what policy ruled since an instant, the earliest first; `progress` is told how many were read so far."""
        found: list[tuple[datetime, Past]] = []
        async for rows in self._pages(since):
            found += [(row.at, _past(row)) for row in rows if row.kind is not None]
            if progress is not None:
                progress(len(found))
        return [past for _, past in sorted(found, key=itemgetter(0))]

    async def find_operation(self, approval: str) -> Operation:
        """Return the operation for which an approval was asked, named by its id or its last digits; raises NotFound."""
        approval_id = await find_approval(self._client.store, approval)
        row = await self._store.find_operation(approval_id)
        if row is None:
            raise NotFound(f"there is no approval {approval}: `actum inbox` lists those that are open")
        return _past(row).operation

    async def _pages(self, since: datetime) -> AsyncIterator[Sequence[OperationRow]]:
        after = FIRST
        while rows := await self._store.list_operations(since, after=after, count=PAGE):
            yield rows
            if len(rows) < PAGE:
                return
            after = (rows[-1].workflow_id, rows[-1].address)

    async def list(self) -> Sequence[PolicyRow]:
        """Return every policy that was registered, the newest first."""
        return await self._store.list()

    def _refuse(self, answer: str, row: PolicyRow, required: Sequence[Requirement]) -> None:
        who = " and ".join(", ".join(one.by) or "anybody else" for one in required)
        sentence = {
            "not_entitled": f"{self._client.actor} is no policy owner and cannot activate a policy: ask somebody who is",
            "self": f"{self._client.actor} requested this activation, so somebody else has to agree: ask {who}",
            "repeated": f"{self._client.actor} has agreed to this activation already: more people have to",
            "not_named": f"{self._client.actor} is not among those who agree to this activation: ask {who}",
        }.get(answer)
        if sentence is not None:
            raise NotEntitled(sentence)
        if answer == "unknown":
            raise NotFound(f"there is no policy {row.hash.hex()}")


def read_policy(row: PolicyRow) -> Policy:
    """Return the policy that a row keeps; raises PolicyError for one that this version of Actum cannot read."""
    return parse_policy(row.body, file=row.hash.hex()[:12])


def require_own_activation(row: PolicyRow, policy: Policy) -> None:
    """Raise NotPossible if a policy was registered with other requirements for its activation than its text has.

    The database cannot read the text, so whoever registers it says what it requires; the first word stays.
    """
    if tuple(Requirement.from_data(one) for one in orjson.loads(row.activation)) != policy.activation:
        raise NotPossible(
            f"the policy {row.hash.hex()[:12]} was registered by {row.registered_by} with other requirements for its "
            "activation than its text has: change the text, were it by a comment, and activate that"
        )


def _past(row: OperationRow) -> Past:
    facts = orjson.loads(row.facts) if row.facts else None
    if row.preview:
        facts = orjson.loads(row.preview).get("facts")
    return Past(
        f"{short(row.workflow_id)} {row.address}",
        Operation(
            kind=row.kind,
            contract=row.contract,
            team=row.team,
            reversibility=row.reversibility,
            environment=row.environment,
            facts=facts if isinstance(facts, dict) else None,
            at=row.at,
        ),
    )
