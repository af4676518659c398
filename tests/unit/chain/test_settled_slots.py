"""Settled slots read back: only those asked for, only complete ones, and only what was in the chain at a block."""

from types import SimpleNamespace
from typing import Any

from p2ptrade.chain.settled_slots import published_slots


class Events:
    """A settlement whose slot 7 has a first page, and whose slot 3 is complete."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def events(self, names: tuple[str, ...], **blocks: Any) -> list[SimpleNamespace]:
        assert set(names) == {"PageSettled", "Settled", "Corrected"}
        self.asked = blocks
        log = SimpleNamespace(transaction_hash=bytes(32))
        found = [("PageSettled", 3), ("Settled", 3), ("PageSettled", 7), ("Corrected", 3)]
        return [SimpleNamespace(name=name, values={"slot": slot}, log=log) for name, slot in found]


def test_a_slot_without_its_last_page_or_outside_of_the_range_is_left_out() -> None:
    settlement = Events()
    market: Any = SimpleNamespace(settlement=settlement, first_block=5)  # which can be asked for nothing else

    assert list(published_slots(market, range(4, 9), last=40)) == []
    assert settlement.asked == {"first": 5, "last": 40}
    assert list(published_slots(market, range(4, 9), first=20, last=40)) == []
    assert settlement.asked == {"first": 20, "last": 40}
