"""One slot from the orders to the settlement and a correction, for tests of what comes after.

Of four homes one buys 1,000 Wh, one sells them and delivers 900, one has a reading that comes late, one is idle.
"""

from collections.abc import Mapping
from pathlib import Path

from p2ptrade.domain.slot import end_of, start_of
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.store import Database
from p2ptrade.store.wallet import WalletTable
from p2ptrade.wallet.trader import Trader
from tests.integration.test_relay_on_chain import COMMIT_LEAD_S, Day, bid, offer
from tests.support.oracles import TAKEOVER_S, TIMEOUT_S, Group, Meter, meters_of, send
from tests.support.small_market import DAY, SmallMarket

SLOT = SlotNumber(DAY * 96 + 8)
BUYER, SELLER, SILENT, IDLE = range(4)
METERED_WH = {BUYER: 1_300, SELLER: -900, SILENT: 400, IDLE: 250}


def trade_and_settle(
    world: SmallMarket, folder: Path, *, one_stays_sealed: bool = False, metered_wh: Mapping[int, int] = METERED_WH
) -> Group:
    """Take `SLOT` to its settlement with one silent meter, whose reading comes late and corrects it.

    If `one_stays_sealed`, the home with the silent meter has an order that it never opens.
    """
    accounts = [home.account for home in world.homes]
    world.publish_limits(SLOT)
    world.warp_to(start_of(SLOT) - 3000)
    day = Day(world, folder, SLOT)
    orders = {accounts[BUYER]: bid(1_000, 300_000), accounts[SELLER]: offer(1_500, 100_000)}
    day.trader.seal(SLOT, orders)
    if one_stays_sealed:
        silent, market = world.homes[SILENT], world.market
        store = WalletTable(Database.open(folder / "silent.sqlite"), "market")
        keys = {silent.account: silent.key}
        trader = Trader(day.client, store, market.auction_domain, day.trader.relay_address, keys)
        trader.seal(SLOT, {silent.account: bid(500, 200_000)})
    day.at(1800 + COMMIT_LEAD_S)
    world.warp_to(start_of(SLOT) - 1800)
    day.trader.open(SLOT)
    for lead_s in (1790, 1190):  # the relay waits for openings as long as there may be more
        day.at(lead_s)

    group, meters = Group(world, folder), meters_of(world)
    for member in group.members:
        member.view._first_priced = SLOT
    read_all(world, group, meters, SlotNumber(SLOT - 1), dict.fromkeys(range(4), 0))
    read_all(world, group, meters, SLOT, {who: wh for who, wh in metered_wh.items() if who != SILENT})
    take_time(world, group, TIMEOUT_S)
    late = meters[accounts[SILENT]].read(SLOT, metered_wh[SILENT])
    for member in group.members:
        send(member, [late])
    take_time(world, group, TAKEOVER_S)
    return group


def read_all(
    world: SmallMarket, group: Group, meters: dict[AccountId, Meter], slot: SlotNumber, net_wh: dict[int, int]
) -> None:
    """Let a slot end, and send the readings of some homes to all oracles."""
    world.warp_to(end_of(slot))
    readings = [meters[world.homes[who].account].read(slot, wh) for who, wh in net_wh.items()]
    for member in group.members:
        send(member, readings)


def take_time(world: SmallMarket, group: Group, seconds: float) -> None:
    """Let the oracles work while time goes by."""
    for _ in range(4):
        group.step(times=2)
        world.warp_to(world.market.client.now_s() + int(seconds))
    group.step(times=2)
