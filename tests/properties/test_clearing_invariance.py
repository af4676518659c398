"""The same orders give the same clearing, in any order of the input and whatever numbers the accounts have."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from p2ptrade.domain.order import Order
from p2ptrade.domain.units import AccountId, PriceMicroPerKwh
from p2ptrade.market import Book, clear
from tests.support.clearing_books import TIES, random_orders, random_tree

seeds = st.integers(0, 2**32)


@given(seeds)
@settings(max_examples=150, deadline=None)
def test_the_order_of_the_input_does_not_matter(seed: int) -> None:
    random = Random(seed)
    tree = random_tree(random, TIES)
    orders = random_orders(random, TIES, len(tree))
    places = random.sample(range(len(orders)), len(orders))

    straight = clear(Book.of(tree, PriceMicroPerKwh(1), orders))
    shuffled = clear(Book.of(tree, PriceMicroPerKwh(1), [orders[place] for place in places]))

    assert shuffled.zones == straight.zones
    assert shuffled.order_energy_wh.tolist() == [int(straight.order_energy_wh[place]) for place in places]


@given(seeds)
@settings(max_examples=100, deadline=None)
def test_only_the_order_of_accounts_matters_not_their_numbers(seed: int) -> None:
    random = Random(seed)
    tree = random_tree(random, TIES)
    orders = random_orders(random, TIES, len(tree))
    renamed = [Order(AccountId(3 * order.account + 16), order.zone, order.side, order.steps) for order in orders]

    first, second = (clear(Book.of(tree, PriceMicroPerKwh(0), each)) for each in (orders, renamed))

    assert first.zones == second.zones
    assert first.order_energy_wh.tolist() == second.order_energy_wh.tolist()
