"""Delays of payment: median, the share that is kept, and the longest, of hand-made slots."""

from p2ptrade.audit.delays import PaymentDelay, PaymentDelays
from p2ptrade.domain.units import SharePpm, SlotNumber


def test_median_share_and_longest_of_a_day() -> None:
    seconds = [40, 10, 30, 20, 3600]
    found = PaymentDelays(9, tuple(PaymentDelay(SlotNumber(n), s, bytes(32)) for n, s in enumerate(seconds)))

    assert (found.median_s, found.longest_s) == (30, 3600)
    assert [found.kept_by_s(SharePpm(10_000 * percent)) for percent in (20, 21, 80, 81, 95)] == [10, 20, 40, 3600, 3600]


def test_a_share_of_many_slots_is_exact() -> None:
    # 7 of 100: in binary fractions 0.07 x 100 is a little above 7, and would be the eighth.
    found = PaymentDelays(9, tuple(PaymentDelay(SlotNumber(n), n, bytes(32)) for n in range(1, 101)))

    assert found.kept_by_s(SharePpm(70_000)) == 7
