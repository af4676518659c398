"""What settling costs per account: 400 accounts in one page, all of them with a position, none the same twice."""

import pytest

from p2ptrade.chain.settlement_page import pack_slot
from p2ptrade.domain.metered import ClearedSlot, MeteredAccount
from p2ptrade.domain.position import Position
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh
from tests.support.platform import CREDIT
from tests.support.settlement import CAPACITY_KW, FIRST_SLOT, SettlementStage

HOMES = 400


def busy_slot(accounts: list[int], slot: int, *, delivered: bool) -> tuple[list[MeteredAccount], ClearedSlot]:
    """Return a slot in which the first half sells to the second; each meter is a little off."""
    half = len(accounts) // 2
    metered = []
    for number, account in enumerate(accounts):
        energy = 500 + number % half + slot % 8
        sells = number < half
        locked = energy * 50 if sells else energy * 216
        release = energy * 250 if sells else 0
        position = Position(
            AccountId(account), EnergyWh(-energy if sells else energy), AmountMicro(locked), AmountMicro(release)
        )
        wh = (number % 9 - energy if delivered else 0) if sells else energy + number % 7
        metered.append(MeteredAccount(AccountId(account), EnergyWh(wh), position))
    bought = sum(500 + number % half + slot % 8 for number in range(half))
    return metered, ClearedSlot(
        EnergyWh(bought), AmountMicro(bought * 10), AmountMicro(bought), AmountMicro(bought * 5)
    )


def settling_gas(stage: SettlementStage, accounts: list[int], slots: int, *, delivered: bool) -> list[float]:
    """Return the gas per account of report and page together, slot by slot."""
    used = []
    for slot in range(FIRST_SLOT, FIRST_SLOT + slots):
        metered, cleared = busy_slot(accounts, slot, delivered=delivered)
        stage.clear(slot, [account.position for account in metered if account.position], cleared)
        stage.after(slot)
        packed = pack_slot(metered)
        report = stage.report(slot, metered, packed)
        used.append(stage.settle_at_once(report, packed).gas_used / len(accounts))
    return used


@pytest.fixture
def accounts(stage: SettlementStage) -> list[int]:
    names = [f"busy home {number}" for number in range(HOMES)]
    return stage.platform.admit_many(names, capacity_kw=CAPACITY_KW, cash_micro=100 * CREDIT)


def test_settling_cash_only_stays_in_its_gas_budget(stage: SettlementStage, accounts: list[int]) -> None:
    first, second = settling_gas(stage, accounts, 2, delivered=False)

    assert max(first, second) <= 6_500


def test_settling_with_tokens_stays_in_its_gas_budget(stage: SettlementStage, accounts: list[int]) -> None:
    used = settling_gas(stage, accounts, 8, delivered=True)

    assert stage.token.call("totalSupply", FIRST_SLOT) > 0
    assert sum(used) / len(used) <= 12_500
