"""The fallback tariffs: what the retailer of last resort charges and pays in each slot."""

from collections.abc import Sequence
from typing import ClassVar

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.settlement import RetailPrices
from p2ptrade.domain.units import PriceMicroPerKwh, SlotNumber
from p2ptrade.errors import InputError

SLOTS_PER_DAY = 96
_SLOTS_PER_WORD = 4


class Tariffs(ContractWrapper):
    """Prices by slot, published by UTC day."""

    NAME: ClassVar[str] = "Tariffs"

    def prices(self, slots: Sequence[SlotNumber], *, block: Block = LATEST) -> list[RetailPrices]:
        """Return the prices of slots.

        Raises:
            TransactionRevertedError: nothing was published for one of them.
        """
        found = self.read_many("priceAt", [(slot,) for slot in slots], block=block)
        return [RetailPrices(PriceMicroPerKwh(retail), PriceMicroPerKwh(feed_in)) for retail, feed_in in found]

    def last_day(self, *, block: Block = LATEST) -> int:
        """Return the last UTC day (epoch seconds / 86400) with prices; 0 if there is none."""
        return int(self.read("lastDay", block=block))

    def first_priced_slot(self, *, first: Block) -> SlotNumber | None:
        """Return the first slot that has prices, by the events from block `first` on; nothing if there is none."""
        days = [record.values["day"] for record in self.events("TariffPublished", first=first)]
        return SlotNumber(min(days) * SLOTS_PER_DAY) if days else None

    def notice_s(self) -> int:
        """Return how long before its day a tariff must be published, in seconds."""
        return int(self.read("notice"))

    def publish_data(self, day: int, prices: Sequence[RetailPrices]) -> bytes:
        """Return the call that publishes the 96 prices of a UTC day."""
        return self.call_data("publish", day, packed_day(prices))


def packed_day(prices: Sequence[RetailPrices]) -> list[int]:
    """Return 96 prices as the contract stores them: four slots a word, the first lowest; retail below feed-in.

    Raises:
        InputError: there are not 96.
    """
    if len(prices) != SLOTS_PER_DAY:
        raise InputError(f"a day of tariffs has {SLOTS_PER_DAY} slots, not {len(prices)}")
    lanes = [price.retail | price.feed_in << 32 for price in prices]
    return [
        sum(lane << 64 * place for place, lane in enumerate(lanes[at : at + _SLOTS_PER_WORD]))
        for at in range(0, SLOTS_PER_DAY, _SLOTS_PER_WORD)
    ]
