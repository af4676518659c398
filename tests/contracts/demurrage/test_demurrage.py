"""Demurrage: the schedule is exact, equal in Python, taken of what lay idle only, and never of debts or the platform.

Paths: a first look; some days later; twice on a day; money that came in between; money that was used in between; more
than the most days; a debtor; a platform account; an account twice in a list; without the role.
"""

from fractions import Fraction
from random import Random

import pytest

from p2ptrade.domain.demurrage import DAYS_MOST, Demurrage, Seen
from p2ptrade.domain.units import AmountMicro, SharePpm
from tests.support.chain import GENESIS_S, Contract, Receipt, reverts
from tests.support.platform import CREDIT, REWARDS, Platform, pack_accounts, pack_entries

DAY = GENESIS_S // 86_400 + 30
RATE, FREE = 1_370, 10 * CREDIT
RULE = Demurrage(SharePpm(RATE), AmountMicro(FREE))


@pytest.fixture
def demurrage(platform: Platform) -> Contract:
    contract = platform.chain.deploy("Demurrage", platform.ledger, RATE, FREE)
    platform.let_move(contract)
    return contract


def look(platform: Platform, demurrage: Contract, day: int, *accounts: int) -> Receipt:
    if platform.chain.now_s() < day * 86_400:
        platform.chain.warp_to(day * 86_400)
    return demurrage.send("collect", pack_accounts(list(accounts)), sender=platform.admin)


def give(platform: Platform, giver: int, taker: int, amount: int) -> None:
    moves = pack_entries((giver, -amount), (taker, amount))
    platform.ledger.send("settle", moves, sender=platform.holder("MARKET"))


def test_idle_cash_shrinks_as_the_schedule_says(platform: Platform, demurrage: Contract) -> None:
    rich, modest = platform.admit("rich", cash_micro=500 * CREDIT), platform.admit("modest", cash_micro=9 * CREDIT)
    before = platform.cash(REWARDS)

    first = look(platform, demurrage, DAY, rich, modest)
    second = look(platform, demurrage, DAY + 3, rich, modest)

    # 490 credits above the free ten: each day 1,370 ppm of what is left of them, rounded down.
    above = 490 * CREDIT
    for _ in range(3):
        above -= above * RATE // 1_000_000
    assert list(first.event(demurrage, "Collected")["amountsMicro"]) == [0, 0]
    assert list(second.event(demurrage, "Collected")["amountsMicro"]) == [490 * CREDIT - above, 0]
    assert platform.cash(rich) == FREE + above
    assert platform.cash(modest) == 9 * CREDIT
    assert platform.cash(REWARDS) - before == 490 * CREDIT - above
    assert demurrage.call("seenOf", rich) == (DAY + 3, FREE + above)


@pytest.mark.parametrize("seed", range(10))
def test_contract_and_python_leave_the_same_and_keep_to_the_exact_decay(demurrage: Contract, seed: int) -> None:
    random = Random(seed)
    idle, days = random.randint(0, 10 ** random.randint(1, 15)), random.randint(0, DAYS_MOST)

    left = demurrage.call("remaining", idle, days)

    above = max(0, idle - FREE)
    exact = idle - above + above * (1 - Fraction(RATE, 1_000_000)) ** days
    assert left == RULE.remaining(AmountMicro(idle), days)
    assert 0 <= left - exact <= days, "each day is rounded in favour of the holder by less than a micro-credit"


def test_days_collected_in_parts_come_to_the_same(platform: Platform, demurrage: Contract) -> None:
    account = platform.admit("rich", cash_micro=500 * CREDIT)

    for day in (DAY, DAY + 1, DAY + 1, DAY + 4):
        look(platform, demurrage, day, account, account)

    assert platform.cash(account) == RULE.remaining(AmountMicro(500 * CREDIT), 4)


def test_money_that_came_or_was_used_in_between_costs_nothing(platform: Platform, demurrage: Contract) -> None:
    saver, spender = platform.admit("saver", cash_micro=60 * CREDIT), platform.admit("spender", cash_micro=60 * CREDIT)
    look(platform, demurrage, DAY, saver, spender)
    give(platform, spender, saver, 45 * CREDIT)

    look(platform, demurrage, DAY + 2, saver, spender)

    assert platform.cash(saver) == RULE.remaining(AmountMicro(60 * CREDIT), 2) + 45 * CREDIT
    assert platform.cash(spender) == RULE.remaining(AmountMicro(15 * CREDIT), 2)


def test_whoever_came_late_pays_for_no_day_before(platform: Platform, demurrage: Contract) -> None:
    platform.chain.warp_to((DAY + 80) * 86_400)
    account = platform.admit("newcomer", cash_micro=500 * CREDIT)

    look(platform, demurrage, DAY + 80, account)

    assert platform.cash(account) == 500 * CREDIT


def test_more_than_the_most_days_are_not_counted(platform: Platform, demurrage: Contract) -> None:
    account = platform.admit("rich", cash_micro=500 * CREDIT)
    look(platform, demurrage, DAY, account)

    look(platform, demurrage, DAY + DAYS_MOST + 40, account)

    assert platform.cash(account) == RULE.remaining(AmountMicro(500 * CREDIT), DAYS_MOST)
    seen = Seen(DAY, AmountMicro(500 * CREDIT))
    due = RULE.due(seen, AmountMicro(500 * CREDIT), DAY + DAYS_MOST + 40)
    assert platform.cash(account) == 500 * CREDIT - due


def test_debts_do_not_grow_and_the_platform_pays_nothing(platform: Platform, demurrage: Contract) -> None:
    debtor, other = platform.admit("debtor"), platform.admit("other")
    look(platform, demurrage, DAY, debtor)
    give(platform, debtor, other, 5 * CREDIT)

    look(platform, demurrage, DAY + 2, debtor)

    assert platform.cash(debtor) == -5 * CREDIT
    with reverts("DemurrageWrongAccount", index=0):
        look(platform, demurrage, DAY + 2, REWARDS)
    with reverts("DemurrageWrongAccount", index=1):
        demurrage.send("collect", pack_accounts([debtor]) + b"\0", sender=platform.admin)


def test_a_share_beyond_the_whole_is_refused(platform: Platform) -> None:
    with reverts("DemurrageBadRate", ratePpmPerDay=1_000_001):
        platform.chain.deploy("Demurrage", platform.ledger, 1_000_001, FREE)


def test_a_market_that_did_not_opt_in_loses_nothing(platform: Platform) -> None:
    account = platform.admit("rich", cash_micro=500 * CREDIT)
    contract = platform.chain.deploy("Demurrage", platform.ledger, RATE, FREE)
    look(platform, contract, DAY, account)

    with reverts("LedgerNotAMover"):
        look(platform, contract, DAY + 1, account)
