"""Delays of payment: median, the share that is kept, and the longest, of hand-made slots."""

from p2ptrade.audit.delays import PaymentDelay, PaymentDelays
from p2ptrade.domain.units import SlotNumber


def test_median_share_and_longest_of_a_day() -> None:
    seconds = [40, 10, 30, 20, 3600]
    found = PaymentDelays(9, tuple(PaymentDelay(SlotNumber(n), s, bytes(32)) for n, s in enumerate(seconds)))

    assert (found.median_s, found.longest_s) == (30, 3600)
    assert [found.kept_by_s(share) for share in (0.2, 0.21, 0.8, 0.81, 0.95)] == [10, 20, 40, 3600, 3600]
