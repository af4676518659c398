"""What a wallet needs from outside: the relay, and a durable place for its orders."""

from collections.abc import Sequence
from typing import Protocol

from p2ptrade.domain.sealed import OwnOrder
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.transport.schemas.market import OpeningOutcomes, OpeningsMessage, SealOutcomes, SealsMessage


class RelayPort(Protocol):
    """Where seals and openings go."""

    def send_seals(self, slot: SlotNumber, seals: SealsMessage) -> SealOutcomes:
        """Send sealed orders."""
        ...

    def send_openings(self, slot: SlotNumber, openings: OpeningsMessage) -> OpeningOutcomes:
        """Send openings."""
        ...


class OrderStore(Protocol):
    """Where own orders are kept; durable when a method returns."""

    def add(self, orders: Sequence[OwnOrder]) -> None:
        """Keep new orders."""
        ...

    def update(self, orders: Sequence[OwnOrder]) -> None:
        """Keep what has become of orders."""
        ...

    def orders(
        self,
        *,
        first: SlotNumber | None = None,
        last: SlotNumber | None = None,
        account: AccountId | None = None,
    ) -> list[OwnOrder]:
        """Return orders by slot, account and counter."""
        ...
