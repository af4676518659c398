"""The wallet's view of the chain."""

from dataclasses import dataclass

from p2ptrade.chain.client import BlockHead
from p2ptrade.chain.deployed import Market
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import TransactionRevertedError
from p2ptrade.wallet.strategy import SlotPrices


@dataclass(frozen=True)
class MarketView:
    """What a wallet reads of its market."""

    market: Market

    def head(self) -> BlockHead:
        """Return the newest block, whose time is chain time."""
        return self.market.client.head()

    def now_s(self) -> int:
        """Return chain time."""
        return self.head().time_s

    def grid_data(self, slot: SlotNumber) -> GridData | None:
        """Return limits and charges of a slot, or nothing while they are not published."""
        return self.market.grid_limits.published(slot, first=self.market.first_block)

    def prices(self, slot: SlotNumber) -> SlotPrices | None:
        """Return tariffs and charge of a slot, or nothing while they are not all published."""
        grid = self.grid_data(slot)
        if grid is None:
            return None
        try:
            (tariff,) = self.market.tariffs.prices([slot])
        except TransactionRevertedError:
            return None
        return SlotPrices(tariff.retail, tariff.feed_in, grid.charges.total_micro_per_kwh)
