"""The worked example of `docs/auction.md`, run: its book, every number of its tables, and every refusal."""

import json
import re
from pathlib import Path

from p2ptrade.domain.money import buyer_pays_rounded_up, seller_receives_rounded_down
from p2ptrade.domain.order import Side
from p2ptrade.domain.units import PriceHalfMicroPerKwh
from p2ptrade.market import Book, Refusal, clear, parse_book, verify
from p2ptrade.market.certificate import OPEN_ABOVE, OPEN_BELOW, tally
from tests.support.clearing_books import half_prices

PAGE = (Path(__file__).parents[3] / "docs" / "auction.md").read_text(encoding="utf-8")


def part(name: str) -> str:
    """Return the text after the mark of a part of the example, up to the next empty line after a table or block."""
    return PAGE.split(f"<!-- example: {name} -->", 1)[1]


def book() -> Book:
    (text,) = re.findall(r"\A\s*```json\n(.*?)```", part("book"), flags=re.DOTALL)
    return parse_book(json.loads(text))


def table(name: str) -> list[list[str]]:
    """Return the rows of the table that follows a mark, without its heading."""
    lines = part(name).strip().split("\n\n", 1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def stated_prices() -> tuple[PriceHalfMicroPerKwh, ...]:
    (numbers,) = re.findall(r"The certificate is \*\*([\d, ]+)\*\*", PAGE)
    return half_prices(int(number) for number in numbers.split(", "))


def test_the_stated_certificate_is_what_the_book_clears_at() -> None:
    assert clear(book()).prices == stated_prices()


def test_the_pass_finds_the_numbers_of_the_table() -> None:
    prices = stated_prices()
    ends = {OPEN_BELOW: "-", OPEN_ABOVE: "-"}

    found = []
    for zone, each in enumerate(tally(book().market_steps(), prices)):
        lo, hi, down, up = each.staircase()
        energies = (each.bid_above_wh, each.bid_at_wh, each.offer_below_wh, each.offer_at_wh)
        beyond = (ends.get(down, down), ends.get(up, up))
        found.append([str(number) for number in (zone, prices[zone], *energies, *beyond, lo, hi)])

    assert found == table("pass")


def test_the_fills_and_payments_are_those_of_the_table() -> None:
    example = book()
    clearing = clear(example)

    found = []
    for index, energy in enumerate(clearing.order_energy_wh.tolist()):
        price = clearing.prices[int(example.zone[index])]
        if example.side[index] == Side.BID:
            amount = int(buyer_pays_rounded_up(energy, price, example.charge))
        else:
            amount = -seller_receives_rounded_down(energy, price)
        found.append([str(number) for number in (example.account[index], energy, amount)])

    assert found == table("fills")
    amounts = [int(row[2]) for row in table("fills")]
    assert sum(amount for amount in amounts if amount > 0) == 759_000
    assert sum(amounts) == 319_000 == 3_100 * 40_000 // 1_000 + 195_000
    assert clearing.volume_wh == 3_100


def test_what_the_page_says_is_refused_is_refused_for_that_reason() -> None:
    example = book()

    for prices, zone, reason in table("refusals"):
        verdict = verify(example.tree, example.market_steps(), half_prices(map(int, prices.split())))

        assert isinstance(verdict, Refusal)
        assert (str(verdict.zone), verdict.fault.value) == (zone, reason)
