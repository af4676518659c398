"""The oracle's view of the chain: settlement, auction, ledger and registry of one market."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from eth_hash.auto import keccak
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.contracts.authority import Role
from p2ptrade.chain.contracts.base import EventRecord
from p2ptrade.chain.contracts.double_auction import SlotResult
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.packing import unpack_positions
from p2ptrade.chain.settled_pages import settled_pages
from p2ptrade.chain.settlement_page import running_hash
from p2ptrade.chain.typed_data import ReportMessage
from p2ptrade.domain.report import Report
from p2ptrade.domain.units import AccountId, EpochSeconds, SlotNumber
from p2ptrade.oracle.facts import (
    Call,
    ClearingFacts,
    Contest,
    Head,
    MeterPoint,
    SettledCorrection,
    SettledFacts,
    SettledSlot,
)

_SLOTS_AT_ONCE = 256
_BLOCKS_READ_AGAIN = 2


@dataclass
class MarketView:
    """Reads what an oracle needs. Metering is read from the registry's events, each block once."""

    market: Market
    _points: dict[AccountId, MeterPoint] = field(default_factory=dict)
    _read_up_to: int = -1
    _first_priced: SlotNumber | None = None
    _clearings: dict[SlotNumber, tuple[ClearingFacts, SlotResult]] = field(default_factory=dict)
    _contests: dict[SlotNumber, list[Contest]] = field(default_factory=dict)
    _contests_up_to: int = -1

    def head(self) -> Head:
        """Return the newest block."""
        head = self.market.client.head()
        return Head(head.number, head.time_s)

    def meter_points(self) -> Mapping[AccountId, MeterPoint]:
        """Return all participants' metering."""
        head = self.market.client.head().number
        if head > self._read_up_to:
            first = self._first_unsure(self._read_up_to)
            points = self._points | self._admissions(first, head)
            self._change(points, first, head)
            self._points, self._read_up_to = points, head
        return self._points

    def first_priced_slot(self) -> SlotNumber | None:
        """Return the first slot that has a tariff; tariffs are published in advance, so earlier ones never get one."""
        if self._first_priced is None:
            self._first_priced = self.market.tariffs.first_priced_slot(first=self.market.first_block)
        return self._first_priced

    def states(self, slots: Sequence[SlotNumber]) -> Mapping[SlotNumber, str]:
        """Return the settlement state of slots by name."""
        found: dict[SlotNumber, str] = {}
        for at in range(0, len(slots), _SLOTS_AT_ONCE):
            some = slots[at : at + _SLOTS_AT_ONCE]
            states = self.market.settlement.states(some)
            found.update({slot: state.name for slot, state in zip(some, states, strict=True)})
        return found

    def settled(self, slot: SlotNumber) -> SettledFacts:
        """Return how far the settlement of a slot is."""
        known = self.market.settlement.settlement(slot)
        return SettledFacts(known.state.name, known.version, known.delivered_wh, known.minted_wh)

    def clearing(self, slot: SlotNumber) -> ClearingFacts:
        """Return the clearing of a slot; asked for after the slot, so it does not change any more."""
        return self._clearing(slot)[0]

    def quorum(self, slot: SlotNumber) -> int:
        """Return how many signatures a report of a slot needs."""
        return self.market.settlement.rules(slot).quorum

    def is_oracle(self, address: ChecksumAddress) -> bool:
        """Return whether an address may sign reports now."""
        return self.market.authority.has_role(Role.ORACLE, address)

    def submitted_digest(self, slot: SlotNumber, version: int) -> bytes | None:
        """Return how the digest of the report begins that was submitted for a version.

        The contract keeps 31 bytes of the first report's, and all of the newest correction's.
        """
        settlement = self.market.settlement
        return settlement.report_digest(slot) if version == 1 else settlement.correction_digest(slot)

    def settled_with(self, slot: SlotNumber) -> SettledSlot | None:
        """Return what a slot was settled and corrected with, or nothing while the node does not have all of it."""
        settlement, first = self.market.settlement, self.market.first_block
        report, pages = settlement.first_report(slot, first=first), settled_pages(settlement, slot, first=first)
        if report is None or running_hash([keccak(page) for page in pages]) != report.data_hash:
            return None
        corrected = settlement.events("Corrected", first=first, where={"slot": slot})
        corrections = (
            SettledCorrection(record.values["corrections"], record.log.block_number)
            for record in sorted(corrected, key=lambda record: record.values["version"])
        )
        return SettledSlot(report, tuple(pages), tuple(corrections))

    def contests(self) -> Mapping[SlotNumber, Sequence[Contest]]:
        """Return all contests by slot, each slot's in their order on the chain."""
        head = self.market.client.head().number
        if head > self._contests_up_to:
            first = self._first_unsure(self._contests_up_to)
            found = {slot: list(contests) for slot, contests in self._contests.items()}
            for record in self.market.settlement.events("Contested", first=first, last=head):
                contest = _contest(record)
                if contest not in found.setdefault(contest.slot, []):
                    found[contest.slot].append(contest)
            self._contests, self._contests_up_to = found, head
        return self._contests

    def settled_pages(self, slot: SlotNumber) -> Sequence[bytes]:
        """Return the running hashes of the pages of a slot that were settled."""
        return self.market.settlement.settled_pages(slot, first=self.market.first_block)

    def settle_call(self, report: Report, signatures: Sequence[bytes], pages: Sequence[bytes]) -> Call:
        """Return the call that submits a report, and settles it at once if it has one page."""
        message, settlement = ReportMessage.of(report), self.market.settlement
        if len(pages) == 1:
            result = self._clearing(report.slot)[1]
            return Call(settlement.address, settlement.at_once_data(message, signatures, pages[0], result))
        return self.submit_call(report, signatures)

    def page_call(self, report: Report, page: bytes, later: Sequence[bytes]) -> Call:
        """Return the call that settles the next page of a submitted report."""
        settlement = self.market.settlement
        result = self._clearing(report.slot)[1]
        return Call(settlement.address, settlement.page_data(ReportMessage.of(report), page, later, result))

    def submit_call(self, report: Report, signatures: Sequence[bytes]) -> Call:
        """Return the call that submits a report."""
        settlement = self.market.settlement
        return Call(settlement.address, settlement.submit_data(ReportMessage.of(report), signatures))

    def correction_call(
        self,
        report: Report,
        first: Report,
        corrections: bytes,
        proofs: Sequence[tuple[bytes, bytes, Sequence[bytes]]],
    ) -> Call:
        """Return the call that settles a submitted correction."""
        settlement = self.market.settlement
        messages = ReportMessage.of(report), ReportMessage.of(first)
        return Call(settlement.address, settlement.correction_data(*messages, corrections, proofs))

    def mint_call(self, slot: SlotNumber, positions: bytes) -> Call:
        """Return the call that mints what corrections found delivered."""
        settlement = self.market.settlement
        return Call(settlement.address, settlement.mint_corrected_data(slot, positions, self._clearing(slot)[1]))

    def _clearing(self, slot: SlotNumber) -> tuple[ClearingFacts, SlotResult]:
        """Return what a slot was cleared to; one that does not show its event yet is looked up again each time."""
        if slot in self._clearings:
            return self._clearings[slot]
        cleared = self.market.auction.cleared(slot, first=self.market.first_block)
        if cleared is None:
            return ClearingFacts(), SlotResult()
        facts = ClearingFacts(
            positions=tuple(unpack_positions(cleared.positions)),
            packed_positions=cleared.positions,
            cleared=cleared.result.totals,
            envelope_root=cleared.envelope_root,
        )
        self._clearings[slot] = facts, cleared.result
        while len(self._clearings) > _SLOTS_AT_ONCE:
            del self._clearings[min(self._clearings)]
        return facts, cleared.result

    def _first_unsure(self, read_up_to: int) -> int:
        """Return where to read on: a node may show a block a moment before its events, so the newest are read again."""
        return max(read_up_to - _BLOCKS_READ_AGAIN, self.market.first_block)

    def _admissions(self, first: int, last: int) -> dict[AccountId, MeterPoint]:
        registry, times, found = self.market.registry, {}, {}
        for record in registry.events("ParticipantAdmitted", first=first, last=last):
            block, values = record.log.block_number, record.values
            if block not in times:
                times[block] = self.market.client.head(block).time_s
            account = AccountId(values["account"])
            found[account] = MeterPoint(
                account,
                values["meterPoint"],
                to_checksum_address(values["gateway"]),
                values["capacityKw"],
                EpochSeconds(times[block]),
            )
        return found

    def _change(self, points: dict[AccountId, MeterPoint], first: int, last: int) -> None:
        """Apply the changes of some blocks; those read before come out the same again."""
        names = ("GatewayChanged", "ConnectionChanged")
        for record in self.market.registry.events(names, first=first, last=last):
            account, values = AccountId(record.values["account"]), record.values
            point = points[account]
            if record.name == "GatewayChanged":
                points[account] = replace(point, gateway=to_checksum_address(values["gateway"]))
            else:
                points[account] = replace(point, capacity_kw=values["capacityKw"])


def _contest(record: EventRecord) -> Contest:
    values = record.values
    slot, account = SlotNumber(values["slot"]), AccountId(values["account"])
    return Contest(slot, account, values["readingDigest"], record.log.block_number)
