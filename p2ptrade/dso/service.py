"""The grid operator's cycle: name the network model, and publish limits for the slots ahead that have none yet."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog

from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.slot import Windows, slot_at
from p2ptrade.domain.units import SlotNumber
from p2ptrade.dso.operator import GridModel, limits_of
from p2ptrade.dso.ports import ChainView, Forecaster, Outbox
from p2ptrade.grid import topology_hash

SLOTS_A_STEP: Final = 4

_log = structlog.get_logger(__name__)


@dataclass
class Publisher:
    """Publishes ahead; without an outbox (no key) it only says what it would publish."""

    chain: ChainView
    forecaster: Forecaster
    model: GridModel
    windows: Windows
    ahead_slots: int
    outbox: Outbox | None
    checkpoint: Checkpoint = pass_by
    _said: set[SlotNumber] = field(default_factory=set)

    def step(self) -> None:
        """Publish what is missing; one transaction at a time, so that nothing is published twice.

        Raises:
            ChainUnreachableError: the node does not answer; the next step goes on.
        """
        if self.outbox is not None:
            self.outbox.advance()
            if self.outbox.waiting() or self._name_network(self.outbox):
                return
        missing = [slot for slot in self.chain.unpublished(list(self._slots_ahead())) if slot not in self._said]
        due = self._limits(missing[:SLOTS_A_STEP])
        if not due:
            return
        first, last = min(due), max(due)
        if self.outbox is None:
            self._said.update(due)
            _log.info("dry run: would publish limits", first=first, last=last, count=len(due))
            return
        self.checkpoint("dso.before-publish")
        call = self.chain.publish_call(due)
        self.outbox.submit(f"limits/{first}-{last}", call.to, call.data)
        _log.info("limits published", first=first, last=last, count=len(due))

    def _slots_ahead(self) -> Iterator[SlotNumber]:
        """Return the slots whose limits can still be published, the nearest first."""
        first = slot_at(self.chain.now_s() + self.windows.limits_lead_s) + 1
        return (SlotNumber(first + number) for number in range(self.ahead_slots))

    def _limits(self, slots: list[SlotNumber]) -> dict[SlotNumber, GridData]:
        participants = self.chain.connections() if slots else {}
        due: dict[SlotNumber, GridData] = {}
        for slot in slots:
            forecast = self.forecaster.forecast(slot)
            if forecast is not None:
                due[slot] = limits_of(self.model, slot, forecast, participants)
            else:
                self._said.add(slot)
                _log.warning("no forecast, so no limits and no market", slot=slot)
        return due

    def _name_network(self, outbox: Outbox) -> bool:
        """Put the hash of the network model on the chain if it is another one; return whether that was needed."""
        wanted = topology_hash(self.model.network)
        if self.chain.topology_hash() == wanted:
            return False
        call = self.chain.topology_call(wanted)
        outbox.submit(f"topology/{wanted.hex()}", call.to, call.data)
        return True
