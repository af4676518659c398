"""What the relay and the grid operator say to each other: a result to check, and a verdict with its reasons.

Voltages and loadings are parts per million of their nominal value or rating, so that a verdict is exact and the same on
every machine.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from p2ptrade.domain.units import ZONES_MAX
from p2ptrade.transport.schemas.market import PAGES_MAX
from p2ptrade.transport.wire_types import (
    U8,
    U32,
    U64,
    Address,
    Bytes32,
    GridBytes,
    PageBytes,
    Sentence,
    Signature,
    WireModel,
)

REASONS_MAX = 1000


class VerdictRequest(WireModel):
    """A book with the zone prices computed from it, to be checked by power flow; `round_number` counts from 1."""

    slot: U64
    round_number: Annotated[int, Field(ge=1, le=16)]
    pages: Annotated[tuple[PageBytes, ...], Field(min_length=1, max_length=PAGES_MAX)]
    prices_half_micro_per_kwh: Annotated[tuple[U64, ...], Field(min_length=1, max_length=ZONES_MAX)]
    grid_data: GridBytes


class LimitKind(StrEnum):
    """Which limit a finding is about."""

    VOLTAGE_LOW = "voltage_low"
    VOLTAGE_HIGH = "voltage_high"
    LINE_LOADING = "line_loading"
    TRANSFORMER_LOADING = "transformer_loading"
    NOT_CONVERGED = "not_converged"
    OTHER = "other"


class Contribution(WireModel):
    """How much an account adds to what breaks a limit."""

    account: U32
    share_ppm: U32


class RefusalReason(WireModel):
    """One finding behind a refusal: element, phase, value, limit, who contributes, and the same as a sentence."""

    kind: LimitKind
    element: Annotated[str, Field(max_length=200)]
    phase: Annotated[str, Field(max_length=8)] | None = None
    value_ppm: U64 | None = None
    limit_ppm: U64 | None = None
    contributions: Annotated[tuple[Contribution, ...], Field(max_length=REASONS_MAX)] = ()
    text: Sentence


class EnvelopeMessage(WireModel):
    """The most an account may import and export in the slot, with its proof against the envelope root."""

    account: U32
    import_wh: U32
    export_wh: U32
    proof: Annotated[tuple[Bytes32, ...], Field(max_length=64)] = ()


class ApprovedVerdict(WireModel):
    """The operator's signature (EIP-712 `Verdict`) over slot, book, prices, grid data and envelopes."""

    verdict: Literal["approved"] = "approved"
    slot: U64
    book_hash: Bytes32
    prices_hash: Bytes32
    grid_hash: Bytes32
    envelope_root: Bytes32
    signature: Signature
    envelopes: tuple[EnvelopeMessage, ...] = ()


class RefusedVerdict(WireModel):
    """The result breaks the grid: `grid_data` has the tighter limits (or zones left out) of the next round."""

    verdict: Literal["refused"] = "refused"
    slot: U64
    grid_data: GridBytes
    reasons: Annotated[tuple[RefusalReason, ...], Field(max_length=REASONS_MAX)]


VerdictAnswer = Annotated[ApprovedVerdict | RefusedVerdict, Field(discriminator="verdict")]


class EnvelopesMessage(WireModel):
    """All envelopes of a slot that was approved; empty when none is needed."""

    slot: U64
    envelope_root: Bytes32
    envelopes: tuple[EnvelopeMessage, ...]


class DsoInfo(WireModel):
    """Who the grid operator is, for which market, and for which network (hash of its canonical form)."""

    chain_id: U64
    auction: Address
    dso: Address | None
    topology_hash: Bytes32
    zones: U8
