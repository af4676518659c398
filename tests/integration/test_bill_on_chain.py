"""A bill made from the chain is what moved in the ledger, to the unit, and each reading on it can be proven."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from p2ptrade.chain.contracts.settlement import SettlementState
from p2ptrade.cli.wallet_reports import leaf_of
from p2ptrade.domain.merkle import verify_proof
from p2ptrade.domain.slot import end_of, slot_at, start_of
from p2ptrade.domain.units import AccountId, AmountMicro, SlotNumber
from p2ptrade.transport.clients import OracleClient
from p2ptrade.wallet.bill import BillLine, make_bill
from p2ptrade.wallet.bill_source import read_bill_lines
from p2ptrade.wallet.statement import movements
from tests.integration.settled_slot import BUYER, IDLE, METERED_WH, SELLER, SILENT, SLOT, trade_and_settle
from tests.integration.test_relay_on_chain import COMMIT_LEAD_S, Day, bid, offer
from tests.support.oracles import Group
from tests.support.small_market import SmallMarket, small_market

Settled = tuple[Group, dict[AccountId, AmountMicro]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    with small_market(tmp_path_factory.mktemp("market"), homes=4) as made:
        yield made


@pytest.fixture(scope="module")
def settled(world: SmallMarket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    """A settled slot, and what the homes had before."""
    before = {home.account: world.market.ledger.cash(home.account) for home in world.homes}
    group = trade_and_settle(world, tmp_path_factory.mktemp("day"))
    yield group, before
    group.close()


def line_of(world: SmallMarket, who: int) -> BillLine:
    (line,) = read_bill_lines(world.market, world.homes[who].account, SLOT, SLOT)
    return line


@pytest.mark.parametrize("who", [BUYER, SELLER, SILENT, IDLE])
def test_the_total_of_a_bill_is_what_moved_in_the_ledger(world: SmallMarket, settled: Settled, who: int) -> None:
    _, before = settled
    account = world.homes[who].account

    line = line_of(world, who)

    assert world.market.settlement.state(SLOT) is SettlementState.SETTLED
    moved = world.market.ledger.cash(account) - before[account]
    assert line.sums.total_micro == moved
    since = [each.amount_micro for each in movements(world.market, account) if f"slot {SLOT}" in each.reason]
    assert sum(since) == moved


def test_a_bill_names_trade_imbalance_and_correction(world: SmallMarket, settled: Settled) -> None:
    buyer, seller, silent, idle = (line_of(world, who).sums for who in (BUYER, SELLER, SILENT, IDLE))

    assert (buyer.bought_wh, buyer.withdrawn_wh) == (1_000, 1_300)
    assert (seller.sold_wh, seller.injected_wh) == (1_000, 900)
    assert buyer.bought_micro < 0 < seller.sold_micro
    assert buyer.charges_micro == -36_000
    assert silent.corrections_micro < 0 == silent.from_retailer_micro
    assert (silent.withdrawn_wh, silent.saving_micro) == (400, 0), "what was measured in the end is what counts"
    assert idle.saving_micro == 0
    assert buyer.saving_micro > 0


def test_a_line_names_its_transactions_and_is_provisional_no_more_once_it_was_corrected(
    world: SmallMarket,
    settled: Settled,
) -> None:
    silent, buyer = line_of(world, SILENT), line_of(world, BUYER)

    bill = make_bill(world.homes[SILENT].account, ZoneInfo("Europe/Berlin"), [silent])

    assert not bill.provisional
    assert buyer.provisional is None
    corrected = world.market.settlement.events("Corrected", first=0, where={"slot": SLOT})
    assert silent.correction_transaction == "0x" + corrected[-1].log.transaction_hash.hex()
    hashes = [buyer.clearing_transaction, buyer.settlement_transaction]
    receipts = world.market.client.receipts([bytes.fromhex(each[2:]) for each in hashes if each])
    assert [receipt.succeeded for receipt in receipts if receipt] == [True, True]


def test_a_reading_is_proven_against_the_root_on_the_chain(world: SmallMarket, settled: Settled) -> None:
    group, _ = settled
    account = world.homes[SELLER].account
    oracle = OracleClient("http://oracle-0.test", transport=group.lines[0])

    found = oracle.reading_proof(SLOT, account)

    assert found is not None
    reports = world.market.settlement.events("ReportSubmitted", first=0, where={"slot": SLOT})
    roots = {record.values["version"]: record.values["readingsRoot"] for record in reports}
    assert found.metered_wh == METERED_WH[SELLER]
    assert verify_proof(leaf_of(found), found.proof, roots[found.version])
    forged = found.model_copy(update={"metered_wh": found.metered_wh - 1})
    assert not verify_proof(leaf_of(forged), found.proof, roots[found.version])


def test_a_trade_that_was_never_settled_and_given_back_is_on_no_bill(
    world: SmallMarket,
    settled: Settled,
    tmp_path: Path,
) -> None:
    market, buyer, seller = world.market, world.homes[BUYER].account, world.homes[SELLER].account
    slot = SlotNumber(slot_at(market.client.now_s()) + 8)
    world.publish_limits(slot)
    world.warp_to(start_of(slot) - 3000)
    day = Day(world, tmp_path, slot)
    before = market.ledger.cash(buyer)
    day.trader.seal(slot, {buyer: bid(1_000, 300_000), seller: offer(1_500, 100_000)})
    day.at(1800 + COMMIT_LEAD_S)
    world.warp_to(start_of(slot) - 1800)
    day.trader.open(slot)
    for lead_s in (1790, 1190):
        day.at(lead_s)

    (locked,) = read_bill_lines(market, buyer, slot, slot)
    world.warp_to(end_of(slot) + market.auction.settle_within_s())
    cleared = market.auction.cleared(slot, first=0)
    assert cleared is not None
    result = market.auction.result(slot, first=0).struct()
    anybody = world.outbox("treasurer")
    call = market.auction.call_data("refund", slot, cleared.positions, result)
    anybody.submit("refund", market.auction.address, call)
    anybody.wait("refund")

    assert locked.sums.saving_micro == locked.sums.total_micro == -136_000
    assert market.ledger.cash(buyer) == before
    assert read_bill_lines(market, buyer, slot, slot) == []
