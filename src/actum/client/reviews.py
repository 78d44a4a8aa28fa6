"""Reviews: a batch as one card, with its sums, what sticks out, and the few items that are opened first.

Reading a review fixes its items: nothing joins a batch that somebody looked at. Which items are opened first follows
from the ids of batch and items alone, so a reviewer cannot choose the easy ones, and sees the same ones again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from math import isqrt
from typing import TYPE_CHECKING, Any
from uuid import UUID

from actum.client.cards import Card, read_cards
from actum.engine.sifting import show_sifted
from actum.errors import InvalidInput, NotFound
from actum.machine.batches import Item, find_outliers
from actum.model.ids import short
from actum.store.batches import BatchRow

if TYPE_CHECKING:
    from actum.store.store import Store


@dataclass(frozen=True, slots=True)
class Review:
    """A batch with the cards of its items, in the order asked.

    `sums` are over the open items, by the name of the fact; `outliers` say for an item why it sticks out; `sample` are
    the items to open first. Only what is open is counted, called an outlier or sampled.
    """

    batch: BatchRow
    cards: tuple[Card, ...]
    sums: dict[str, Decimal]
    outliers: dict[UUID, str]
    sample: tuple[UUID, ...]

    @property
    def open_cards(self) -> tuple[Card, ...]:
        """The items that nobody has decided."""
        return tuple(card for card in self.cards if card.approval.state == "pending")

    def find(self, names: Iterable[str]) -> list[UUID]:
        """Return the open items that `names` (ids, or the last digits of them) mean.

        Raises NotFound for a name that no open item has, InvalidInput for one that several have.
        """
        return [self._find(name) for name in names]

    def _find(self, name: str) -> UUID:
        digits = name.strip().lower().replace("-", "")
        found = [card.approval.id for card in self.open_cards if card.approval.id.hex.endswith(digits)]
        if not digits or not found:
            raise NotFound(
                f"no open item of batch {short(self.batch.id)} ends in {name!r}: "
                f"`actum review {short(self.batch.id)}` names them"
            )
        if len(found) > 1:
            raise InvalidInput(f"{len(found)} items end in {name!r}: give more of its digits", path="except")
        return found[0]

    def as_data(self) -> dict[str, Any]:
        """Return what a review says beside its items as JSON values."""
        return {
            "sums": {name: _plain(total) for name, total in self.sums.items()},
            "outliers": {str(one): why for one, why in self.outliers.items()},
            "sample": [str(one) for one in self.sample],
        }


async def read_review(store: Store, batch: BatchRow) -> Review:
    """Show a batch, which takes its outliers out and fixes the rest; raises NotFound where nothing is in it."""
    rows = [await store.approvals.get(one) for one in await show_sifted(store, batch.id)]
    if not rows:
        raise NotFound(f"there is nothing in batch {short(batch.id)}: see `actum inbox`")
    cards = tuple(await read_cards(store, [row for row in rows if row is not None]))
    undecided = [card for card in cards if card.approval.state == "pending"]
    outliers = _outliers(undecided)
    ids = [card.approval.id for card in undecided]
    return Review(batch, cards, sum_up(undecided), outliers, choose_sample(batch.id, ids))


def sum_up(cards: Sequence[Card]) -> dict[str, Decimal]:
    """Return the exact sum of each amount among the facts of `cards`, by its name; amounts of money by currency too."""
    sums: dict[str, Decimal] = {}
    for card in cards:
        currency = card.facts.get("currency")
        for name, amount in card.amounts.items():
            whole = f"{name} {currency}" if isinstance(currency, str) and name.startswith("amount") else name
            sums[whole] = sums.get(whole, Decimal(0)) + amount
    return dict(sorted(sums.items()))


def _plain(total: Decimal) -> int | float:
    return int(total) if total == int(total) else float(total)


def choose_sample(batch_id: UUID, items: Sequence[UUID]) -> tuple[UUID, ...]:
    """Return which items are opened first: the root of how many there are, two at least; always the same for these ids."""
    ordered = sorted(items, key=lambda one: sha256(batch_id.bytes + one.bytes).digest())
    return tuple(ordered[: max(2, isqrt(len(ordered)))])


def _outliers(cards: Sequence[Card]) -> dict[UUID, str]:
    """Return which items stick out of their group or of their past; what holds for most of a group is no outlier."""
    news = [card for card in cards if card.is_first]
    named = {str(card.approval.id): card for card in cards}
    items = [
        Item(
            name,
            any(check.has_failed for check in card.checks),
            card.is_first and 2 * len(news) <= len(cards),
            card.amounts,
        )
        for name, card in named.items()
    ]
    found = {UUID(name): why for name, why in find_outliers(items).items()}
    odd = [card for card in cards if card.odd and not card.is_first]
    if 2 * len(odd) <= len(cards):
        for card in odd:
            found.setdefault(card.approval.id, card.odd[0])
    return found
