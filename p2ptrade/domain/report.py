"""What oracles report of a slot, and what they keep to make and to prove it."""

from dataclasses import dataclass

from p2ptrade.domain.reading import Registers, SignedReading
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber


@dataclass(frozen=True, slots=True)
class Report:
    """What the oracles sign of a slot. Version 1 settles it, every later one corrects it.

    `readings_root` is the Merkle root over the leaves, `data_hash` the running hash over the pages, `accounts` how many
    are in the pages, `delivered_wh` the metered energy that sellers delivered of what they sold, in Wh.
    """

    slot: SlotNumber
    version: int
    readings_root: bytes
    data_hash: bytes
    accounts: int
    delivered_wh: EnergyWh


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the readings root holds of an account: registers at the end of the slot, energy, how it came about."""

    account: AccountId
    registers: Registers
    metered_wh: EnergyWh
    quality: int


@dataclass(frozen=True, slots=True)
class KeptReport:
    """A report with what it was computed from: the settlement pages (or the page of corrections) and the leaves."""

    report: Report
    pages: tuple[bytes, ...]
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class KeptReading:
    """A reading in the store, with the rules that it breaks."""

    signed: SignedReading
    flags: tuple[str, ...] = ()
