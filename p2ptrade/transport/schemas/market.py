"""What wallets and the relay say to each other: seals and receipts, openings, the state and the book of a slot."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from p2ptrade.domain.slot import Phase
from p2ptrade.domain.units import STEPS_MAX
from p2ptrade.transport.wire_types import (
    U8,
    U32,
    U64,
    Address,
    Bytes16,
    Bytes32,
    GridBytes,
    PageBytes,
    PositiveU32,
    Sentence,
    Signature,
    WireModel,
)

BATCH_MAX = 4096
PAGES_MAX = 64


class SealMessage(WireModel):
    """A sealed order: the hash of its terms and the owner's signature over the order's digest, nothing readable.

    The digest follows from slot, account and terms, so that a seal of one slot cannot be passed off as another's.
    """

    account: U32
    terms_hash: Bytes32
    signature: Signature


class SealsMessage(WireModel):
    """Sealed orders of one slot, of one or many accounts."""

    seals: Annotated[tuple[SealMessage, ...], Field(min_length=1, max_length=BATCH_MAX)]


class ReceiptMessage(WireModel):
    """The relay's signed promise (EIP-712 `Receipt`) to commit the seal; breaking it costs the relay its stake."""

    account: U32
    digest: Bytes32
    received_at_s: U64
    signature: Signature


class SealOutcome(WireModel):
    """What became of one seal of a batch: a receipt, or the reason why not."""

    account: U32
    receipt: ReceiptMessage | None = None
    refused: Sentence | None = None


class SealOutcomes(WireModel):
    """One outcome a seal, in the order in which they were sent."""

    outcomes: tuple[SealOutcome, ...]


class SideWord(StrEnum):
    """Buying or selling, as files and messages have it."""

    BID = "bid"
    OFFER = "offer"


class StepMessage(WireModel):
    """Energy and its all-in limit price."""

    energy_wh: PositiveU32
    limit_price_micro_per_kwh: U32


class OpeningMessage(WireModel):
    """An order in the clear with the salt of its seal; leaves the wallet after the gate and never before."""

    account: U32
    side: SideWord
    steps: Annotated[tuple[StepMessage, ...], Field(min_length=1, max_length=STEPS_MAX, repr=False)]
    salt: Annotated[Bytes16, Field(repr=False)]


class OpeningsMessage(WireModel):
    """Openings of one slot, of one or many accounts."""

    openings: Annotated[tuple[OpeningMessage, ...], Field(min_length=1, max_length=BATCH_MAX)]


class OpeningOutcome(WireModel):
    """What became of one opening of a batch; `refused` says why it was not taken."""

    account: U32
    accepted: bool
    refused: Sentence | None = None


class OpeningOutcomes(WireModel):
    """One outcome an opening, in the order in which they were sent."""

    outcomes: tuple[OpeningOutcome, ...]


class RelayInfo(WireModel):
    """Who the relay is and for which market it works, so that a wallet can refuse the wrong one."""

    chain_id: U64
    auction: Address
    relay: Address


class SlotState(WireModel):
    """The public state of a slot as the relay knows it at a block."""

    slot: U64
    phase: Phase
    chain_time_s: U64
    seals: U32
    root: Bytes32 | None = None
    openings: U32 = 0
    rounds: U8 = 0
    given_up: bool = False
    prices_half_micro_per_kwh: tuple[U64, ...] = ()
    bought_wh: U64 = 0
    clear_transaction: Bytes32 | None = None
    stands: Sentence = ""


class BookMessage(WireModel):
    """All that anybody needs to compute and to send the certificate of a slot; served after the gate only.

    `entries` are the pages of the sealed list that the root commits to, `pages` the book with every opening so far.
    """

    slot: U64
    entries: Annotated[tuple[PageBytes, ...], Field(max_length=PAGES_MAX)]
    pages: Annotated[tuple[PageBytes, ...], Field(max_length=PAGES_MAX)]
    grid_data: GridBytes
