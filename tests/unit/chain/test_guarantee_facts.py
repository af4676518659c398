"""The block up to which a period counts: the last one not later than the second at which it closed."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from p2ptrade.chain.guarantee_facts import _block_at


@dataclass
class Chain:
    """Blocks by number, from 10 on, with the times they have."""

    times_s: tuple[int, ...]

    def head(self, number: int) -> SimpleNamespace:
        return SimpleNamespace(time_s=self.times_s[number - 10])


TIMES = (100, 100, 101, 107, 107, 107, 120)


@pytest.mark.parametrize(
    ("instant_s", "block"),
    [(100, 11), (101, 12), (106, 12), (107, 15), (119, 15), (120, 16), (10**9, 16), (99, 10), (0, 10)],
)
def test_the_last_block_not_later_than_an_instant_is_found(instant_s: int, block: int) -> None:
    assert _block_at(Chain(TIMES), instant_s, 10, 16) == block  # type: ignore[arg-type]


def test_of_one_block_it_is_that_one() -> None:
    assert _block_at(Chain((100,)), 5, 10, 10) == 10  # type: ignore[arg-type]
