"""What was metered of every account in a slot, beside its position, and the totals of a slot."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from p2ptrade.domain.position import Position
from p2ptrade.domain.units import U32_MAX, AccountId, AmountMicro, EnergyWh
from p2ptrade.errors import InputError

NO_ENERGY: Final = EnergyWh(0)
NO_MONEY: Final = AmountMicro(0)
CAPACITY_WH_PER_KW: Final = 300
"""Most energy in a slot per kW of connection: a quarter of an hour at full power and a fifth on top."""


@dataclass(frozen=True, slots=True)
class MeteredAccount:
    """An account in a slot: metered net energy (withdrawn positive), its position if any, and what is known of both."""

    account: AccountId
    metered_wh: EnergyWh
    position: Position | None = None
    estimated: bool = False
    breach_wh: EnergyWh = NO_ENERGY

    def __post_init__(self) -> None:
        if not -(2**31) <= self.metered_wh < 2**31:
            raise InputError(f"metered energy must fit 32 bits, {self.metered_wh} Wh does not")
        if not 0 <= self.breach_wh <= U32_MAX:
            raise InputError(f"breach_wh must be from 0 to {U32_MAX}, not {self.breach_wh}")
        if self.position is not None and self.position.account != self.account:
            raise InputError(f"account {self.account} cannot have the position of account {self.position.account}")

    @property
    def imbalance_wh(self) -> EnergyWh:
        """Return metered energy minus position, in Wh: positive is short."""
        return EnergyWh(self.metered_wh - (self.position.energy_wh if self.position else 0))

    @property
    def given_wh(self) -> EnergyWh:
        """Return what the account delivered of what it sold, in Wh."""
        return EnergyWh(min(self.position.sold_wh, max(0, -self.metered_wh)) if self.position else 0)

    @property
    def taken_wh(self) -> EnergyWh:
        """Return what the account withdrew of what it bought, in Wh."""
        return EnergyWh(min(self.position.bought_wh, max(0, self.metered_wh)) if self.position else 0)


@dataclass(frozen=True, slots=True)
class SlotTotals:
    """Sums over the accounts of a slot, in Wh.

    `net` is metered energy (withdrawn positive), `given` what sellers delivered of what they sold, `taken` what buyers
    withdrew of what they bought, and `delivered` is `given` without what was only estimated.
    """

    net_wh: EnergyWh
    given_wh: EnergyWh
    taken_wh: EnergyWh
    delivered_wh: EnergyWh

    @classmethod
    def of(cls, accounts: Iterable[MeteredAccount]) -> Self:
        """Return the totals of a slot."""
        net = given = taken = delivered = 0
        for account in accounts:
            net += account.metered_wh
            taken += account.taken_wh
            own_given = account.given_wh
            given += own_given
            if not account.estimated:
                delivered += own_given
        return cls(EnergyWh(net), EnergyWh(given), EnergyWh(taken), EnergyWh(delivered))

    @property
    def matched_wh(self) -> EnergyWh:
        """Return the traded energy that both sides kept to: the smaller of given and taken."""
        return min(self.given_wh, self.taken_wh)


@dataclass(frozen=True, slots=True)
class ClearedSlot:
    """What the clearing left for the settlement: energy traded, and what charges, fee and rent come to."""

    bought_wh: EnergyWh = NO_ENERGY
    network_micro: AmountMicro = NO_MONEY
    fee_micro: AmountMicro = NO_MONEY
    rent_micro: AmountMicro = NO_MONEY
