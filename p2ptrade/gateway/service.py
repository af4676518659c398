"""The gateway's cycle: instruct devices, take readings, write them down, hand them to the oracles.

Once a slot it looks at what it had to estimate and asks the meters again: what they can tell by then, it signs, and the
oracles correct what was settled, as long as they may.

A reading is on the disk before anybody hears of it, in one transaction with the state of a modelled home, and is sent
until the oracle has acknowledged it. So a gateway may be killed at any instruction, and its oracles be away for days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from p2ptrade.chain.signatures import DigestSigner
from p2ptrade.chain.typed_data import Domain, ReadingMessage
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.envelopes import Envelope
from p2ptrade.domain.home import SELF_CONSUMPTION, HomeState, Instruction
from p2ptrade.domain.merkle import EMPTY_ROOT, verify_proof
from p2ptrade.domain.reading import BOUNDARY_TOLERANCE_S, Reading, SignedReading
from p2ptrade.domain.slot import end_of, slot_at
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.errors import PeerUnreachableError
from p2ptrade.gateway.metrics import GatewayMetrics
from p2ptrade.gateway.ports import ChainView, Connected, EnvelopeBounds, EnvelopeSource, ReadingStore, SlotOutcome
from p2ptrade.gateway.take import MeterPoint, Taken, measure_again, take
from p2ptrade.gateway.uplink import Uplink
from p2ptrade.metering.meter import MeterUnreachableError, RegisterSample

SLOTS_AT_ONCE: Final = 96
"""Slots taken in one step after an outage: a day's worth, so that a step stays short."""

_log = structlog.get_logger(__name__)


@dataclass
class Gateway:
    """The daemon's state and its step."""

    chain: ChainView
    envelopes: EnvelopeSource | None
    uplinks: Sequence[Uplink]
    store: ReadingStore
    signer: DigestSigner
    domain: Domain
    connected: Sequence[Connected]
    correction_window_s: int
    metrics: GatewayMetrics = field(default_factory=GatewayMetrics)
    checkpoint: Checkpoint = pass_by
    _last: dict[AccountId, SignedReading] = field(default_factory=dict)
    _instructed: set[SlotNumber] = field(default_factory=set)
    _reviewed: SlotNumber | None = None

    def __post_init__(self) -> None:
        """Find out from the store where each meter point stands."""
        self._last = dict(self.store.last_readings())

    def step(self) -> None:
        """Do what is due at the chain's present time.

        Raises:
            ChainUnreachableError: the node does not answer; the next step goes on.
        """
        now_s = self.chain.now_s()
        self._instruct(slot_at(now_s))
        self._take(SlotNumber(slot_at(now_s) - 1), now_s)
        self._review(slot_at(now_s), now_s)
        for uplink in self.uplinks:
            uplink.step()

    def last_slot(self, account: AccountId) -> SlotNumber | None:
        """Return the newest slot of an account that has a reading."""
        last = self._last.get(account)
        return last.reading.slot if last else None

    def sign(self, reading: Reading) -> SignedReading:
        """Return the reading with digest and signature."""
        digest = ReadingMessage.of(reading).digest(self.domain)
        return SignedReading(reading, digest, self.signer.sign_digest(digest))

    # ------------------------------------------------------------------------------------------------- devices

    def _instruct(self, present: SlotNumber) -> None:
        """Tell the devices what to do in every slot that has begun and is not metered yet."""
        first = min((signed.reading.slot + 1 for signed in self._last.values()), default=present)
        for number in range(max(first, present - SLOTS_AT_ONCE), present + 1):
            slot = SlotNumber(number)
            if slot not in self._instructed:
                instructions, complete = self._instructions(slot)
                for each in self.connected:
                    if each.devices is not None:
                        each.devices.follow(slot, instructions.get(each.account, SELF_CONSUMPTION))
                if complete:
                    self._instructed.add(slot)
        self._instructed = {slot for slot in self._instructed if slot >= first}

    def _instructions(self, slot: SlotNumber) -> tuple[Mapping[AccountId, Instruction], bool]:
        """Return the instructions for a slot, and whether they hold everything that is to be known."""
        outcome = self.chain.outcome(slot)
        if outcome is None:
            return {}, True
        offered = self._offered_envelopes(slot, outcome)
        bounds = {} if offered is None else _verified(slot, offered, outcome.envelope_root)
        instructions: dict[AccountId, Instruction] = {}
        for account in outcome.positions_wh.keys() | bounds.keys():
            envelope = bounds.get(account)
            instructions[account] = Instruction(
                target_wh=outcome.positions_wh.get(account, 0),
                import_wh=None if envelope is None else envelope.import_wh,
                export_wh=None if envelope is None else envelope.export_wh,
            )
        return instructions, offered is not None

    def _offered_envelopes(self, slot: SlotNumber, outcome: SlotOutcome) -> Sequence[EnvelopeBounds] | None:
        """Return the envelopes of a slot as the grid operator tells them, or nothing while it does not answer."""
        if self.envelopes is None or outcome.envelope_root == EMPTY_ROOT:
            return ()
        try:
            return self.envelopes.envelopes(slot)
        except PeerUnreachableError as error:
            self.metrics.envelopes_missing.inc()
            _log.warning("envelopes unknown", slot=slot, reason=str(error))
            return None

    # ------------------------------------------------------------------------------------------------ readings

    def _take(self, last: SlotNumber, now_s: int) -> None:
        """Read the meters and keep the readings of the slots up to `last` that have none yet."""
        readings: list[SignedReading] = []
        homes: dict[AccountId, HomeState] = {}
        for each in self.connected:
            taken = self._take_one(each, last, now_s)
            readings += [one.signed for one in taken]
            if taken and each.model is not None:
                homes[each.account] = each.model.state_at(taken[-1].signed.reading.slot)
        if readings:
            self.checkpoint("gateway.signed")
            self.store.keep(readings, homes)
            self.checkpoint("gateway.kept")
            self._last |= {signed.reading.account: signed for signed in readings}
            self.metrics.readings.inc(len(readings))
            _log.info("readings taken", readings=len(readings), slot=max(signed.reading.slot for signed in readings))

    def _take_one(self, each: Connected, last: SlotNumber, now_s: int) -> list[Taken]:
        before = self._last.get(each.account)
        first = SlotNumber(before.reading.slot + 1) if before else last
        if first > last:
            return []
        samples = self._read(each, before.reading.meter_time_s if before else -1, now_s)
        if samples is None:
            return []
        point = MeterPoint(each.account, each.meter_point, each.capacity_kw)
        until = SlotNumber(min(last, first + SLOTS_AT_ONCE - 1))
        taken = take(point, before, samples, first=first, last=until, sign=self.sign, now_s=now_s)
        for one in taken:
            for finding in one.findings:
                self.metrics.findings.labels(finding.rule.value).inc()
                _log.warning("odd reading", account=each.account, rule=finding.rule.value, text=finding.text)
        return taken

    def _review(self, present: SlotNumber, now_s: int) -> None:
        """Sign and keep what the meters tell now of slots that were estimated and can still be corrected."""
        if self._reviewed == present:
            return
        # The reading at the end of a slot is also the next one's at its start.
        estimates = self.store.estimates(SlotNumber(slot_at(max(0, now_s - self.correction_window_s)) - 1))
        better: list[SignedReading] = []
        for each in self.connected:
            own = estimates.get(each.account)
            if own:
                first_s = end_of(own[0].reading.slot) - BOUNDARY_TOLERANCE_S
                samples = self._read(each, first_s - 1, now_s) or ()
                better += measure_again(own, samples, sign=self.sign)
        if better:
            self.checkpoint("gateway.better_signed")
            self.store.keep(better, {})
            self.checkpoint("gateway.better_kept")
            self.metrics.replaced.inc(len(better))
            _log.info("estimates measured", readings=len(better), slot=max(signed.reading.slot for signed in better))
        self._reviewed = present

    def _read(self, each: Connected, after_s: int, until_s: int) -> Sequence[RegisterSample] | None:
        """Return what a meter tells, or nothing while it is silent."""
        try:
            return each.meter.read(after_s, until_s)
        except MeterUnreachableError as error:
            self.metrics.meters_silent.inc()
            _log.warning("meter silent", account=each.account, reason=str(error))
            return None


def _verified(slot: SlotNumber, offered: Sequence[EnvelopeBounds], root: bytes) -> Mapping[AccountId, Envelope]:
    """Return the envelopes that lead to the root which the grid operator signed."""
    verified: dict[AccountId, Envelope] = {}
    for bounds in offered:
        envelope = Envelope(bounds.account, bounds.import_wh, bounds.export_wh)
        if verify_proof(envelope.leaf(slot), bounds.proof, root):
            verified[bounds.account] = envelope
        else:
            _log.warning("envelope without proof", slot=slot, account=bounds.account)
    return verified
