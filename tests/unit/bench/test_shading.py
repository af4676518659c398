"""What shading gains: the numbers of `docs/auction.md` are those that are measured and mean what they say."""

from pathlib import Path

import numpy as np

from p2ptrade.bench.shading import _Market, bench_shading

PAGE = (Path(__file__).parents[3] / "docs" / "auction.md").read_text(encoding="utf-8")


def stated_rows() -> dict[int, list[str]]:
    """Return the cells of the page's table by number of traders."""
    table = PAGE.split("<!-- shading -->", 1)[1].strip().split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {int(row[0]): row[1:] for row in cells}


def test_the_table_of_the_page_is_what_is_measured() -> None:
    (row,) = bench_shading(traders=(10,))["rows"]

    shares = ("able_to_gain_ppm", "reduction_keeps_ppm", "reduction_keeps_for_market_ppm")
    able, keeps, market = (f"{row[share] / 10_000:.1f} %" for share in shares)
    gains = (row["mean_gain_micro_per_kwh"], row["pair_average_mean_gain_micro_per_kwh"])
    measured = [str(gains[0]), able, str(gains[1]), keeps, market]
    assert measured == stated_rows()[10]


def test_one_buyer_who_knows_the_only_offer_bids_down_to_the_best_shading() -> None:
    # Worth 200 and 100: at the truth the price is 150 and the gain 50. Bidding 30 % less, 140, the price is 120.
    market = _Market(side=np.array([0, 1]), worth=np.array([200_000, 100_000]))

    assert market.best_shading_gain(0, market.uniform_gain) == 80_000 - 50_000


def test_a_trader_far_from_the_margin_gains_nothing() -> None:
    market = _Market(side=np.array([0, 0, 1, 1]), worth=np.array([200_000, 50_000, 100_000, 110_000]))

    assert market.best_shading_gain(1, market.uniform_gain) == 0


def test_reduction_loses_the_marginal_pair_and_leaves_its_difference_to_the_market() -> None:
    # Gains 200 - 100 and 180 - 150; without the second pair one trades, its buyer at 180, its seller at 150.
    market = _Market(side=np.array([0, 0, 1, 1]), worth=np.array([200, 180, 100, 150]))

    assert market.reduction() == (130, 70, 30)


def test_by_pair_averages_even_the_best_trader_gains_by_shading() -> None:
    # Pairs 200 with 100 and 180 with 150. The best buyer pays 150 at the truth, and 140 if it bids 10 % less.
    market = _Market(side=np.array([0, 0, 1, 1]), worth=np.array([200_000, 180_000, 100_000, 150_000]))

    assert market.pair_average_gain(0, 200_000) == 50_000
    assert market.pair_average_gain(0, 180_000) == 200_000 - 140_000
    assert market.pair_average_gain(0, 170_000) == 200_000 - 160_000
    assert market.pair_average_gain(0, 140_000) == 0
    assert market.pair_average_gain(3, 150_000) == 165_000 - 150_000
    assert market.best_shading_gain(0, market.pair_average_gain) == 10_000
