"""A clearing and a settlement made by the rules pass the audit; each kind of tampering is found and named."""

from dataclasses import replace

import pytest

from p2ptrade.audit.recompute import (
    PublishedClearing,
    PublishedCorrection,
    PublishedSettlement,
    check_clearing,
    check_correction,
    check_settlement,
)
from p2ptrade.chain.packing import OpenedRecord, pack_book
from p2ptrade.domain.grid_data import ROOT, Charges, GridData
from p2ptrade.domain.metered import ClearedSlot, MeteredAccount
from p2ptrade.domain.order import Side
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import RetailPrices, SettlementRules, SystemAccount
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import (
    AccountId,
    AmountMicro,
    EnergyWh,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
    SharePpm,
    SlotNumber,
    ZoneId,
)

BUYER, SELLER = AccountId(16), AccountId(17)
SLOT = SlotNumber(1_900_000)
# The buyer bids 1,000 Wh at 26 ct all-in, the seller offers 1,000 Wh at 18 ct; the charge is 2 ct. So the zone price is
# the middle of 24 and 18, 21 ct: the buyer pays 0.23 credits, the seller gets 0.21, the grid operator 0.015 of the
# charge and the market operator 0.005. The seller's collateral is 0.05.
BOUGHT = Position(BUYER, EnergyWh(1_000), AmountMicro(230_000), AmountMicro(0))
SOLD = Position(SELLER, EnergyWh(-1_000), AmountMicro(50_000), AmountMicro(260_000))
TOTALS = ClearedSlot(EnergyWh(1_000), AmountMicro(15_000), AmountMicro(5_000), AmountMicro(0))


def entries(**moved: int) -> tuple[tuple[AccountId, AmountMicro], ...]:
    names = {"buyer": BUYER, "seller": SELLER} | {account.name.lower(): account for account in SystemAccount}
    return tuple((AccountId(names[name]), AmountMicro(amount)) for name, amount in moved.items())


@pytest.fixture
def clearing() -> PublishedClearing:
    def record(account: AccountId, side: Side, price: int) -> OpenedRecord:
        return OpenedRecord(account, side, ((1_000, price),), bytes(16), bytes(64))

    book = [record(BUYER, Side.BID, 260_000), record(SELLER, Side.OFFER, 180_000)]
    charges = Charges(*(PriceMicroPerKwh(part) for part in (10_000, 3_000, 2_000, 5_000)))
    return PublishedClearing(
        slot=SLOT,
        pages=tuple(pack_book(book)),
        grid=GridData((ROOT,), charges),
        zones={BUYER: ZoneId(0), SELLER: ZoneId(0)},
        prices=(PriceHalfMicroPerKwh(420_000),),
        positions=(BOUGHT, SOLD),
        voids=(),
        totals=TOTALS,
        moved=entries(buyer=-230_000, seller=-50_000, escrow=280_000),
    )


@pytest.fixture
def settlement() -> PublishedSettlement:
    """The buyer withdraws 1,100 Wh, the seller injects 900: 100 Wh at 30 ct from the retailer for each of them."""
    return PublishedSettlement(
        slot=SLOT,
        accounts=(MeteredAccount(BUYER, EnergyWh(1_100), BOUGHT), MeteredAccount(SELLER, EnergyWh(-900), SOLD)),
        cleared=TOTALS,
        prices=RetailPrices(PriceMicroPerKwh(300_000), PriceMicroPerKwh(80_000)),
        rules=SettlementRules(Deviation(PriceMicroPerKwh(0), EnergyWh(0), SharePpm(0))),
        moved=entries(
            buyer=-30_000, seller=260_000 - 30_000, retailer=60_000, dso=15_000, operator=5_000, escrow=-280_000
        ),
    )


def test_a_clearing_by_the_rules_passes(clearing: PublishedClearing) -> None:
    assert check_clearing(clearing) == []


def test_another_price_is_found(clearing: PublishedClearing) -> None:
    found = check_clearing(replace(clearing, prices=(PriceHalfMicroPerKwh(440_000),)))

    assert str(found[0]) == f"slot {SLOT}: price of zone 0: the events give 420000, the chain says 440000"


def test_a_fill_that_is_not_the_rules_is_found(clearing: PublishedClearing) -> None:
    found = check_clearing(replace(clearing, positions=(replace(BOUGHT, energy_wh=EnergyWh(999)), SOLD)))

    assert any("position of account 16" in difference.what for difference in found)
    assert any("energy sold" in difference.what for difference in found)


def test_a_buyer_who_paid_a_micro_too_much_is_found(clearing: PublishedClearing) -> None:
    found = check_clearing(replace(clearing, positions=(replace(BOUGHT, locked_micro=AmountMicro(230_001)), SOLD)))

    assert any("amount of account 16" in difference.what for difference in found)


def test_cash_that_moved_elsewhere_is_found(clearing: PublishedClearing) -> None:
    found = check_clearing(replace(clearing, moved=entries(buyer=-230_000, seller=-50_000, operator=280_000)))

    assert {difference.what.rsplit(" ", 1)[1] for difference in found} == {"1", "4"}


def test_a_settlement_by_the_rules_passes(settlement: PublishedSettlement) -> None:
    assert check_settlement(settlement) == []


@pytest.mark.parametrize("paid", [29_999, 30_001])
def test_a_flow_that_is_not_the_rules_is_found(settlement: PublishedSettlement, paid: int) -> None:
    moved = entries(buyer=-paid, seller=230_000, retailer=30_000 + paid, dso=15_000, operator=5_000, escrow=-280_000)

    found = check_settlement(replace(settlement, moved=moved))

    assert [difference.replayed - difference.stored for difference in found] == [paid - 30_000, 30_000 - paid]


def test_what_an_account_at_the_debt_limit_could_not_pay_the_retailer_carries(settlement: PublishedSettlement) -> None:
    moved = entries(buyer=-10_000, seller=230_000, retailer=40_000, dso=15_000, operator=5_000, escrow=-280_000)

    assert check_settlement(replace(settlement, moved=moved, at_debt_limit=frozenset({BUYER}))) == []
    assert len(check_settlement(replace(settlement, moved=moved))) == 2


@pytest.fixture
def correction(settlement: PublishedSettlement) -> PublishedCorrection:
    """The seller had been estimated at 900 Wh and was metered at 800: another 100 Wh at 30 ct from the retailer."""
    buyer, seller = settlement.accounts
    estimated = replace(seller, estimated=True)
    return PublishedCorrection(
        slot=SLOT,
        version=2,
        changes=((estimated, replace(seller, metered_wh=EnergyWh(-800))),),
        before={BUYER: buyer, SELLER: estimated},
        delivered_wh=EnergyWh(800),
        prices=settlement.prices,
        rules=settlement.rules,
        moved=entries(seller=-30_000, retailer=30_000),
    )


def test_a_correction_by_the_rules_passes(correction: PublishedCorrection) -> None:
    assert check_correction(correction) == []


def test_a_correction_that_pays_too_much_is_found(correction: PublishedCorrection) -> None:
    found = check_correction(replace(correction, moved=entries(seller=-29_000, retailer=29_000)))

    assert [(each.replayed, each.stored) for each in found] == [(-30_000, -29_000), (30_000, 29_000)]


def test_a_correction_of_what_was_not_settled_is_found(correction: PublishedCorrection) -> None:
    ((old, _),) = correction.changes
    found = check_correction(replace(correction, before={SELLER: replace(old, metered_wh=EnergyWh(-950))}))

    assert str(found[0]).endswith(f"corrected energy of account {SELLER}: the events give -900, the chain says -950")


def test_a_correction_that_announces_another_delivery_is_found(correction: PublishedCorrection) -> None:
    (found,) = check_correction(replace(correction, delivered_wh=EnergyWh(900)))

    assert found.what.endswith("delivered Wh")
