"""Which contests an oracle looks at."""

from collections.abc import Mapping, Sequence

from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.oracle.contest import Standing
from p2ptrade.oracle.contests import CONTESTS_MAX, Contests
from p2ptrade.oracle.facts import Contest

ALICE, BOB, SLOT = AccountId(16), AccountId(17), SlotNumber(2_000_000)


class Chain:
    """A chain on which one account contests without end."""

    def contests(self) -> Mapping[SlotNumber, Sequence[Contest]]:
        spam = [Contest(SLOT, ALICE, bytes([number]) * 32, number) for number in range(100)]
        return {SLOT: [*spam, Contest(SLOT, BOB, b"b" * 32, 100)]}


def test_who_contests_without_end_is_heard_a_few_times_and_the_others_still() -> None:
    contests = Contests(Chain(), None, None, ())  # type: ignore[arg-type]
    contests.refresh()

    heard = contests.of_slot(SLOT)

    assert [each.account for each in heard] == [ALICE] * CONTESTS_MAX + [BOB]
    assert {contests.verdict(each).standing for each in heard} == {Standing.WAITING}
    assert contests.counts() == {SLOT: CONTESTS_MAX + 1}
