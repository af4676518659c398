"""A decision of the grid operator as it is kept: what was decided on a result, why, and on which inputs."""

from dataclasses import dataclass
from typing import NamedTuple

from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber

APPROVED = "approved"


class Bounds(NamedTuple):
    """The most that an account may draw from and feed into the grid in a slot, in Wh."""

    account: AccountId
    import_wh: EnergyWh
    export_wh: EnergyWh


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """What was decided on a result; the hashes identify book, prices, limits and everything that was decided on.

    `grid_data` are the packed limits that the result keeps, empty in a log older than this field.
    """

    slot: SlotNumber
    round_number: int
    book_hash: bytes
    prices_hash: bytes
    grid_hash: bytes
    input_hash: bytes
    outcome: str
    envelope_root: bytes
    envelopes: tuple[Bounds, ...]
    explanation: tuple[str, ...]
    decided_at_s: EpochSeconds
    grid_data: bytes = b""
