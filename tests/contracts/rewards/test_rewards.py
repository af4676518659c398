"""Rewards: paid once a period, from the rewards account, to the right ones in the right order.

Paths: a period paid with the right ranking; with a wrong order, somebody missing, a system account, somebody twice,
before reputation is posted, out of turn, twice; fewer active than places.
"""

import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.typed_data import DayCountsMessage, reputation_domain
from p2ptrade.domain.reputation import DayCounts, ReputationCounts, pack_day
from p2ptrade.domain.units import AccountId
from tests.support.chain import CHAIN_ID, GENESIS_S, Contract, Receipt, reverts
from tests.support.platform import CREDIT, FIRST_PARTICIPANT, REWARDS, Platform, pack_accounts, pack_entries

DAY = GENESIS_S // 86_400
PLACES = 3
SUBSIDY = 60 * CREDIT


@pytest.fixture
def stage(platform: Platform) -> tuple[Platform, Contract, Contract, list[AccountId]]:
    """A platform with reputation, rewards of a two-day period, five homes, and money in the rewards account."""
    reputation = platform.chain.deploy("Reputation", platform.authority, platform.ledger, DAY, 1)
    platform.grant("SCORER", reputation)
    rewards = platform.chain.deploy("Rewards", platform.ledger, reputation, DAY, 2, PLACES, SUBSIDY)
    platform.let_move(rewards)
    accounts = platform.admit_many([f"home {number}" for number in range(5)])
    sponsor = platform.admit("sponsor", cash_micro=200 * CREDIT)
    moves = pack_entries((sponsor, -200 * CREDIT), (REWARDS, 200 * CREDIT))
    platform.ledger.send("move", moves, sender=platform.holder("MARKET"))
    # Other tests of the process may have left participants on the chain: a ranking has them all.
    others = [account for account in range(FIRST_PARTICIPANT, sponsor + 1) if account not in accounts]
    return platform, reputation, rewards, [AccountId(account) for account in [*accounts, *others]]


Stage = tuple[Platform, Contract, Contract, list[AccountId]]


def post(stage: Stage, day: int, counts: dict[AccountId, DayCounts]) -> None:
    platform, reputation, _, _ = stage
    if platform.chain.now_s() < (day + 1) * 86_400:
        platform.chain.warp_to((day + 1) * 86_400)
    packed = pack_day(counts)
    digest = DayCountsMessage(day, keccak(packed)).digest(reputation_domain(CHAIN_ID, reputation.address))
    oracle = platform.chain.key("holder of ORACLE")
    reputation.send("postDay", day, packed, [oracle.sign_digest(digest)], sender=platform.admin)


COUNTS = [DayCounts(2, 10, 10), DayCounts(10, 10, 10), DayCounts(0, 0, 5), DayCounts(9, 10, 10), DayCounts(10, 10, 10)]


@pytest.fixture
def posted(stage: Stage) -> Stage:
    """Two days of reputation: homes 1 and 4 are best, then 3, then 0; home 2 and the sponsor made no deal."""
    accounts = stage[3]
    post(stage, DAY, dict(zip(accounts, COUNTS, strict=False)))
    post(stage, DAY + 1, {})
    return stage


def ranking_of(accounts: list[AccountId]) -> list[AccountId]:
    """Return the ranking by the written rule, computed in Python."""
    scores = {
        account: ReputationCounts().plus(day, DAY).score_ppm for account, day in zip(accounts, COUNTS, strict=False)
    }
    active = [account for account, day in zip(accounts, COUNTS, strict=False) if day.deals]
    others = [account for account in accounts if account not in active]
    return sorted(active, key=lambda account: (-scores[account], account)) + sorted(others)


def pay(stage: Stage, ranking: list[AccountId], period: int = 0) -> Receipt:
    platform, _, rewards, _ = stage
    return rewards.send("pay", period, pack_accounts(list(ranking)), sender=platform.admin)


def test_the_best_share_the_subsidy_by_rank(posted: Stage) -> None:
    platform, _, _, accounts = posted
    ranking = ranking_of(accounts)

    pay(posted, ranking)

    assert ranking[:4] == [accounts[1], accounts[4], accounts[3], accounts[0]]
    assert [platform.cash(account) for account in ranking[:4]] == [30 * CREDIT, 20 * CREDIT, 10 * CREDIT, 0]
    assert platform.cash(REWARDS) == 200 * CREDIT - SUBSIDY


def test_a_wrong_order_is_refused(posted: Stage) -> None:
    ranking = ranking_of(posted[3])
    swapped = [ranking[0], ranking[2], ranking[1], *ranking[3:]]

    with reverts("RewardsWrongRank", rank=2, account=ranking[1]):
        pay(posted, swapped)


def test_nobody_may_be_left_out_or_replaced(posted: Stage) -> None:
    ranking = ranking_of(posted[3])

    with reverts("RewardsIncomplete", listed=len(ranking) - 1, needed=len(ranking)):
        pay(posted, ranking[1:])
    with reverts("RewardsWrongRank", account=REWARDS):
        pay(posted, [*ranking[1:], AccountId(REWARDS)])
    with reverts("RewardsWrongRank", rank=1, account=ranking[0]):
        pay(posted, [ranking[0], *ranking[:-1]])
    with reverts("RewardsWrongRank", rank=3, account=ranking[0]):
        pay(posted, [*ranking[:3], ranking[0], *ranking[4:]])


def test_a_period_is_paid_after_its_last_day_was_posted_and_once(stage: Stage) -> None:
    accounts = stage[3]
    post(stage, DAY, dict(zip(accounts, COUNTS, strict=False)))
    with reverts("RewardsPeriodNotOver", period=0, nextDay=DAY + 1, needed=DAY + 2):
        pay(stage, ranking_of(accounts))
    post(stage, DAY + 1, {})
    with reverts("RewardsWrongPeriod", period=1, needed=0):
        pay(stage, ranking_of(accounts), period=1)
    pay(stage, ranking_of(accounts))
    with reverts("RewardsWrongPeriod", period=0, needed=1):
        pay(stage, ranking_of(accounts))


def test_old_deals_do_not_make_an_account_active_again(posted: Stage) -> None:
    platform, _, _, accounts = posted
    pay(posted, ranking_of(accounts))
    post(posted, DAY + 2, {accounts[0]: DayCounts(1, 1, 1)})
    post(posted, DAY + 3, {})
    others = sorted(account for account in accounts if account != accounts[0])

    pay(posted, [accounts[0], *others], period=1)

    assert platform.cash(accounts[0]) == 30 * CREDIT
    assert platform.cash(REWARDS) == 200 * CREDIT - SUBSIDY - 30 * CREDIT, "places that nobody took are not paid"
