"""What a day of trading left behind, slot by slot and home by home: the one input of its figures, charts and ledger.

All of it is read from the chain after the day, except what no chain knows: each home's gross consumption and generation
(from the profiles behind its meter) and the voltages and loadings (from the power flow of the metered injections).
"""

from dataclasses import dataclass

from p2ptrade.domain.money import cost_rounded_down, cost_rounded_up
from p2ptrade.domain.order import Order
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import (
    AccountId,
    AmountMicro,
    EnergyWh,
    EpochSeconds,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
    SlotNumber,
)


@dataclass(frozen=True, slots=True)
class HomeSlot:
    """One home in one slot: Wh, withdrawn and bought positive; `cash_micro` is all that moved, in its favour."""

    position_wh: int
    metered_wh: int
    cash_micro: AmountMicro
    consumption_wh: EnergyWh
    generation_wh: EnergyWh

    @property
    def imbalance_wh(self) -> int:
        """Return metered minus position: positive is bought from the retailer, negative sold to it."""
        return self.metered_wh - self.position_wh


@dataclass(frozen=True, slots=True)
class FeederState:
    """What the power flow of the metered injections says of a slot: pu, and ppm of the rating."""

    min_voltage_pu: float
    max_voltage_pu: float
    max_loading_ppm: int


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """One slot of the day; `prices` has one entry a zone and is empty where nothing was cleared."""

    slot: SlotNumber
    retail_micro_per_kwh: PriceMicroPerKwh
    feed_in_micro_per_kwh: PriceMicroPerKwh
    charge_micro_per_kwh: PriceMicroPerKwh
    prices: tuple[PriceHalfMicroPerKwh, ...]
    orders: tuple[Order, ...]
    sealed: int
    void: int
    rounds: int
    gas: int
    transactions: int
    feeder: FeederState
    homes: dict[AccountId, HomeSlot]

    @property
    def start_s(self) -> EpochSeconds:
        """Return the first second of delivery."""
        return start_of(self.slot)

    @property
    def lapsed(self) -> bool:
        """Return whether orders were sealed and no certificate was accepted in time."""
        return self.sealed > 0 and not self.prices

    @property
    def traded_wh(self) -> int:
        """Return the energy bought, which is the energy sold."""
        return sum(max(0, home.position_wh) for home in self.homes.values())

    @property
    def net_wh(self) -> int:
        """Return what the neighbourhood together withdrew from the grid above it; negative is injected."""
        return sum(home.metered_wh for home in self.homes.values())

    def tariff_cost_micro(self, account: AccountId) -> AmountMicro:
        """Return what the home would have paid in this slot without the market, for the same metered energy."""
        metered_wh = self.homes[account].metered_wh
        if metered_wh >= 0:
            return cost_rounded_up(EnergyWh(metered_wh), self.retail_micro_per_kwh)
        return AmountMicro(-cost_rounded_down(EnergyWh(-metered_wh), self.feed_in_micro_per_kwh))


@dataclass(frozen=True, slots=True)
class Day:
    """All slots of the day in order, with the books' verdict: a difference that is not 0 was created or lost."""

    week: str
    seed: int
    slots: tuple[SlotRecord, ...]
    accounts: tuple[AccountId, ...]
    setup_gas: int
    setup_transactions: int
    money_difference_micro: int
    energy_difference_wh: int

    def saving_micro(self, account: AccountId) -> AmountMicro:
        """Return what the home saved against its tariffs over the day."""
        return AmountMicro(sum(slot.tariff_cost_micro(account) + slot.homes[account].cash_micro for slot in self.slots))
