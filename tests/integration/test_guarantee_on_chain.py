"""A member that overbought pays more than the retailer alone would cost; when its period is closed it gets that back.

A market with a guarantee over two UTC days, from the orders to the refund: once, to the micro-credit, to nobody else.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from eth_typing import ChecksumAddress

from p2ptrade.chain.outbox import Outbox
from p2ptrade.domain.units import AccountId, AmountMicro
from p2ptrade.errors import TransactionRevertedError
from p2ptrade.office import guarantee as guarantee_office
from p2ptrade.office.guarantee import GuaranteeDesk
from p2ptrade.office.periods import PeriodClerk
from p2ptrade.wallet.statement import movements
from tests.integration.settled_slot import BUYER, IDLE, SELLER, SILENT, SLOT, trade_and_settle
from tests.support.market_commands import Run, commands, give_to_treasurer, write_settings
from tests.support.small_market import CREDIT, DAY, SmallMarket, small_market

FUND = 3 * CREDIT
GUARANTEE = AccountId(9)
# Deployed at noon of the day before DAY: period 0 is that day and DAY. Corrections are open for 30 days after it.
CLOSES_S = (DAY + 1 + 30) * 86_400
FAR_FROM_THEIR_ORDERS = {BUYER: 100, SELLER: -200, SILENT: 400, IDLE: 250}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    """A market in which one slot of period 0 was traded, settled and corrected, and a sponsor gave to the treasurer."""
    folder = tmp_path_factory.mktemp("guarantee")
    with small_market(folder, homes=4, guarantee_period_days=2, deviation_micro_per_kwh=20_000) as made:
        trade_and_settle(made, tmp_path_factory.mktemp("day"), metered_wh=FAR_FROM_THEIR_ORDERS).close()
        write_settings(made, home=BUYER)
        give_to_treasurer(made, FUND)
        yield made


@pytest.fixture
def run(world: SmallMarket, capsys: pytest.CaptureFixture[str]) -> Run:
    return commands(world, capsys)


def bill(run: Run) -> dict[str, Any]:
    """Return the buyer's bill of the two days of period 0."""
    found: dict[str, Any] = json.loads(run("wallet", "bill", "--from", "2026-06-10", "--to", "2026-06-11", "--json")[0])
    return found


class KilledError(Exception):
    """The office was killed here."""


@dataclass
class KilledAfterAList:
    """The issuer's outbox in a process that is killed when its first list of refunds has been paid."""

    outbox: Outbox

    def submit(self, intent: str, to: ChecksumAddress, data: bytes) -> None:
        self.outbox.submit(intent, to, data)

    def wait(self, intent: str) -> None:
        self.outbox.wait(intent)
        raise KilledError


def test_who_paid_more_than_the_baseline_gets_it_back_once_the_period_is_closed(
    run: Run, world: SmallMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    market, accounts = world.market, [home.account for home in world.homes]
    buyer, seller = accounts[BUYER], accounts[SELLER]
    # Bought 1 kWh at 10 ct and 3.6 ct of charges; 0.1 kWh were used, 0.9 fed in, 0.8 are beyond the tolerance: 1.6 ct.
    # Sold it at 10 ct; 0.2 kWh were delivered, 0.8 bought from the retailer, 0.7 are beyond the tolerance: 1.4 ct.
    (tariff,) = market.tariffs.prices([SLOT])
    lost = 136_000 + 16_000 - 900 * tariff.feed_in // 1_000 - 100 * tariff.retail // 1_000
    lost_too = 800 * tariff.retail // 1_000 + 14_000 - 100_000 + 200 * tariff.feed_in // 1_000
    due = {str(buyer): lost, str(seller): lost_too}
    before = [market.ledger.cash(account) for account in accounts]

    early, _ = run("office", "guarantee", "pay")
    so_far = json.loads(run("office", "guarantee", "check", "--json", code=1)[0])
    saving = bill(run)["sums"]["saving_micro"]
    world.warp_to(CLOSES_S)
    at_the_last_second, _ = run("office", "guarantee", "pay")
    world.warp_to(CLOSES_S + 1)
    PeriodClerk(market, world.outbox("issuer")).step()  # which logs that it cannot pay, and goes on
    world.give_up("issuer")
    run("office", "guarantee", "fund", "--amount-micro", str(lost), "--reference", "enough for one")
    _, unfunded = run("office", "guarantee", "pay", code=1)
    untouched = [market.ledger.cash(account) for account in accounts]
    run("office", "guarantee", "fund", "--amount-micro", str(FUND - lost), "--reference", "the rest")
    ready = json.loads(run("office", "guarantee", "check", "--json")[0])
    monkeypatch.setattr(guarantee_office, "REFUNDS_AT_ONCE", 1)
    killed = GuaranteeDesk(market, KilledAfterAList(world.outbox("issuer")))  # type: ignore[arg-type]
    with pytest.raises(KilledError):
        killed.pay()
    world.give_up("issuer")
    begun = json.loads(run("audit", "guarantee", "--json")[0])
    paid = json.loads(run("office", "guarantee", "pay", "--json")[0])
    again = json.loads(run("office", "guarantee", "pay", "--json")[0])

    assert early == at_the_last_second == "no period is due: the next one can still change\n"
    assert min(lost, lost_too) > 0
    assert saving == -lost
    assert (so_far["closed"], so_far["refunds_micro"], so_far["held_micro"]) == (False, due, 0)
    assert (so_far["first_day"], so_far["last_day"], so_far["closes_at_s"]) == ("2026-06-10", "2026-06-11", CLOSES_S)
    assert f"refunds {lost + lost_too} micro-credits, but the guarantee account holds {lost}" in unfunded
    assert untouched == before
    assert (ready["closed"], ready["total_micro"], ready["held_micro"]) == (True, lost + lost_too, FUND)
    assert [(each["complete"], each["refunds_micro"]) for each in begun["periods"]] == [(False, {str(buyer): lost})]
    assert (begun["closed_and_not_paid"], begun["differences"]) == (1, [])
    assert paid == [{"period": 0, "refunds_micro": due}]
    assert again == []
    gained = [market.ledger.cash(account) - cash for account, cash in zip(accounts, before, strict=True)]
    assert gained == [lost, lost_too, 0, 0]
    assert market.ledger.cash(GUARANTEE) == FUND - lost - lost_too
    assert movements(market, buyer)[-1].reason == "guarantee of period 0"


def test_the_bill_shows_the_refund_and_a_saving_of_exactly_nothing(run: Run, world: SmallMarket) -> None:
    found = bill(run)
    shown, _ = run("wallet", "bill", "--from", "2026-06-10", "--to", "2026-06-11")
    shorter = json.loads(run("wallet", "bill", "--from", "2026-06-11", "--to", "2026-06-11", "--json")[0])

    sums, (refund,) = found["sums"], found["refunds"]
    assert sums["saving_micro"] == 0
    assert sums["total_micro"] == sums["without_market_micro"] < 0 < sums["guarantee_micro"] == refund["amount_micro"]
    assert (refund["period"], refund["first_day"], refund["last_day"]) == (0, "2026-06-10", "2026-06-11")
    assert "Refund of the guarantee" in shown
    assert "for 2026-06-10 to 2026-06-11 (UTC days)." in shown
    # A bill of a part of the period shows what that part came to.
    assert shorter["refunds"] == []
    assert shorter["sums"]["saving_micro"] == -refund["amount_micro"]


def test_a_second_payment_is_refused_and_audits_close(run: Run, world: SmallMarket) -> None:
    guarantee, issuer = world.market.guarantee, world.outbox("issuer")
    assert guarantee is not None

    twice = guarantee.pay_data(0, [(world.homes[BUYER].account, AmountMicro(1))], is_last=True)
    with pytest.raises(TransactionRevertedError) as refused:
        issuer.submit("twice", guarantee.address, twice)
    world.give_up("issuer")
    audited = json.loads(run("audit", "guarantee", "--json")[0])
    books = json.loads(run("audit", "books", "--json")[0])
    supply = json.loads(run("audit", "supply", "--json")[0])
    deployed = json.loads(run("deploy", "status", "--json")[0])

    assert deployed["faults"] == []
    assert deployed["contracts"]["Guarantee"] == guarantee.address
    assert refused.value.error_name == "GuaranteeWrongPeriod"
    assert [(each["period"], each["complete"]) for each in audited["periods"]] == [(0, True)]
    assert audited["closed_and_not_paid"] == 0
    assert audited["differences"] == books["differences"] == supply["differences"] == []


def test_the_office_closes_later_periods_by_itself_and_the_audit_names_a_wrong_refund(
    run: Run, world: SmallMarket
) -> None:
    guarantee, seller = world.market.guarantee, world.homes[SELLER].account
    assert guarantee is not None
    world.warp_to(CLOSES_S + 4 * 86_400 + 1)
    waiting = json.loads(run("audit", "guarantee", "--json")[0])["closed_and_not_paid"]
    issuer = world.outbox("issuer")
    favour = guarantee.pay_data(1, [(seller, AmountMicro(7))], is_last=True)
    issuer.submit("favour", guarantee.address, favour)
    issuer.wait("favour")

    PeriodClerk(world.market, issuer).step()
    world.give_up("issuer")
    found, message = run("audit", "guarantee", "--json", code=1)

    assert waiting == 2
    assert guarantee.next_period() == 3
    assert [each["refunds_micro"] for each in json.loads(found)["periods"]][1:] == [{str(seller): 7}, {}]
    assert f"period 1: refund of account {seller}: the events give 0, the chain says 7" in message
