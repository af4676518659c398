"""Demurrage: the schedule is exact, equal in Python, collected once a day, and never of debts or platform accounts.

Paths: some days of several accounts; the same day twice; a day ahead; too many days; a debtor; a platform account;
without the role.
"""

from random import Random

import pytest

from p2ptrade.domain.demurrage import Demurrage
from p2ptrade.domain.units import AmountMicro, SharePpm
from tests.support.chain import GENESIS_S, Contract, Receipt, reverts
from tests.support.platform import CREDIT, REWARDS, Platform, pack_accounts, pack_entries

DAY = GENESIS_S // 86_400
RATE, FREE = 1_370, 10 * CREDIT
RULE = Demurrage(SharePpm(RATE), AmountMicro(FREE))


@pytest.fixture
def demurrage(platform: Platform) -> Contract:
    contract = platform.chain.deploy("Demurrage", platform.ledger, DAY, RATE, FREE)
    platform.grant("MARKET", contract)
    return contract


def collect(platform: Platform, demurrage: Contract, day: int, *accounts: int) -> Receipt:
    if platform.chain.now_s() < day * 86_400:
        platform.chain.warp_to(day * 86_400)
    return demurrage.send("collect", day, pack_accounts(list(accounts)), sender=platform.admin)


def test_idle_cash_shrinks_as_the_schedule_says(platform: Platform, demurrage: Contract) -> None:
    rich, modest = platform.admit("rich", cash_micro=500 * CREDIT), platform.admit("modest", cash_micro=9 * CREDIT)

    collect(platform, demurrage, DAY + 3, rich, modest)

    # 490 credits above the free ten: each day 1,370 ppm of what is left of them, rounded down.
    above = 490 * CREDIT
    for _ in range(3):
        above -= above * RATE // 1_000_000
    assert platform.cash(rich) == FREE + above
    assert platform.cash(modest) == 9 * CREDIT
    assert platform.cash(REWARDS) == 490 * CREDIT - above


@pytest.mark.parametrize("seed", range(10))
def test_contract_and_python_leave_the_same(demurrage: Contract, seed: int) -> None:
    random = Random(seed)
    cash, days = random.randint(0, 10 ** random.randint(1, 15)), random.randint(0, 92)

    assert demurrage.call("remaining", cash, days) == RULE.remaining(AmountMicro(cash), days)


def test_days_collected_in_parts_come_to_the_same(platform: Platform, demurrage: Contract) -> None:
    account = platform.admit("rich", cash_micro=500 * CREDIT)

    for day in (DAY + 1, DAY + 1, DAY + 4):
        collect(platform, demurrage, day, account)

    assert platform.cash(account) == RULE.remaining(AmountMicro(500 * CREDIT), 4)


def test_a_day_ahead_or_long_ago_is_refused(platform: Platform, demurrage: Contract) -> None:
    account = platform.admit("rich", cash_micro=500 * CREDIT)
    with reverts("DemurrageDayAhead", day=DAY + 5):
        demurrage.send("collect", DAY + 5, pack_accounts([account]), sender=platform.admin)
    with reverts("DemurrageTooManyDays", account=account, dueDays=93):
        collect(platform, demurrage, DAY + 93, account)


def test_debts_do_not_grow_and_the_platform_pays_nothing(platform: Platform, demurrage: Contract) -> None:
    debtor, other = platform.admit("debtor"), platform.admit("other")
    moves = pack_entries((debtor, -5 * CREDIT), (other, 5 * CREDIT))
    platform.ledger.send("settle", moves, sender=platform.holder("MARKET"))

    collect(platform, demurrage, DAY + 2, debtor)

    assert platform.cash(debtor) == -5 * CREDIT
    with reverts("DemurrageWrongAccount", index=0):
        collect(platform, demurrage, DAY + 2, REWARDS)


def test_a_market_that_did_not_opt_in_loses_nothing(platform: Platform) -> None:
    account = platform.admit("rich", cash_micro=500 * CREDIT)
    contract = platform.chain.deploy("Demurrage", platform.ledger, DAY, RATE, FREE)

    with reverts("AccessManagedUnauthorized"):
        collect(platform, contract, DAY + 1, account)
