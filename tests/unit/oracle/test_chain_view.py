"""What the oracle keeps of what it read from the chain."""

from types import SimpleNamespace
from typing import Any, cast

from p2ptrade.chain.contracts.double_auction import ClearedSlot, SlotResult
from p2ptrade.domain.units import PriceHalfMicroPerKwh, SlotNumber
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
