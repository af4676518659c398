"""A bill adds up, says what it saved against the retailer, and counts local days of 92, 96 and 100 slots."""

import csv
import io
import json
from datetime import date, datetime
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest

from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import RetailPrices, SettlementRules, settle_account
from p2ptrade.domain.slot import slot_at
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import (
    AccountId,
    AmountMicro,
    EnergyWh,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
    SharePpm,
    SlotNumber,
)
from p2ptrade.wallet.bill import Bill, BillLine, Metered, Refund, Trade, bill_line, make_bill
from p2ptrade.wallet.bill_page import bill_html
from p2ptrade.wallet.bill_text import bill_csv, bill_document, bill_text

BERLIN = ZoneInfo("Europe/Berlin")
ACCOUNT = AccountId(16)
SLOT = SlotNumber(1_979_040)
PRICES = RetailPrices(PriceMicroPerKwh(300_000), PriceMicroPerKwh(80_000))
RULES = SettlementRules(Deviation(PriceMicroPerKwh(20_000), EnergyWh(50), SharePpm(0)))


def trade(energy_wh: int, locked: int, release: int, price_half: int = 400_000, charge: int = 36_000) -> Trade:
    position = Position(ACCOUNT, EnergyWh(energy_wh), AmountMicro(locked), AmountMicro(release))
    return Trade(position, PriceHalfMicroPerKwh(price_half), PriceMicroPerKwh(charge), "0xc1ea")


def metered(metered_wh: int, position: Position | None = None, *, estimated: bool = False) -> Metered:
    reading = MeteredAccount(ACCOUNT, EnergyWh(metered_wh), position, estimated)
    return Metered(reading, settle_account(reading, PRICES, RULES), PRICES, "0x5e77")


def line(trade_: Trade | None, metered_: Metered | None, slot: SlotNumber = SLOT) -> BillLine:
    made = bill_line(slot, trade_, metered_)
    assert made is not None
    return made


def test_a_buyer_pays_energy_charges_imbalance_and_penalty_and_saves_the_rest() -> None:
    # 1 kWh at 20 ct and 3.6 ct of charges is 0.236; 1.2 kWh were used: 0.2 more at 30 ct, of which 0.15 are beyond
    # the tolerance and cost 2 ct each kWh.
    bought = trade(1_000, locked=236_000, release=0)

    sums = line(bought, metered(1_200, bought.position)).sums

    assert (sums.bought_micro, sums.charges_micro) == (-200_000, -36_000)
    assert (sums.from_retailer_micro, sums.penalties_micro) == (-60_000, -3_000)
    assert sums.total_micro == -299_000
    assert sums.without_market_micro == -360_000
    assert sums.saving_micro == 61_000


def test_a_seller_gets_its_revenue_and_the_feed_in_for_the_rest() -> None:
    # 1 kWh sold at 20 ct, collateral of 5 ct back; 1.03 kWh delivered, 0.03 of them at 8 ct, within the tolerance.
    sold = trade(-1_000, locked=50_000, release=250_000)

    sums = line(sold, metered(-1_030, sold.position)).sums

    assert (sums.sold_micro, sums.to_retailer_micro, sums.penalties_micro) == (200_000, 2_400, 0)
    assert sums.without_market_micro == 82_400
    assert sums.saving_micro == 120_000


def test_a_home_that_does_not_trade_saves_nothing() -> None:
    sums = line(None, metered(777)).sums

    assert sums.saving_micro == 0
    assert sums.total_micro == -233_100


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (line(trade(1_000, 236_000, 0), None), "not settled yet"),
        (line(None, metered(5, estimated=True)), "metered energy estimated"),
        (line(None, metered(5)), None),
    ],
)
def test_what_may_still_change_is_marked(made: BillLine, word: str | None) -> None:
    assert made.provisional == word


def test_nothing_known_makes_no_line() -> None:
    assert bill_line(SLOT, None, None) is None


@pytest.mark.parametrize(
    ("midnight_utc_s", "slots"),
    [(1_774_738_800, 92), (1_774_652_400, 96), (1_792_879_200, 100)],
    ids=["23 hours on 29 March 2026", "24 hours on 28 March 2026", "25 hours on 25 October 2026"],
)
def test_a_local_day_has_all_its_slots_when_the_clocks_change(midnight_utc_s: int, slots: int) -> None:
    first = slot_at(midnight_utc_s)
    lines = [line(None, metered(1), SlotNumber(slot)) for slot in range(first - 1, first + slots + 1)]

    bill = make_bill(ACCOUNT, BERLIN, lines)

    assert [len(day.lines) for day in bill.days] == [1, slots, 1]
    changed = make_bill(ACCOUNT, BERLIN, lines[1:-1])
    note = f"{changed.days[0].day.isoformat()} had {slots // 4} hours"
    assert changed.days[0].hours == slots // 4
    assert (note in bill_text(changed)) == ("the clocks changed" in bill_html(changed)) == (slots != 96)
    assert len({row["start_local"] for row in csv.DictReader(io.StringIO(bill_csv(bill)))}) == slots + 2


def bill_day(slot: SlotNumber) -> str:
    return datetime.fromtimestamp(slot * 900, BERLIN).date().isoformat()


def whole_bill() -> Bill:
    bought, sold = trade(1_000, 236_000, 0), trade(-1_000, 50_000, 250_000)
    return make_bill(
        ACCOUNT,
        BERLIN,
        [
            line(bought, metered(1_200, bought.position), SlotNumber(SLOT - 96)),
            line(sold, metered(-1_030, sold.position, estimated=True), SLOT),
        ],
    )


def test_sums_of_days_and_of_slots_are_the_same_in_every_form() -> None:
    bill = whole_bill()

    document = json.loads(json.dumps(bill_document(bill)))
    rows = list(csv.DictReader(io.StringIO(bill_csv(bill))))

    total = bill.sums.total_micro
    assert total == -299_000 + 202_400
    assert document["sums"]["total_micro"] == total
    assert sum(day["sums"]["total_micro"] for day in document["days"]) == total
    assert sum(int(row["total_micro"]) for row in rows) == total
    assert [row["clearing_transaction"] for row in rows] == ["0xc1ea", "0xc1ea"]
    assert rows[0]["start_local"].endswith("+02:00")


def test_the_page_for_people_is_whole_and_marks_what_is_provisional() -> None:
    page = bill_html(whole_bill())
    text = bill_text(whole_bill())

    class Checker(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open_tags: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "meta":
                self.open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open_tags.pop() == tag

    checker = Checker()
    checker.feed(page)
    assert checker.open_tags == []
    assert "You pay" in page
    assert "you would have paid 0.277600 credits: you saved 0.181000 credits" in page
    assert "you would have paid 0.277600 credits: you saved 0.181000 credits" in text
    assert page.count("metered energy estimated") == 1
    assert "http" not in page
    assert f"{bill_day(SLOT)}*" in text


def test_a_refund_of_the_guarantee_has_its_line_and_makes_up_the_saving() -> None:
    # Bought 1 kWh for 0.236 and used nothing: it is fed in for 0.080, and 0.95 kWh beyond the tolerance cost 0.019.
    bought = trade(1_000, 236_000, 0)
    refund = Refund(3, date(2026, 6, 1), date(2026, 6, 30), AmountMicro(175_000), "0x9a1d")
    lines = [line(bought, metered(0, bought.position))]

    bill = make_bill(ACCOUNT, BERLIN, lines, [refund])

    assert make_bill(ACCOUNT, BERLIN, lines).sums.saving_micro == -175_000
    assert (bill.sums.guarantee_micro, bill.sums.saving_micro) == (175_000, 0)
    assert [day.sums.saving_micro for day in bill.days] == [-175_000]
    sentence = "The guarantee refunded 0.175000 credits for 2026-06-01 to 2026-06-30 (UTC days)."
    assert sentence in bill_text(bill)
    assert "Refund of the guarantee" in bill_text(bill)
    assert f"<p>{sentence}</p>" in bill_html(bill)
    assert bill_document(bill)["refunds"] == [
        {
            "period": 3,
            "first_day": "2026-06-01",
            "last_day": "2026-06-30",
            "amount_micro": 175_000,
            "transaction": "0x9a1d",
        }
    ]
