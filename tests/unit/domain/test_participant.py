"""Whether an order takes part follows from its account, the cover rules and the grid data, in a fixed order."""

import pytest

from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.order import Side, Step, VoidReason
from p2ptrade.domain.participant import AccountState, AccountStatus, CoverRules, why_void
from p2ptrade.domain.units import AmountMicro, EnergyWh, PriceMicroPerKwh, ZoneId

OWNER = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
RULES = CoverRules((AmountMicro(1_000), AmountMicro(500)), (PriceMicroPerKwh(100_000), PriceMicroPerKwh(50_000)))
CHARGES = Charges(*(PriceMicroPerKwh(0),) * 4)
GRID = GridData((ROOT, ZoneLimits(ZoneId(0), EnergyWh(5), EnergyWh(5))), CHARGES, frozenset({ZoneId(1)}))
STEPS = (Step(EnergyWh(1), PriceMicroPerKwh(200_000)), Step(EnergyWh(1_001), PriceMicroPerKwh(100_001)))
# 1 Wh at 0.2 is 200 micro; 1.001 kWh at 0.100001 is 100,101.001, rounded up.
COVER_OF_BID = 200 + 100_102


def account(**changes: object) -> AccountState:
    fields = {
        "owner": OWNER,
        "cash_micro": 1_000_000,
        "zone": 0,
        "status": AccountStatus.ACTIVE,
        "reputation_class": 0,
        "capacity_kw": 30,
    }
    return AccountState(**(fields | changes))  # type: ignore[arg-type]


def test_the_word_of_the_ledger_is_read_field_by_field() -> None:
    word = int.from_bytes(b"\x1e\x02\x01\x1f" + (-7).to_bytes(8, "big", signed=True) + bytes.fromhex(OWNER[2:]), "big")

    assert AccountState.from_word(word) == account(
        cash_micro=-7, zone=31, status=AccountStatus.ACTIVE, reputation_class=2
    )


@pytest.mark.parametrize(("cash", "reason"), [(COVER_OF_BID + 1_000, None), (COVER_OF_BID + 999, VoidReason.INSOLVENT)])
def test_a_bid_needs_bond_and_cost_at_its_limits_each_step_rounded_up(cash: int, reason: VoidReason | None) -> None:
    assert why_void(account(cash_micro=cash), Side.BID, STEPS, RULES, GRID) is reason


@pytest.mark.parametrize(("cash", "reason"), [(50_100 + 500, None), (50_100 + 499, VoidReason.INSOLVENT)])
def test_an_offer_needs_the_collateral_of_its_class(cash: int, reason: VoidReason | None) -> None:
    rising = STEPS[::-1]

    assert why_void(account(cash_micro=cash, reputation_class=9), Side.OFFER, rising, RULES, GRID) is reason


@pytest.mark.parametrize(
    ("changes", "steps", "reason"),
    [
        ({"status": AccountStatus.SUSPENDED, "zone": 1, "cash_micro": 0}, STEPS[::-1], VoidReason.ACCOUNT_NOT_ACTIVE),
        ({"zone": 1, "cash_micro": 0}, STEPS[::-1], VoidReason.ZONE_EXCLUDED),
        ({"zone": 2, "cash_micro": 0}, STEPS[::-1], VoidReason.ZONE_EXCLUDED),
        ({"cash_micro": 0}, STEPS[::-1], VoidReason.MALFORMED),
        ({"cash_micro": 0}, STEPS, VoidReason.INSOLVENT),
    ],
)
def test_the_first_reason_that_holds_is_the_one_recorded(
    changes: dict[str, object], steps: tuple[Step, ...], reason: VoidReason
) -> None:
    assert why_void(account(**changes), Side.BID, steps, RULES, GRID) is reason


def test_more_energy_than_a_position_can_hold_is_malformed() -> None:
    half = Step(EnergyWh(2**30), PriceMicroPerKwh(2)), Step(EnergyWh(2**30), PriceMicroPerKwh(1))

    assert why_void(account(cash_micro=2**60), Side.BID, half, RULES, GRID) is VoidReason.MALFORMED
