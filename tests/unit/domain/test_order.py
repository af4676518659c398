"""An order cannot hold a wrong value."""

import pytest

from p2ptrade.domain.order import Order, Side
from p2ptrade.domain.units import U32_MAX, AccountId, ZoneId
from p2ptrade.errors import InputError
from tests.support.clearing_books import step

ACCOUNT, ZONE = AccountId(1), ZoneId(0)


@pytest.mark.parametrize(
    ("energy", "price"),
    [(0, 1), (-1, 1), (U32_MAX + 1, 1), (1, -1), (1, U32_MAX + 1), (1.0, 1), (True, 1), (1, "1")],
)
def test_a_step_out_of_its_width_or_of_another_type_is_refused(energy: int, price: int) -> None:
    with pytest.raises(InputError, match="must be an integer from"):
        step(energy, price)


def test_the_widest_step_is_accepted() -> None:
    assert step(U32_MAX, U32_MAX).energy_wh == U32_MAX


@pytest.mark.parametrize(
    ("side", "prices", "words"),
    [
        (Side.BID, (100, 200), "of a bid must fall"),
        (Side.BID, (100, 100), "of a bid must fall"),
        (Side.OFFER, (200, 100), "of an offer must rise"),
        (Side.OFFER, (1, 2, 2), "of an offer must rise"),
        (Side.OFFER, (), "1 to 4 steps, not 0"),
        (Side.OFFER, (1, 2, 3, 4, 5), "1 to 4 steps, not 5"),
    ],
)
def test_steps_that_are_not_in_canonical_form_are_refused(side: Side, prices: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Order(ACCOUNT, ZONE, side, tuple(step(10, price) for price in prices))


@pytest.mark.parametrize(("account", "zone"), [(-1, 0), (U32_MAX + 1, 0), (1, 32), (1, -1)])
def test_an_account_or_zone_out_of_its_range_is_refused(account: int, zone: int) -> None:
    with pytest.raises(InputError, match="must be an integer from"):
        Order(AccountId(account), ZoneId(zone), Side.BID, (step(1, 1),))


def test_steps_are_brought_into_canonical_form_with_those_of_one_price_joined() -> None:
    steps = [step(1, 100), step(2, 300), step(4, 100)]

    assert Order.from_steps(ACCOUNT, ZONE, Side.BID, steps).steps == (step(2, 300), step(5, 100))
    assert Order.from_steps(ACCOUNT, ZONE, Side.OFFER, steps).steps == (step(5, 100), step(2, 300))


def test_an_order_knows_its_energy_and_its_best_price() -> None:
    order = Order.from_steps(ACCOUNT, ZONE, Side.BID, [step(1, 100), step(2, 300)])

    assert (order.energy_wh, order.best_price_micro_per_kwh) == (3, 300)
