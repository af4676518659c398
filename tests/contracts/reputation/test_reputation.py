"""Reputation on the chain: days in order, counts added, scores by the formula, recomputable from the events.

Paths: a day posted in order, out of order, before it ended, with a missed quorum, with malformed counts; classes that
change reach the ledger, others do not.
"""

from random import Random

import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.typed_data import DayCountsMessage, reputation_domain
from p2ptrade.domain.reputation import DayCounts, ReputationCounts, pack_day, unpack_day
from p2ptrade.domain.units import AccountId
from tests.support.chain import CHAIN_ID, GENESIS_S, Contract, Key, Receipt, reverts
from tests.support.platform import Platform

DAY = GENESIS_S // 86_400


@pytest.fixture
def oracles(platform: Platform) -> list[Key]:
    keys = sorted((platform.chain.key(f"oracle {n}") for n in range(3)), key=lambda key: int(key.address, 16))
    for key in keys:
        platform.grant("ORACLE", key.address)
    return keys


@pytest.fixture
def reputation(platform: Platform) -> Contract:
    contract = platform.chain.deploy("Reputation", platform.authority, platform.ledger, DAY, 3)
    platform.grant("SCORER", contract)
    return contract


def post(platform: Platform, reputation: Contract, oracles: list[Key], day: int, counts: bytes) -> Receipt:
    digest = DayCountsMessage(day, keccak(counts)).digest(reputation_domain(CHAIN_ID, reputation.address))
    signatures = [key.sign_digest(digest) for key in oracles]
    return reputation.send("postDay", day, counts, signatures, sender=platform.admin)


def after(platform: Platform, day: int) -> None:
    platform.chain.warp_to((day + 1) * 86_400)


def test_a_newcomer_has_one_half_and_the_lowest_class(reputation: Contract) -> None:
    assert (reputation.call("scoreOf", 16), reputation.call("classOf", 16)) == (500_000, 0)
    assert reputation.call("mayStand", 16) is False


def test_scores_and_classes_of_random_days_are_those_of_the_formula(
    platform: Platform, reputation: Contract, oracles: list[Key]
) -> None:
    random = Random(7)
    accounts = [AccountId(account) for account in platform.admit_many([f"home {n}" for n in range(6)])]
    total = {account: ReputationCounts() for account in accounts}
    events = []
    for day in range(DAY, DAY + 5):
        after(platform, day)
        counts = {}
        for account in random.sample(accounts, 4):
            sealed = random.randint(0, 96)
            deals = random.randint(0, sealed)
            unopened = random.randint(0, sealed - deals)
            counts[account] = DayCounts(random.randint(0, deals), deals, sealed, unopened, idle=sealed == 0)
        receipt = post(platform, reputation, oracles, day, pack_day(counts))
        events.append(receipt.event(reputation, "DayPosted")["counts"])

    for day, event in enumerate(events, DAY):
        for account, counts_of_day in unpack_day(event).items():
            total[account] = total[account].plus(counts_of_day, day)
    for account in accounts:
        assert reputation.call("scoreOf", account) == total[account].score_ppm
        assert reputation.call("classOf", account) == total[account].reputation_class
        assert platform.ledger.call("wordOf", account) >> 240 & 0xFF == total[account].reputation_class
        assert reputation.call("mayStand", account) == total[account].may_stand(DAY + 5)
    assert len({total[account].score_ppm for account in accounts}) > 3


def test_who_is_idle_for_one_day_loses_score_and_the_right_to_stand_until_it_takes_part_again(
    platform: Platform, reputation: Contract, oracles: list[Key]
) -> None:
    home, idler, poor = (AccountId(account) for account in platform.admit_many(["home", "idler", "poor"]))
    busy = DayCounts(good=50, deals=50, sealed=50)
    days = [
        {home: busy, idler: busy, poor: DayCounts(good=25, deals=50, sealed=50)},
        {home: busy, idler: DayCounts(idle=True), poor: busy},
        {home: DayCounts(idle=True), idler: busy, poor: DayCounts(sealed=50, unopened=50)},
    ]
    seen = []
    for day, counts in enumerate(days, DAY):
        after(platform, day)
        post(platform, reputation, oracles, day, pack_day(counts))
        asked = [(reputation.call("scoreOf", account), reputation.call("mayStand", account)) for account in counts]
        seen.append(asked)

    # (good / deals + deals / taken part) / 2, each ratio rounded down; 800,000 is enough for who was not idle.
    assert seen == [
        [(1_000_000, True), (1_000_000, True), (750_000, False)],
        [(1_000_000, True), ((1_000_000 + 980_392) // 2, False), ((750_000 + 1_000_000) // 2, True)],
        [((1_000_000 + 990_099) // 2, False), ((1_000_000 + 990_099) // 2, True), ((750_000 + 500_000) // 2, False)],
    ]


def test_days_follow_each_other_and_each_is_posted_once(
    platform: Platform, reputation: Contract, oracles: list[Key]
) -> None:
    after(platform, DAY + 1)
    with reverts("ReputationWrongDay", day=DAY + 1, needed=DAY):
        post(platform, reputation, oracles, DAY + 1, b"")
    post(platform, reputation, oracles, DAY, b"")
    with reverts("ReputationWrongDay", day=DAY, needed=DAY + 1):
        post(platform, reputation, oracles, DAY, b"")


def test_a_day_that_is_not_over_is_refused(platform: Platform, reputation: Contract, oracles: list[Key]) -> None:
    with reverts("ReputationDayNotOver", day=DAY):
        post(platform, reputation, oracles, DAY, b"")


def test_two_of_three_signatures_do_not_do(platform: Platform, reputation: Contract, oracles: list[Key]) -> None:
    after(platform, DAY)
    with reverts("ReputationQuorumMissed", signatures=2, needed=3):
        post(platform, reputation, oracles[:2], DAY, b"")


@pytest.mark.parametrize(
    "counts",
    [
        bytes(9),
        bytes.fromhex("00000010 02 01 0001 00 00".replace(" ", "")),
        bytes.fromhex("00000010 01 02 0001 00 00".replace(" ", "")),
        2 * bytes.fromhex("00000010 00 00 0001 00 00".replace(" ", "")),
    ],
    ids=["cut", "more good than deals", "more deals than parts", "twice"],
)
def test_counts_that_cannot_be_are_refused(
    platform: Platform, reputation: Contract, oracles: list[Key], counts: bytes
) -> None:
    after(platform, DAY)
    with reverts("ReputationMalformedCounts"):
        post(platform, reputation, oracles, DAY, counts)
