"""The settlement: reports of the oracles, pages of accounts, corrections."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.chain.contracts.double_auction import SlotResult
from p2ptrade.chain.typed_data import ReportMessage
from p2ptrade.domain.report import Report
from p2ptrade.domain.settlement import ImbalanceRule, SettlementRules
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SharePpm, SlotNumber


class SettlementState(IntEnum):
    """Where the settlement of a slot is."""

    NONE = 0
    REPORTED = 1
    SETTLING = 2
    SETTLED = 3
    STALE = 4


def rules_of(values: Sequence[Any]) -> SettlementRules:
    """Return the rules that the contract's struct holds."""
    tolerance, share, penalty, breach, rule, quorum, feeder_cap, delivery_cap = values
    return SettlementRules(
        Deviation(PriceMicroPerKwh(penalty), EnergyWh(tolerance), SharePpm(share)),
        PriceMicroPerKwh(breach),
        ImbalanceRule(rule),
        quorum,
        EnergyWh(feeder_cap),
        EnergyWh(delivery_cap),
    )


def rules_struct(rules: SettlementRules) -> tuple[int, ...]:
    """Return the rules as the contract's struct."""
    return (
        rules.deviation.tolerance,
        rules.deviation.tolerance_share,
        rules.deviation.penalty,
        rules.breach_micro_per_kwh,
        int(rules.imbalance_rule),
        rules.quorum,
        rules.feeder_cap_wh,
        rules.delivery_cap_wh,
    )


@dataclass(frozen=True, slots=True)
class SlotSettlement:
    """What the contract keeps of the settlement of a slot; the energies are 0 where there was no correction."""

    state: SettlementState
    version: int
    delivered_wh: EnergyWh
    minted_wh: EnergyWh


class Settlement(ContractWrapper):
    """Who was settled how, and what may still be corrected."""

    NAME: ClassVar[str] = "Settlement"

    def rules(self, slot: SlotNumber, *, block: Block = LATEST) -> SettlementRules:
        """Return the rules that hold for a slot."""
        return rules_of(self.read("rulesAt", slot, block=block))

    def state(self, slot: SlotNumber, *, block: Block = LATEST) -> SettlementState:
        """Return where a slot is."""
        return SettlementState(self.read("stateOf", slot, block=block))

    def states(self, slots: Sequence[SlotNumber], *, block: Block = LATEST) -> list[SettlementState]:
        """Return where slots are, in one round trip."""
        found = self.read_many("stateOf", [(slot,) for slot in slots], block=block)
        return [SettlementState(state) for state in found]

    def settlement(self, slot: SlotNumber, *, block: Block = LATEST) -> SlotSettlement:
        """Return what is known of the settlement of a slot."""
        state, version, delivered, minted = self.read("settlementOf", slot, block=block)
        return SlotSettlement(SettlementState(state), version, EnergyWh(delivered), EnergyWh(minted))

    def report_digest(self, slot: SlotNumber, *, block: Block = LATEST) -> bytes | None:
        """Return the first 31 bytes of the digest of the first report of a slot: what the contract knows it by."""
        digest = bytes(self.read("reportDigestOf", slot, block=block))
        return digest if any(digest) else None

    def submit_data(self, report: ReportMessage, signatures: Sequence[bytes]) -> bytes:
        """Return the call that submits a report; `signatures` rise by signer address."""
        return self.call_data("submitReport", report.values(), list(signatures))

    def page_data(self, report: ReportMessage, page: bytes, later: Sequence[bytes], cleared: SlotResult) -> bytes:
        """Return the call that settles a page; `later` are the hashes of the pages after it."""
        return self.call_data("settlePage", report.values(), page, list(later), cleared.struct())

    def at_once_data(
        self, report: ReportMessage, signatures: Sequence[bytes], page: bytes, cleared: SlotResult
    ) -> bytes:
        """Return the call that submits and settles a report of one page."""
        return self.call_data("settleAtOnce", report.values(), list(signatures), page, cleared.struct())

    def correction_data(
        self,
        report: ReportMessage,
        first: ReportMessage,
        corrections: bytes,
        proofs: Sequence[tuple[bytes, bytes, Sequence[bytes]]],
    ) -> bytes:
        """Return the call that settles a correction; `proofs` are pages of the first report (before, page, later)."""
        listed = [(before, page, list(later)) for before, page, later in proofs]
        return self.call_data("settleCorrection", report.values(), first.values(), corrections, listed)

    def mint_corrected_data(self, slot: SlotNumber, positions: bytes, cleared: SlotResult) -> bytes:
        """Return the call that mints what corrections found delivered."""
        return self.call_data("mintCorrected", slot, positions, cleared.struct())

    def correction_digest(self, slot: SlotNumber, *, block: Block = LATEST) -> bytes | None:
        """Return the digest of the newest correcting report that was submitted for a slot."""
        digest = bytes(self.read("correctionDigestOf", slot, block=block))
        return digest if any(digest) else None

    def correction_window_s(self) -> int:
        """Return how long after the end of a slot corrections are accepted, in seconds."""
        return int(self.read("correctionWindow"))

    def settled_pages(self, slot: SlotNumber, *, first: Block, last: Block = LATEST) -> list[bytes]:
        """Return the running hashes of the pages of a slot that were settled, in their order."""
        records = self.events("PageSettled", first=first, last=last, where={"slot": slot})
        return [bytes(each.values["dataHash"]) for each in records]

    def first_report(self, slot: SlotNumber, *, first: Block, last: Block = LATEST) -> Report | None:
        """Return the report of version 1 that was submitted for a slot; there is at most one."""
        for record in self.events("ReportSubmitted", first=first, last=last, where={"slot": slot, "version": 1}):
            values = record.values
            return Report(
                slot,
                values["version"],
                values["readingsRoot"],
                values["dataHash"],
                values["accounts"],
                EnergyWh(values["deliveredWh"]),
            )
        return None

    def readings_roots(self, *, first: Block, last: Block = LATEST) -> dict[SlotNumber, bytes]:
        """Return the root of the readings of each slot that has a report: that of its newest version."""
        records = self.events("ReportSubmitted", first=first, last=last)
        return {SlotNumber(each.values["slot"]): bytes(each.values["readingsRoot"]) for each in records}

    def contest_data(self, slot: SlotNumber, account: AccountId, reading_digest: bytes) -> bytes:
        """Return the call by which a participant contests a settled slot."""
        return self.call_data("contest", slot, account, reading_digest)
