"""A bill made from the chain is what moved in the ledger, to the unit, and each reading on it can be proven."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from p2ptrade.chain.contracts.settlement import SettlementState
from p2ptrade.cli.wallet_reports import leaf_of
from p2ptrade.domain.merkle import verify_proof
from p2ptrade.domain.slot import end_of, start_of
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.transport.clients import OracleClient
from p2ptrade.wallet.bill import BillLine, make_bill
from p2ptrade.wallet.bill_source import read_bill_lines
from p2ptrade.wallet.statement import movements
from tests.integration.test_relay_on_chain import COMMIT_LEAD_S, Day, bid, offer
from tests.support.oracles import TAKEOVER_S, TIMEOUT_S, Group, meters_of, send
from tests.support.small_market import DAY, SmallMarket, small_market

SLOT = SlotNumber(DAY * 96 + 8)
BUYER, SELLER, SILENT, IDLE = range(4)
METERED_WH = {BUYER: 1_300, SELLER: -900, SILENT: 400, IDLE: 250}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    with small_market(tmp_path_factory.mktemp("market"), homes=4) as made:
        yield made


@pytest.fixture(scope="module")
def settled(
    world: SmallMarket, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Group, dict[AccountId, int]]]:
    """Take a slot to its settlement with one silent meter, whose reading comes late and corrects it."""
    folder = tmp_path_factory.mktemp("day")
    accounts = [home.account for home in world.homes]
    before = {account: world.market.ledger.cash(account) for account in accounts}
    world.publish_limits(SLOT)
    world.warp_to(start_of(SLOT) - 3000)
    day = Day(world, folder, SLOT)
    orders = {accounts[BUYER]: bid(1_000, 300_000), accounts[SELLER]: offer(1_500, 100_000)}
    day.trader.seal(SLOT, orders)
    day.at(1800 + COMMIT_LEAD_S)
    world.warp_to(start_of(SLOT) - 1800)
    day.trader.open(SLOT)
    day.at(1790)

    group, meters = Group(world, folder), meters_of(world)
    for member in group.members:
        member.oracle.chain._first_priced = SLOT
    read_all(world, group, meters, SlotNumber(SLOT - 1), dict.fromkeys(range(4), 0))
    read_all(world, group, meters, SLOT, {who: wh for who, wh in METERED_WH.items() if who != SILENT})
    take_time(world, group, TIMEOUT_S)
    late = meters[accounts[SILENT]].read(SLOT, METERED_WH[SILENT])
    for member in group.members:
        send(member, [late])
    take_time(world, group, TAKEOVER_S)
    yield group, before
    group.close()


def read_all(world: SmallMarket, group: Group, meters, slot: SlotNumber, net_wh: dict[int, int]) -> None:  # type: ignore[no-untyped-def]
    world.warp_to(end_of(slot))
    readings = [meters[world.homes[who].account].read(slot, wh) for who, wh in net_wh.items()]
    for member in group.members:
        send(member, readings)


def take_time(world: SmallMarket, group: Group, seconds: float) -> None:
    for _ in range(4):
        group.step(times=2)
        world.warp_to(world.market.client.now_s() + int(seconds))
    group.step(times=2)


def line_of(world: SmallMarket, who: int) -> BillLine:
    (line,) = read_bill_lines(world.market, world.homes[who].account, SLOT, SLOT)
    return line


@pytest.mark.parametrize("who", [BUYER, SELLER, SILENT, IDLE])
def test_the_total_of_a_bill_is_what_moved_in_the_ledger(world: SmallMarket, settled, who: int) -> None:  # type: ignore[no-untyped-def]
    _, before = settled
    account = world.homes[who].account

    line = line_of(world, who)

    assert world.market.settlement.state(SLOT) is SettlementState.SETTLED
    moved = world.market.ledger.cash(account) - before[account]
    assert line.sums.total_micro == moved
    since = [each.amount_micro for each in movements(world.market, account) if f"slot {SLOT}" in each.reason]
    assert sum(since) == moved


def test_a_bill_names_trade_imbalance_and_correction(world: SmallMarket, settled) -> None:  # type: ignore[no-untyped-def]
    buyer, seller, silent, idle = (line_of(world, who).sums for who in (BUYER, SELLER, SILENT, IDLE))

    assert (buyer.bought_wh, buyer.withdrawn_wh) == (1_000, 1_300)
    assert (seller.sold_wh, seller.injected_wh) == (1_000, 900)
    assert buyer.bought_micro < 0 < seller.sold_micro
    assert buyer.charges_micro == -36_000
    assert silent.corrections_micro < 0 == silent.from_retailer_micro
    assert idle.saving_micro == 0
    assert buyer.saving_micro > 0


def test_the_estimated_line_is_marked_and_names_its_transactions(world: SmallMarket, settled) -> None:  # type: ignore[no-untyped-def]
    silent, buyer = line_of(world, SILENT), line_of(world, BUYER)

    bill = make_bill(world.homes[SILENT].account, ZoneInfo("Europe/Berlin"), [silent])

    assert bill.provisional
    assert buyer.provisional is None
    hashes = [buyer.clearing_transaction, buyer.settlement_transaction]
    receipts = world.market.client.receipts([bytes.fromhex(each[2:]) for each in hashes if each])
    assert [receipt.succeeded for receipt in receipts if receipt] == [True, True]


def test_a_reading_is_proven_against_the_root_on_the_chain(world: SmallMarket, settled) -> None:  # type: ignore[no-untyped-def]
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
