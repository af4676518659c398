"""Finish a slot whose clearing in pages was accepted: for anybody, from what the chain has, after the relay died."""

from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.relay.ports import AcceptedSource, Outbox


def fill_rest(slot: SlotNumber, chain: AcceptedSource, outbox: Outbox) -> int:
    """Fill the pages of a slot that are not filled yet and return how many these were.

    Raises:
        RefusedError: no page of the slot waits to be filled.
        TransactionRevertedError: a page was refused; another one may have filled it meanwhile.
        ChainUnreachableError: a page was not mined in time; calling again goes on.
    """
    filled = 0
    while (accepted := chain.accepted(slot)) is not None:
        intent = f"fill/{slot}/{accepted.filled}"
        call = chain.fill_call(accepted)
        outbox.submit(intent, call.to, call.data)
        outbox.wait(intent)
        filled += 1
    if not filled:
        raise RefusedError(f"no page of slot {slot} waits to be filled: it is cleared, or its book was not accepted")
    return filled
