"""A day of two homes and two slots, small enough to compute by hand."""

import pytest

from p2ptrade.demo.day import Day, FeederState, HomeSlot, SlotRecord
from p2ptrade.domain.order import Order, Side, Step
from p2ptrade.domain.units import (
    AccountId,
    AmountMicro,
    EnergyWh,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
    SlotNumber,
    ZoneId,
)

A, B = AccountId(16), AccountId(17)


def home(position: int, metered: int, cash: int, used: int, made: int) -> HomeSlot:
    return HomeSlot(position, metered, AmountMicro(cash), EnergyWh(used), EnergyWh(made))


def order(account: AccountId, side: Side, energy: int, price: int) -> Order:
    return Order(account, ZoneId(0), side, (Step(EnergyWh(energy), PriceMicroPerKwh(price)),))


@pytest.fixture
def day() -> Day:
    tariffs = (PriceMicroPerKwh(300_000), PriceMicroPerKwh(80_000), PriceMicroPerKwh(20_000))
    sun = SlotRecord(
        SlotNumber(1_000_000),
        *tariffs,
        prices=(PriceHalfMicroPerKwh(400_000),),
        orders=(order(A, Side.OFFER, 400, 150_000), order(B, Side.BID, 400, 270_000)),
        sealed=2,
        void=0,
        rounds=2,
        gas=21_000,
        transactions=3,
        feeder=FeederState(0.98, 1.02, 410_000),
        homes={
            # A: 400 Wh at 20 ct = 80,000 and 100 Wh at 8 ct = 8,000
            # B: 400 Wh at 22 ct = 88,000 and 300 Wh at 30 ct = 90,000
            A: home(-400, -500, 88_000, 100, 600),
            B: home(400, 700, -178_000, 700, 0),
        },
    )
    night = SlotRecord(
        SlotNumber(1_000_001),
        *tariffs,
        prices=(),
        orders=(),
        sealed=1,
        void=0,
        rounds=0,
        gas=10_001,
        transactions=1,
        feeder=FeederState(0.97, 1.0, 150_000),
        homes={A: home(0, 200, -60_000, 200, 0), B: home(0, 300, -90_000, 300, 0)},
    )
    return Day("summer", 7, (sun, night), (A, B), 5_000_000, 40, 0, 0)
