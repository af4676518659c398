"""The grid operator's limits and charges of each slot."""

from collections.abc import Mapping
from typing import ClassVar

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.units import SlotNumber


class GridLimits(ContractWrapper):
    """What was published for which slot; the chain stores the hash, the event carries the data."""

    NAME: ClassVar[str] = "GridLimits"

    def published(self, slot: SlotNumber, *, first: Block, last: Block = LATEST) -> GridData | None:
        """Return what holds for a slot: the last that was published."""
        records = self.events("LimitsPublished", first=first, last=last, where={"slot": slot})
        return GridData.unpack(records[-1].values["gridData"]) if records else None

    def are_published(self, slots: list[SlotNumber], *, block: Block = LATEST) -> Mapping[SlotNumber, bool]:
        """Return for each slot whether anything was published."""
        hashes = self.read_many("hashOf", [(slot,) for slot in slots], block=block)
        return {slot: any(hash_) for slot, hash_ in zip(slots, hashes, strict=True)}

    def lead_s(self) -> int:
        """Return how long before delivery publication ends, in seconds."""
        return int(self.read("lead"))

    def topology_hash(self, *, block: Block = LATEST) -> bytes:
        """Return the hash of the network model in force; zero bytes if none was set."""
        return bytes(self.read("topologyHash", block=block))

    def publish_many_data(self, grid_data: Mapping[SlotNumber, GridData]) -> bytes:
        """Return the call that publishes for several slots."""
        return self.call_data("publishMany", list(grid_data), [each.pack() for each in grid_data.values()])
