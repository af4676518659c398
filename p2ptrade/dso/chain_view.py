"""The grid operator's view of the chain: limits, ledger, registry and auction of one market."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from p2ptrade.chain.deployed import Market
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.meter_point import meter_point_hash
from p2ptrade.domain.participant import AccountState, CoverRules
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.dso.ports import Call


@dataclass
class MarketView:
    """Reads what the grid operator needs.

    With the `salt` of meter points, a participant's connection is the one whose identification its registered meter
    point hides; without it, participants are behind the connections in the order of their admission.
    """

    market: Market
    connection_ids: tuple[str, ...]
    salt: bytes | None = None
    _read_up_to: int = -1
    _connections: dict[AccountId, int] = field(default_factory=dict)

    def now_s(self) -> int:
        """Return chain time."""
        return self.market.client.now_s()

    def accounts(self, accounts: Sequence[AccountId]) -> Mapping[AccountId, AccountState]:
        """Return the ledger accounts that exist among those asked for."""
        return self.market.ledger.accounts(accounts)

    def cover_rules(self) -> CoverRules:
        """Return what an order must be covered with."""
        return self.market.auction.cover_rules()

    def connections(self) -> Mapping[AccountId, int]:
        """Return the participants with the number of the connection behind which each is."""
        head = self.market.client.head().number
        if head > self._read_up_to:
            first = max(self.market.first_block, self._read_up_to + 1)
            for account, admission in self.market.registry.admissions(first=first, last=head).items():
                number = self._connection(admission.meter_point)
                if number is not None:
                    self._connections[account] = number
            self._read_up_to = head
        return self._connections

    def published(self, slot: SlotNumber) -> GridData | None:
        """Return what was published for a slot."""
        return self.market.grid_limits.published(slot, first=self.market.first_block)

    def unpublished(self, slots: Sequence[SlotNumber]) -> list[SlotNumber]:
        """Return those of `slots` for which nothing was published."""
        found = self.market.grid_limits.are_published(list(slots))
        return [slot for slot in slots if not found[slot]]

    def topology_hash(self) -> bytes:
        """Return the hash of the network model that the chain names."""
        return self.market.grid_limits.topology_hash()

    def publish_call(self, grid_data: Mapping[SlotNumber, GridData]) -> Call:
        """Return the call that publishes for slots."""
        limits = self.market.grid_limits
        return Call(limits.address, limits.publish_many_data(grid_data))

    def topology_call(self, topology_hash: bytes) -> Call:
        """Return the call that names the network model."""
        limits = self.market.grid_limits
        return Call(limits.address, limits.call_data("setTopology", topology_hash))

    def _connection(self, meter_point: bytes) -> int | None:
        """Return the number of the connection that a registered meter point is at."""
        if self.salt is None:
            number = len(self._connections)
            return number if number < len(self.connection_ids) else None
        return self._by_meter_point.get(meter_point)

    @cached_property
    def _by_meter_point(self) -> Mapping[bytes, int]:
        if self.salt is None:
            return {}
        return {meter_point_hash(each, self.salt): number for number, each in enumerate(self.connection_ids)}
