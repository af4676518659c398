"""Making reports: reads what is known of a slot, and hands it to the pure part.

All oracles must come to the same bytes, so everything that goes in is either on the chain or a signed reading. Before
substitutes are used, an oracle asks its peers for the readings that it lacks; what they send is verified like what a
gateway sends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from p2ptrade.domain.merkle import EMPTY_ROOT
from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.report import KeptReading, KeptReport
from p2ptrade.domain.slot import end_of, start_of
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.errors import PeerUnreachableError
from p2ptrade.oracle.contests import Contests
from p2ptrade.oracle.desk import Desk
from p2ptrade.oracle.energy import Measured, SlotEnergy, SlotReadings, energy_of, measured, registers_of
from p2ptrade.oracle.facts import ClearingFacts, Envelope, MeterPoint, SettledSlot
from p2ptrade.oracle.ports import ChainView, Envelopes, Peer, Store
from p2ptrade.oracle.report import LeafFacts, make_correction, make_report, metered_accounts, settled_accounts

_log = structlog.get_logger(__name__)


@dataclass
class Drafter:
    """Drafts reports from the store and the chain."""

    chain: ChainView
    store: Store
    desk: Desk
    contests: Contests
    peers: Sequence[Peer]
    reading_timeout_s: float
    correction_window_s: int
    envelopes: Envelopes | None = None
    _asked: set[tuple[SlotNumber, int]] = field(default_factory=set)

    def corrections_until_s(self, slot: SlotNumber) -> int:
        """Return until when a slot can be corrected, in epoch seconds."""
        return end_of(slot) + self.correction_window_s

    def first_report(self, slot: SlotNumber, now_s: int) -> KeptReport | None:
        """Return the report of a slot, or nothing while readings are waited for."""
        points = self._metered(slot)
        energies = self._energies(slot, points)
        if any(energy is None for energy in energies.values()):
            if now_s < end_of(slot) + self.reading_timeout_s:
                return None
            self.ask_peers(slot)
            energies = self._energies(slot, points)
        complete = self._with_substitutes(slot, points, energies)
        estimates = sum(energy.estimated for energy in complete.values())
        if estimates:
            _log.info("estimates in the report", slot=slot, accounts=estimates)
        clearing = self.chain.clearing(slot)
        bounds = self._envelopes(slot, clearing)
        return None if bounds is None else make_report(slot, complete, clearing, bounds)

    def seen(self, slot: SlotNumber) -> tuple[int, ...]:
        """Return what changes whenever there may be something new to say of a settled slot."""
        return self.desk.stored, *self.contests.seen(slot)

    def may_change(self, slot: SlotNumber, settled: Mapping[AccountId, MeteredAccount]) -> bool:
        """Return whether a settled slot may still be corrected: for an estimate, or for a contest that is waiting."""
        return any(account.estimated for account in settled.values()) or self.contests.is_open(slot)

    def correction(self, slot: SlotNumber, standing: SettledSlot) -> KeptReport | None:
        """Return the next correction of a settled slot, or nothing while there is nothing better to say."""
        settled = settled_accounts(standing)
        contested = bool(self.contests.of_slot(slot) or self.contests.of_slot(SlotNumber(slot - 1)))
        if not contested and not any(account.estimated for account in settled.values()):
            return None
        points = self._metered(slot)
        energies = self._energies_after_asking(slot, points, standing.version, contested=contested)
        measured = {account: energy for account, energy in energies.items() if energy is not None}
        clearing = self.chain.clearing(slot)
        bounds = self._envelopes(slot, clearing)
        if bounds is None:
            return None
        now = {account.account: account for account in metered_accounts(measured, clearing, bounds)}
        reopened = self.contests.judge(slot, standing, settled, now, points)
        registers = {account: registers_of(kept) for account, kept in self._readings(slot, points).items()}
        return make_correction(slot, standing.version + 1, settled, now, reopened, LeafFacts(measured, registers))

    def _energies_after_asking(
        self, slot: SlotNumber, points: Mapping[AccountId, MeterPoint], version: int, *, contested: bool
    ) -> dict[AccountId, SlotEnergy | None]:
        """Return the measured energies, after asking peers, once a version, for what may be missing here."""
        if contested:
            for each in (SlotNumber(slot - 1), slot):
                self.contests.gather(each)
        energies = self._energies(slot, points)
        lacks = contested or any(energy is None for energy in energies.values())
        if lacks and (slot, version) not in self._asked and self.ask_peers(slot, and_after=contested):
            self._asked.add((slot, version))
            energies = self._energies(slot, points)
        return energies

    def _metered(self, slot: SlotNumber) -> Mapping[AccountId, MeterPoint]:
        """Return the participants that were there when the slot began."""
        points = self.chain.meter_points()
        return {account: point for account, point in points.items() if point.since_s <= start_of(slot)}

    def _readings(self, slot: SlotNumber, points: Mapping[AccountId, MeterPoint]) -> dict[AccountId, KeptReading]:
        """Return the readings in use of a slot: those that gateways sent, but for better ones from contests."""
        return self.store.of_slot(slot) | self.contests.replaced(slot, points)

    def _energies(self, slot: SlotNumber, points: Mapping[AccountId, MeterPoint]) -> dict[AccountId, SlotEnergy | None]:
        """Return the measured energy of each account, nothing where there is none."""
        starts, ends = self._readings(SlotNumber(slot - 1), points), self._readings(slot, points)
        return {
            account: measured(SlotReadings(starts.get(account), ends.get(account)), point.capacity_kw)
            for account, point in points.items()
        }

    def _with_substitutes(
        self,
        slot: SlotNumber,
        points: Mapping[AccountId, MeterPoint],
        energies: Mapping[AccountId, SlotEnergy | None],
    ) -> dict[AccountId, SlotEnergy]:
        complete = {}
        for account, energy in energies.items():
            complete[account] = energy or self._substitute(slot, points[account])
        return complete

    def _substitute(self, slot: SlotNumber, point: MeterPoint) -> SlotEnergy:
        start = self.store.of_slot(SlotNumber(slot - 1)).get(point.account)
        end = self.store.of_slot(slot).get(point.account)
        before, after = self.store.nearest(point.account, slot)
        return energy_of(slot, SlotReadings(start, end, before, after), point.capacity_kw, self._measured_of(point))

    def _measured_of(self, point: MeterPoint) -> Measured:
        def of_slot(slot: SlotNumber) -> EnergyWh | None:
            start = self.store.of_slot(SlotNumber(slot - 1)).get(point.account)
            end = self.store.of_slot(slot).get(point.account)
            found = measured(SlotReadings(start, end), point.capacity_kw)
            return None if found is None or found.estimated else found.metered_wh

        return of_slot

    def ask_peers(self, slot: SlotNumber, *, and_after: bool = False) -> bool:
        """Take over the readings that peers have of the slot and its start; return whether any peer answered."""
        answered = False
        for each in range(slot - 1, slot + (2 if and_after else 1)):
            for peer in self.peers:
                try:
                    readings = peer.readings(SlotNumber(each))
                except PeerUnreachableError:
                    continue
                answered = True
                if readings:
                    self.desk.take(readings)
        return answered

    def _envelopes(self, slot: SlotNumber, clearing: ClearingFacts) -> Mapping[AccountId, Envelope] | None:
        """Return the envelopes of a slot, or nothing while they are not to be had."""
        if clearing.envelope_root == EMPTY_ROOT or self.envelopes is None:
            return {}
        return self.envelopes.envelopes(slot, clearing.envelope_root)
