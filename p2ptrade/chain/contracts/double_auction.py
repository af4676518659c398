"""The sealed-bid double auction: commitments, own seals and openings, clearings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper, EventRecord
from p2ptrade.chain.packing import OwnSeal
from p2ptrade.domain.metered import NO_ENERGY, NO_MONEY
from p2ptrade.domain.metered import ClearedSlot as TradedTotals
from p2ptrade.domain.participant import CLASSES, CoverRules
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.units import (
    AmountMicro,
    EnergyWh,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
    SlotNumber,
)


class SlotPhase(IntEnum):
    """Where the contract sees a slot: facts first, then what the clock makes of them."""

    SEALING = 0
    OPENING = 1
    CLEARING = 2
    LAPSED = 3
    CLEARED = 4
    SETTLING = 5
    REFUNDED = 6
    FILLING = 7


@dataclass(frozen=True, slots=True)
class SlotResult:
    """What a slot was cleared to: totals in micro-credits and Wh, hash of the positions, and the relay's commitment.

    The contract keeps the hash of it only, and is shown it again by whoever settles, refunds or answers a claim. The
    result of a slot that was not cleared is all zero.
    """

    positions_hash: bytes = bytes(32)
    network_micro: AmountMicro = NO_MONEY
    fee_micro: AmountMicro = NO_MONEY
    rent_micro: AmountMicro = NO_MONEY
    bought_wh: EnergyWh = NO_ENERGY
    root: bytes = bytes(32)

    @classmethod
    def of(cls, values: Sequence[Any]) -> "SlotResult":
        """Return the result that the contract's struct holds."""
        positions_hash, network, fee, rent, bought, root = values
        totals = AmountMicro(network), AmountMicro(fee), AmountMicro(rent), EnergyWh(bought)
        return cls(bytes(positions_hash), *totals, bytes(root))

    @property
    def totals(self) -> TradedTotals:
        """Return what the settlement pays out by."""
        return TradedTotals(self.bought_wh, self.network_micro, self.fee_micro, self.rent_micro)

    def struct(self) -> tuple[Any, ...]:
        """Return the result as the contract's struct."""
        totals = (self.network_micro, self.fee_micro, self.rent_micro, self.bought_wh)
        return (self.positions_hash, *totals, self.root)


@dataclass(frozen=True, slots=True)
class ClearedSlot:
    """A clearing as the chain recorded it; `positions` and `voids` are packed records."""

    slot: SlotNumber
    book_hash: bytes
    prices: tuple[PriceHalfMicroPerKwh, ...]
    grid_hash: bytes
    envelope_root: bytes
    positions: bytes
    voids: bytes
    result: SlotResult
    block_number: int
    transaction_hash: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """Everything that clears a slot; `strangers` are the packed own seals of senders without an account."""

    slot: SlotNumber
    book: bytes
    prices: tuple[PriceHalfMicroPerKwh, ...]
    grid_data: bytes
    published: bytes
    envelope_root: bytes
    verdict: bytes
    strangers: bytes = b""


def whole_clearings(records: Iterable[EventRecord]) -> list[EventRecord]:
    """Return the `Cleared` events among `records`, each with what the `PageFilled` before it have of its slot."""
    before: dict[int, tuple[bytes, bytes]] = {}
    found: list[EventRecord] = []
    for record in records:
        slot = record.values["slot"]
        positions, voids = before.get(slot, (b"", b""))
        positions, voids = positions + record.values["positions"], voids + record.values["voids"]
        if record.name == "Cleared":
            found.append(replace(record, values={**record.values, "positions": positions, "voids": voids}))
        else:
            before[slot] = (positions, voids)
    return found


class DoubleAuction(ContractWrapper):
    """One session of the auction."""

    NAME: ClassVar[str] = "DoubleAuction"

    def windows(self) -> Windows:
        """Return the leads of the session."""
        limits, gate, opening, clearing, _ = self.read("windows")
        return Windows(limits, gate, opening, clearing)

    def settle_within_s(self) -> int:
        """Return how long after its end a cleared slot can be settled, in seconds."""
        return int(self.read("windows")[4])

    def cover_rules(self) -> CoverRules:
        """Return bond and collateral price of each reputation class."""
        classes = [(reputation_class,) for reputation_class in range(CLASSES)]
        return CoverRules(
            tuple(AmountMicro(bond) for bond in self.read_many("bondOf", classes)),
            tuple(PriceMicroPerKwh(price) for price in self.read_many("collateralPriceOf", classes)),
        )

    def phase(self, slot: SlotNumber, *, block: Block = LATEST) -> SlotPhase:
        """Return where a slot is."""
        return SlotPhase(self.read("phaseOf", slot, block=block))

    def root(self, slot: SlotNumber, *, first: Block, last: Block = LATEST) -> bytes | None:
        """Return the relay's commitment of a slot; the contract itself does not keep all of it."""
        records = self.events("Committed", first=first, last=last, where={"slot": slot})
        return bytes(records[0].values["root"]) if records else None

    def dso(self, *, block: Block = LATEST) -> ChecksumAddress:
        """Return the key whose signature a verdict needs."""
        return to_checksum_address(self.read("dso", block=block))

    def settlement(self, *, block: Block = LATEST) -> ChecksumAddress:
        """Return the contract that takes cleared slots over."""
        return to_checksum_address(self.read("settlement", block=block))

    def own_seals(self, slot: SlotNumber, *, first: Block, last: Block = LATEST) -> tuple[OwnSeal, ...]:
        """Return the seals of a slot made by own transactions, in order of arrival."""
        records = self.events("Sealed", first=first, last=last, where={"slot": slot})
        return tuple(OwnSeal(to_checksum_address(each.values["owner"]), each.values["digest"]) for each in records)

    def opened(self, slot: SlotNumber, *, first: Block, last: Block = LATEST) -> dict[bytes, bytes]:
        """Return the records that owners opened on the chain, by the digest they open."""
        records = self.events("Opened", first=first, last=last, where={"slot": slot})
        return {each.values["digest"]: each.values["record"] for each in records}

    def clearings(
        self, *, first: Block, last: Block = LATEST, where: Mapping[str, Any] | None = None
    ) -> list[EventRecord]:
        """Return the `Cleared` events; one that was filled in pages has the positions and voids of all of them."""
        records = self.events(("Cleared", "PageFilled"), first=first, last=last, where=where)
        return whole_clearings(records)

    def cleared(self, slot: SlotNumber, *, first: Block, last: Block = LATEST) -> ClearedSlot | None:
        """Return the clearing of a slot, if it was cleared."""
        records = self.clearings(first=first, last=last, where={"slot": slot})
        if not records:
            return None
        values, log = records[-1].values, records[-1].log
        return ClearedSlot(
            slot=slot,
            book_hash=values["bookHash"],
            prices=tuple(PriceHalfMicroPerKwh(price) for price in values["prices"]),
            grid_hash=values["gridHash"],
            envelope_root=values["envelopeRoot"],
            positions=values["positions"],
            voids=values["voids"],
            result=SlotResult.of(values["result"]),
            block_number=log.block_number,
            transaction_hash=log.transaction_hash,
        )

    def result(self, slot: SlotNumber, *, first: Block, last: Block = LATEST) -> SlotResult:
        """Return what a slot was cleared to; all zero if it was not cleared."""
        cleared = self.cleared(slot, first=first, last=last)
        return SlotResult() if cleared is None else cleared.result

    def clear_data(self, submission: Submission) -> bytes:
        """Return the call that clears a slot."""
        fields = (
            submission.slot,
            submission.book,
            submission.prices,
            submission.grid_data,
            submission.published,
            submission.envelope_root,
            submission.strangers,
            submission.verdict,
        )
        return self.call_data("clear", fields)
