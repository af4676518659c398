"""What gateways, oracles and wallets say to each other: signed readings, report signatures, proofs of a reading."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from p2ptrade.transport.wire_types import (
    I32,
    U8,
    U32,
    U64,
    Address,
    Bytes32,
    PageBytes,
    Sentence,
    Signature,
    WireModel,
)

READINGS_MAX = 8192


class ReadingMessage(WireModel):
    """A reading signed by its gateway (EIP-712 `Reading`): cumulative registers at the end of a slot."""

    account: U32
    meter_point: Bytes32
    slot: U64
    import_wh: U64
    export_wh: U64
    meter_time_s: U64
    quality: U8
    sequence: U64
    previous: Bytes32
    signature: Signature


class ReadingsMessage(WireModel):
    """Signed readings of one or many meters, in the order in which each meter took them."""

    readings: Annotated[tuple[ReadingMessage, ...], Field(min_length=1, max_length=READINGS_MAX)]


class ReadingsOfSlot(WireModel):
    """The signed readings that an oracle has of a slot, for another oracle that lacks some."""

    slot: U64
    readings: Annotated[tuple[ReadingMessage, ...], Field(max_length=READINGS_MAX)]


class ReadingWord(StrEnum):
    """What became of a reading: kept, known already, kept with a flag, or refused."""

    STORED = "stored"
    KNOWN = "known"
    FLAGGED = "flagged"
    REFUSED = "refused"


class ReadingAck(WireModel):
    """The answer for one reading; whatever is not `refused` is durable and need not be sent again."""

    account: U32
    sequence: U64
    outcome: ReadingWord
    reason: Sentence | None = None


class ReadingAcks(WireModel):
    """One acknowledgement a reading, in the order in which they were sent."""

    acks: tuple[ReadingAck, ...]


class ContestWord(StrEnum):
    """What became of a contest."""

    WAITING = "waiting"
    REFUSED = "refused"
    BORNE_OUT = "borne out"
    CORRECTED = "corrected"


class ContestMessage(WireModel):
    """What an oracle says of the contest that names the reading with this digest, and why."""

    digest: Bytes32
    standing: ContestWord
    reason: Sentence


class ContestsOfAccount(WireModel):
    """An account's contests of a slot, in their order on the chain."""

    slot: U64
    account: U32
    contests: tuple[ContestMessage, ...]


class ReportMessage(WireModel):
    """An oracle's own signature over the report of a slot (EIP-712 `Report`)."""

    slot: U64
    version: U32
    readings_root: Bytes32
    data_hash: Bytes32
    accounts: U32
    delivered_wh: U64
    oracle: Address
    signature: Signature


class ReportData(WireModel):
    """The pages behind a report, so that anybody can send them; their running hash is the report's `data_hash`."""

    slot: U64
    version: U32
    pages: tuple[PageBytes, ...]


class DayMessage(WireModel):
    """An oracle's own signature over the reputation counts of a UTC day (EIP-712 `DayCounts`), with the counts."""

    day: U32
    counts: PageBytes
    oracle: Address
    signature: Signature


class ReadingProof(WireModel):
    """A participant's registers of a slot with the Merkle proof against the report's readings root."""

    slot: U64
    version: U32
    account: U32
    import_wh: U64
    export_wh: U64
    metered_wh: I32
    quality: U8
    readings_root: Bytes32
    proof: Annotated[tuple[Bytes32, ...], Field(max_length=64)]


class OracleInfo(WireModel):
    """Who the oracle is and for which market it works."""

    chain_id: U64
    settlement: Address
    oracle: Address | None
    quorum: U8
