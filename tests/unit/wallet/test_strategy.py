"""A home that follows the strategy never trades worse than with the retailer, and always bids the same."""

from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.battery import NO_BATTERY, Battery
from p2ptrade.domain.order import Order, Side
from p2ptrade.domain.units import PPM, AccountId, EnergyWh, PriceMicroPerKwh, SharePpm, ZoneId
from p2ptrade.wallet.strategy import LEAST_ORDER_WH, SlotPrices, intend, plan, share_of

prices = st.builds(
    SlotPrices,
    st.integers(0, 2_000_000).map(PriceMicroPerKwh),
    st.integers(0, 500_000).map(PriceMicroPerKwh),
    st.integers(0, 300_000).map(PriceMicroPerKwh),
)
shares = st.integers(0, PPM).map(SharePpm)
DAY = SlotPrices(PriceMicroPerKwh(320_000), PriceMicroPerKwh(80_000), PriceMicroPerKwh(60_000))


@given(st.integers(-50_000, 50_000), prices, shares)
def test_whatever_clears_is_no_worse_than_the_retailers_price(net_wh: int, day: SlotPrices, share: SharePpm) -> None:
    intention = intend(net_wh, day, share)

    if intention is None:
        assert abs(net_wh) < LEAST_ORDER_WH or day.range_micro_per_kwh <= 0
        return
    limits = [step.limit_price_micro_per_kwh for step in intention.steps]
    if intention.side is Side.BID:
        assert max(limits) <= day.retail_micro_per_kwh
    else:
        assert min(limits) >= day.feed_in_micro_per_kwh


@given(st.integers(-50_000, 50_000), prices, shares)
def test_an_intention_is_a_canonical_order_of_all_the_net_energy(net_wh: int, day: SlotPrices, share: SharePpm) -> None:
    intention = intend(net_wh, day, share)

    if intention is not None:
        order = Order(AccountId(16), ZoneId(0), intention.side, intention.steps)
        assert order.energy_wh == abs(net_wh)
        assert intention.side is (Side.BID if net_wh > 0 else Side.OFFER)


@given(shares, shares)
def test_the_sure_part_of_any_buyer_meets_the_sure_part_of_any_seller(buyer: SharePpm, seller: SharePpm) -> None:
    bid = intend(1_000, DAY, buyer)
    offer = intend(-1_000, DAY, seller)

    assert bid is not None
    assert offer is not None
    best_bid = bid.steps[0].limit_price_micro_per_kwh - DAY.charge_micro_per_kwh
    assert best_bid >= offer.steps[0].limit_price_micro_per_kwh


def test_the_places_of_a_thousand_homes_are_spread_over_the_range() -> None:
    places = sorted(share_of(AccountId(account)) for account in range(16, 1016))

    tenths = [sum(1 for place in places if tenth * PPM // 10 <= place < (tenth + 1) * PPM // 10) for tenth in range(10)]
    assert min(tenths) > 60
    assert places != sorted(share_of(AccountId(account), seed=1) for account in range(16, 1016))


def test_a_plan_without_a_battery_is_the_forecast() -> None:
    forecast = [300, -200, 0, 50]

    assert [net for net, _ in plan(NO_BATTERY, EnergyWh(0), forecast)] == forecast


def test_a_plan_with_a_battery_moves_the_surplus_of_noon_to_the_evening() -> None:
    battery = Battery(EnergyWh(10_000), EnergyWh(1_000), SharePpm(PPM), SharePpm(PPM))

    nets = [net for net, _ in plan(battery, EnergyWh(0), [-1_500, -800, 700, 1_500])]

    assert nets == [-500, 0, 0, 500]
