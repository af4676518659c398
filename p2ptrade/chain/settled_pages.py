"""Settled pages read back from the chain: the event has their hash, the data of the transaction has the page itself."""

from collections.abc import Sequence
from typing import Final

from p2ptrade.chain.abi import load
from p2ptrade.chain.client import Block, ChainClient
from p2ptrade.chain.contracts.settlement import Settlement
from p2ptrade.chain.settlement_page import unpack_slot
from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import ChainError

# In which argument of the settlement's functions the page is.
_PAGE_ARGUMENT: Final = {"settlePage": 1, "settleAtOnce": 2}


def page_in(call_data: bytes) -> bytes:
    """Return the page in the data of a transaction that settled one.

    Raises:
        ChainError: it is no call that settles a page.
    """
    for name, argument in _PAGE_ARGUMENT.items():
        function = load("Settlement").function(name)
        if function.selector == call_data[:4]:
            page: bytes = function.inputs.decode(call_data[4:])[argument]
            return page
    raise ChainError(f"a transaction settled a page by the unknown call 0x{call_data[:4].hex()}: update this program")


def transaction_inputs(client: ChainClient, hashes: Sequence[bytes]) -> list[bytes]:
    """Return the data of transactions, in one round trip.

    Raises:
        ChainError: the node does not have one of them any more.
    """
    asked = [("eth_getTransactionByHash", ["0x" + each.hex()]) for each in hashes]
    inputs: list[bytes] = []
    for each, found in zip(hashes, client.rpc.batch(asked) if asked else (), strict=True):
        if not isinstance(found, dict):
            raise ChainError(f"the node has lost transaction 0x{each.hex()}: ask another node")
        inputs.append(bytes.fromhex(found["input"].removeprefix("0x")))
    return inputs


def settled_pages(settlement: Settlement, slot: SlotNumber, *, first: Block) -> list[bytes]:
    """Return the pages of a slot that were settled, in their order.

    Raises:
        ChainError: the node does not have one of the transactions any more.
    """
    records = settlement.events("PageSettled", first=first, where={"slot": slot})
    inputs = transaction_inputs(settlement.client, [record.log.transaction_hash for record in records])
    return [page_in(data) for data in inputs]


def settled_accounts(settlement: Settlement, slot: SlotNumber, *, first: Block) -> tuple[MeteredAccount, ...]:
    """Return all accounts of a settled slot as its pages have them; none if no page was settled.

    Raises:
        ChainError: the node does not have one of the transactions any more.
    """
    pages = settled_pages(settlement, slot, first=first)
    return unpack_slot(pages) if pages else ()
