"""Finish a slot whose clearing in pages was accepted: for anybody, from what the chain has, after the relay died."""

from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import InputError
from p2ptrade.relay.ports import AcceptedSource, Outbox


def fill_rest(slot: SlotNumber, chain: AcceptedSource, outbox: Outbox) -> int:
    """Fill the pages of a slot that are not filled yet and return how many these were: none if it is cleared already.

    Raises:
        InputError: no clearing of the slot was accepted in pages, so there is none to finish.
        TransactionRevertedError: a page was refused; another one may have filled it meanwhile.
        ChainUnreachableError: a page was not mined in time; calling again goes on.
    """
    accepted = chain.accepted(slot)
    if accepted is None:
        if chain.cleared(slot) is None:
            raise InputError(f"no book of slot {slot} was accepted in pages{_hint(chain)}")
        return 0
    left = accepted.pages - accepted.filled
    while accepted is not None:
        intent = f"fill/{slot}/{accepted.filled}"
        call = chain.fill_call(accepted)
        outbox.submit(intent, call.to, call.data)
        outbox.wait(intent)
        accepted = chain.accepted(slot)
    return left


def _hint(chain: AcceptedSource) -> str:
    turn = chain.turn()
    if turn is None or turn.accepted is None:
        return ", and no other slot waits to be finished either"
    return f": it is slot {turn.slot} that waits to be finished"
