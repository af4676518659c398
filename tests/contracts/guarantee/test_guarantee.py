"""The guarantee: paid for a period that can no longer change, once, in order, to participants, out of its own account.

Paths: a period paid in one list, in several, in an empty one; paid again; out of turn; while the last slot can still be
reported, or corrected; a list cut off; an account twice, falling, in a later list again, a system account; more than
the most; more than the account holds, in one list and in the second; a debtor; a long list, for its gas; without the
role; bad parameters.
"""

import pytest

from tests.support.chain import GENESIS_S, Contract, Receipt, reverts
from tests.support.platform import CREDIT, FIRST_PARTICIPANT, GUARANTEE, REWARDS, Platform, pack_entries
from tests.support.settlement import CORRECTION_WINDOW_S, SETTLE_WINDOW_S, SettlementStage, deploy_settlement

FIRST_DAY = GENESIS_S // 86_400
PERIOD_DAYS = 3
MOST, FUND = 20 * CREDIT, 30 * CREDIT
CLOSES_S = (FIRST_DAY + PERIOD_DAYS) * 86_400 + CORRECTION_WINDOW_S


@pytest.fixture(scope="module")
def stage(session_platform: Platform) -> SettlementStage:
    return deploy_settlement(session_platform)


@pytest.fixture
def guarantee(platform: Platform, stage: SettlementStage) -> Contract:
    """A guarantee with thirty credits in its account, and a first period that is over for good."""
    contract = deploy_guarantee(platform, stage.settlement)
    sponsor = platform.admit("sponsor", cash_micro=FUND)
    moves = pack_entries((sponsor, -FUND), (GUARANTEE, FUND))
    platform.ledger.send("move", moves, sender=platform.holder("MARKET"))
    platform.chain.warp_to(CLOSES_S + 1)
    return contract


@pytest.fixture
def homes(platform: Platform) -> list[int]:
    return platform.admit_many(["first", "second", "third"])


def deploy_guarantee(platform: Platform, settlement: Contract, days: int = PERIOD_DAYS, most: int = MOST) -> Contract:
    contract = platform.chain.deploy(
        "Guarantee", platform.authority, platform.ledger, settlement, FIRST_DAY, days, most
    )
    platform.set_function_roles(contract, {"ISSUER": ("pay",)})
    platform.let_move(contract)
    return contract


def packed(*refunds: tuple[int, int]) -> bytes:
    return b"".join(account.to_bytes(4, "big") + amount.to_bytes(8, "big") for account, amount in refunds)


def pay(platform: Platform, guarantee: Contract, refunds: bytes, *, period: int = 0, is_last: bool = True) -> Receipt:
    return guarantee.send("pay", period, refunds, is_last, sender=platform.holder("ISSUER"))


def test_everybody_in_the_list_gets_its_refund_out_of_the_account(
    platform: Platform, guarantee: Contract, homes: list[int]
) -> None:
    refunds = packed((homes[0], 3 * CREDIT), (homes[2], MOST))

    receipt = pay(platform, guarantee, refunds)

    assert [platform.cash(home) for home in homes] == [3 * CREDIT, 0, MOST]
    assert platform.cash(GUARANTEE) == FUND - 3 * CREDIT - MOST
    assert receipt.event(guarantee, "GuaranteePaid") == {"period": 0, "refunds": refunds, "isLast": True}
    assert (guarantee.call("nextPeriod"), guarantee.call("lastAccount")) == (1, 0)


def test_a_period_is_paid_once_and_in_order(platform: Platform, guarantee: Contract, homes: list[int]) -> None:
    pay(platform, guarantee, packed((homes[0], CREDIT)))

    with reverts("GuaranteeWrongPeriod", period=0, needed=1):
        pay(platform, guarantee, packed((homes[0], CREDIT)))
    with reverts("GuaranteeWrongPeriod", period=2, needed=1):
        pay(platform, guarantee, b"", period=2)
    assert platform.cash(homes[0]) == CREDIT


def test_a_long_period_is_paid_in_several_lists(platform: Platform, guarantee: Contract, homes: list[int]) -> None:
    pay(platform, guarantee, packed((homes[0], CREDIT), (homes[1], CREDIT)), is_last=False)
    between = guarantee.call("nextPeriod"), guarantee.call("lastAccount")
    with reverts("GuaranteeWrongAccount", account=homes[1], needed=homes[1] + 1):
        pay(platform, guarantee, packed((homes[1], CREDIT), (homes[2], CREDIT)))
    pay(platform, guarantee, packed((homes[2], CREDIT)))

    assert between == (0, homes[1])
    assert [platform.cash(home) for home in homes] == [CREDIT] * 3
    assert (guarantee.call("nextPeriod"), guarantee.call("lastAccount")) == (1, 0)


def test_a_period_without_refunds_is_closed_by_an_empty_list(platform: Platform, guarantee: Contract) -> None:
    pay(platform, guarantee, b"", is_last=False)
    closed = pay(platform, guarantee, b"")

    assert closed.events(platform.ledger, "Moved") == []
    assert guarantee.call("nextPeriod") == 1
    assert platform.cash(GUARANTEE) == FUND


def test_nothing_is_paid_while_a_slot_of_the_period_can_change(platform: Platform, stage: SettlementStage) -> None:
    contract = deploy_guarantee(platform, stage.settlement)
    last_slot = (FIRST_DAY + PERIOD_DAYS) * 96 - 1

    assert CORRECTION_WINDOW_S > SETTLE_WINDOW_S
    assert contract.call("closesAt", 0) == stage.settlement.call("correctionsUntil", last_slot) == CLOSES_S
    assert contract.call("closesAt", 4) == CLOSES_S + 4 * PERIOD_DAYS * 86_400
    platform.chain.next_block_at(CLOSES_S)
    with reverts("GuaranteePeriodOpen", period=0, nowSeconds=CLOSES_S, closesAt=CLOSES_S):
        pay(platform, contract, b"")
    platform.chain.next_block_at(CLOSES_S + 1)
    pay(platform, contract, b"")


def test_a_slot_that_can_be_settled_longer_than_corrected_keeps_the_period_open(platform: Platform) -> None:
    short = platform.chain.deploy("ClearedAuction", CORRECTION_WINDOW_S + 1_000)
    rules = (0, 0, 0, 0, 0, 1, 2**56 - 1, 2**56 - 1)
    settlement = platform.chain.deploy(
        "Settlement", platform.authority, platform.ledger, short, platform.tariffs, short, CORRECTION_WINDOW_S, rules
    )

    assert deploy_guarantee(platform, settlement).call("closesAt", 0) == CLOSES_S + 1_000


def test_only_participants_in_rising_order(platform: Platform, guarantee: Contract, homes: list[int]) -> None:
    with reverts("GuaranteeWrongAccount", account=REWARDS, needed=FIRST_PARTICIPANT):
        pay(platform, guarantee, packed((REWARDS, CREDIT)))
    with reverts("GuaranteeWrongAccount", account=homes[0], needed=homes[0] + 1):
        pay(platform, guarantee, packed((homes[0], CREDIT), (homes[0], CREDIT)))
    with reverts("GuaranteeWrongAccount", account=homes[0], needed=homes[1] + 1):
        pay(platform, guarantee, packed((homes[1], CREDIT), (homes[0], CREDIT)))
    with reverts("LedgerUnknownAccount", account=2**32 - 1):
        pay(platform, guarantee, packed((2**32 - 1, CREDIT)))
    assert platform.cash(GUARANTEE) == FUND


def test_a_list_that_is_cut_off_is_refused(platform: Platform, guarantee: Contract, homes: list[int]) -> None:
    with reverts("GuaranteeMalformedList", length=23):
        pay(platform, guarantee, packed((homes[0], 1), (homes[1], 1))[:-1])


def test_nobody_gets_more_than_the_most(platform: Platform, guarantee: Contract, homes: list[int]) -> None:
    with reverts("GuaranteeAboveMost", account=homes[1], amountMicro=MOST + 1, mostMicro=MOST):
        pay(platform, guarantee, packed((homes[0], 1), (homes[1], MOST + 1)))
    with reverts("GuaranteeAboveMost", amountMicro=2**64 - 1):
        pay(platform, guarantee, packed((homes[0], 2**64 - 1)))


def test_what_the_account_does_not_hold_is_not_paid_to_anybody(
    platform: Platform, guarantee: Contract, homes: list[int]
) -> None:
    with reverts("GuaranteeUnfunded", heldMicro=FUND, neededMicro=FUND + 1):
        pay(platform, guarantee, packed((homes[0], MOST), (homes[1], FUND - MOST + 1)))
    untouched = [platform.cash(home) for home in homes], guarantee.call("nextPeriod")
    pay(platform, guarantee, packed((homes[0], MOST)), is_last=False)
    with reverts("GuaranteeUnfunded", heldMicro=FUND - MOST, neededMicro=FUND - MOST + 1):
        pay(platform, guarantee, packed((homes[1], FUND - MOST + 1)))
    pay(platform, guarantee, packed((homes[1], FUND - MOST)))

    assert untouched == ([0, 0, 0], 0)
    assert platform.cash(GUARANTEE) == 0


def test_a_refund_lowers_the_debt_of_a_debtor(platform: Platform, guarantee: Contract, homes: list[int]) -> None:
    debt = pack_entries((homes[0], -5 * CREDIT), (homes[1], 5 * CREDIT))
    platform.ledger.send("settle", debt, sender=platform.holder("MARKET"))

    pay(platform, guarantee, packed((homes[0], 3 * CREDIT)))

    assert platform.cash(homes[0]) == -2 * CREDIT


@pytest.mark.parametrize("role", ["ADMIN", "TREASURER", "RELAY", "ORACLE", "RETAILER", "MARKET"])
def test_only_the_issuer_pays(platform: Platform, guarantee: Contract, role: str) -> None:
    with reverts("AccessManagedUnauthorized"):
        guarantee.send("pay", 0, b"", True, sender=platform.holder(role))


def test_a_market_that_did_not_opt_in_pays_nothing(platform: Platform, stage: SettlementStage) -> None:
    home = platform.admit("home")

    with reverts("LedgerAccountWithoutOwner", account=GUARANTEE):
        platform.fund(GUARANTEE, CREDIT)
    sponsor = platform.admit("sponsor", cash_micro=CREDIT)
    moves = pack_entries((sponsor, -CREDIT), (GUARANTEE, CREDIT))
    platform.ledger.send("move", moves, sender=platform.holder("MARKET"))
    stranger = platform.chain.deploy(
        "Guarantee", platform.authority, platform.ledger, stage.settlement, FIRST_DAY, PERIOD_DAYS, MOST
    )
    platform.set_function_roles(stranger, {"ISSUER": ("pay",)})
    platform.chain.warp_to(CLOSES_S + 1)
    with reverts("LedgerNotAMover"):
        pay(platform, stranger, packed((home, CREDIT)))


@pytest.mark.parametrize(("days", "most"), [(0, MOST), (PERIOD_DAYS, 0)])
def test_a_guarantee_without_days_or_money_is_refused(
    platform: Platform, stage: SettlementStage, days: int, most: int
) -> None:
    with reverts("GuaranteeBadParameters"):
        deploy_guarantee(platform, stage.settlement, days, most)


def test_five_hundred_refunds_take_less_than_an_eighth_of_a_block(platform: Platform, guarantee: Contract) -> None:
    homes = platform.admit_many([f"home {number}" for number in range(100)])

    used = [
        pay(platform, guarantee, packed(*((home, 1_000) for home in some)), is_last=False).gas_used
        for some in (homes[:1], homes[1:])
    ]

    each = (used[1] - used[0]) / 98
    assert each <= 6_600
    assert used[0] + 499 * each <= 30_000_000 / 8
