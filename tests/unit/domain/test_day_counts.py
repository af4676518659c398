"""The counts of a day from hand-made slots."""

from p2ptrade.domain.day_counts import SlotFacts, counts_of_day
from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.position import Position
from p2ptrade.domain.reputation import DayCounts, ReputationCounts, pack_day, unpack_day
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm

ALICE, BOB, CAROL, DAVE = (AccountId(number) for number in range(16, 20))
DEVIATION = Deviation(PriceMicroPerKwh(0), EnergyWh(50), SharePpm(100_000))


def traded(account: AccountId, energy_wh: int, metered_wh: int, *, estimated: bool = False) -> MeteredAccount:
    position = Position(account, EnergyWh(energy_wh), AmountMicro(0), AmountMicro(0))
    return MeteredAccount(account, EnergyWh(metered_wh), position, estimated)


def test_a_day_counts_what_was_sealed_traded_and_kept() -> None:
    slots = [
        SlotFacts(
            frozenset({ALICE, BOB, CAROL}), frozenset({CAROL}), [traded(ALICE, 1_000, 1_100), traded(BOB, -1_000, -899)]
        ),
        SlotFacts(
            frozenset({ALICE, BOB}), frozenset(), [traded(ALICE, 400, 350), traded(BOB, -400, -400, estimated=True)]
        ),
        SlotFacts(frozenset({ALICE}), frozenset(), [MeteredAccount(ALICE, EnergyWh(7))]),
    ]

    counts = counts_of_day([ALICE, BOB, CAROL, DAVE], slots, DEVIATION)

    assert counts == {
        ALICE: DayCounts(good=2, deals=2, sealed=3),
        BOB: DayCounts(good=0, deals=2, sealed=2),
        CAROL: DayCounts(sealed=1, unopened=1),
        DAVE: DayCounts(idle=True),
    }


def test_the_formula_of_the_source_paper_in_parts_per_million() -> None:
    # R = 1/2 (good ratings / deals + deals / periods bid in): 18 of 20 deals good in 25 periods.
    assert ReputationCounts(good=18, deals=20, taken_part=25).score_ppm == (900_000 + 800_000) // 2


def test_unopened_orders_count_twice_and_idle_days_once() -> None:
    assert DayCounts(sealed=3, unopened=2).taken_part == 5
    assert DayCounts(idle=True).taken_part == 1


def test_a_ratio_without_a_denominator_is_one_half() -> None:
    assert ReputationCounts().score_ppm == 500_000
    assert ReputationCounts(taken_part=4).score_ppm == 250_000


def test_the_bytes_of_a_day_come_out_as_they_went_in() -> None:
    counts = {ALICE: DayCounts(1, 2, 3, 1), DAVE: DayCounts(idle=True)}

    assert unpack_day(pack_day(counts)) == counts
    assert pack_day(counts)[:10].hex() == "00000010010200040100"
