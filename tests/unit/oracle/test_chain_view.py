"""What the oracle keeps of what it read from the chain."""

from types import SimpleNamespace
from typing import Any, cast

from p2ptrade.chain.contracts.double_auction import ClearedSlot, SlotResult
from p2ptrade.domain.units import AccountId, PriceHalfMicroPerKwh, SlotNumber
from p2ptrade.oracle.chain_view import MarketView

SLOT = SlotNumber(2_119_436)


class Auction:
    """An auction whose event of a clearing shows itself only at the second look."""

    def __init__(self) -> None:
        self.looks = 0

    def cleared(self, slot: SlotNumber, *, first: int) -> ClearedSlot | None:
        """Return the clearing of `slot`, from the second look on."""
        self.looks += 1
        if self.looks == 1:
            return None
        return ClearedSlot(
            slot=slot,
            book_hash=b"b" * 32,
            prices=(PriceHalfMicroPerKwh(200_000),),
            grid_hash=b"g" * 32,
            envelope_root=b"e" * 32,
            positions=b"",
            voids=b"",
            result=SlotResult(),
            block_number=7,
            transaction_hash=b"t" * 32,
        )


def test_a_clearing_whose_event_comes_late_is_looked_up_again_and_then_kept() -> None:
    auction = Auction()
    view = MarketView(cast(Any, SimpleNamespace(auction=auction, first_block=1)))

    roots = [view.clearing(SLOT).envelope_root for _ in range(3)]

    assert roots[1:] == [b"e" * 32] * 2
    assert roots[0] != roots[1]
    assert auction.looks == 2


def event(name: str, block: int, **values: Any) -> SimpleNamespace:
    """Return an event of account 16 in a block."""
    return SimpleNamespace(name=name, values={"account": 16, **values}, log=SimpleNamespace(block_number=block))


class Node:
    """A node whose newest block shows its events only when the next one is there."""

    def __init__(self) -> None:
        self.newest = 5
        self.log = [
            event("ParticipantAdmitted", 5, meterPoint=b"m" * 32, gateway="0x" + "11" * 20, capacityKw=30),
            event("GatewayChanged", 6, gateway="0x" + "22" * 20),
        ]

    def head(self, block: int | None = None) -> SimpleNamespace:
        """Return a block."""
        return SimpleNamespace(number=self.newest if block is None else block, time_s=1_781_136_000)

    def events(self, names: str | tuple[str, ...], *, first: int, last: int) -> list[SimpleNamespace]:
        """Return the events of some blocks that show themselves."""
        return [e for e in self.log if e.name in names and first <= e.log.block_number <= min(last, self.newest - 1)]


def test_an_admission_whose_event_comes_late_is_read_again_and_a_change_is_kept() -> None:
    node = Node()
    view = MarketView(cast(Any, SimpleNamespace(client=node, registry=node, first_block=1)))

    gateways = []
    for newest in (5, 6, 7, 8, 9):
        node.newest = newest
        point = view.meter_points().get(AccountId(16))
        gateways.append(None if point is None else point.gateway[:4])

    assert gateways == [None, "0x11", "0x22", "0x22", "0x22"]
