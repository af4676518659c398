"""What an account bought or sold in a slot, with the money that waits in escrow for the settlement."""

from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh
from p2ptrade.errors import InputError

ENERGY_MAX: Final = 2**31 - 1
AMOUNT_MAX: Final = 2**56 - 1


@dataclass(frozen=True, slots=True)
class Position:
    """A filled account: energy bought positive, sold negative, in Wh; amounts in micro-credits.

    `locked_micro` is what the account gave at the clearing and gets back if the slot is never settled: a buyer's
    payment, a seller's collateral. `release_micro` is what the settlement credits: nothing to a buyer, revenue and
    collateral to a seller.

    Raises:
        InputError: a number does not fit its field in the contract.
    """

    account: AccountId
    energy_wh: EnergyWh
    locked_micro: AmountMicro
    release_micro: AmountMicro

    def __post_init__(self) -> None:
        if not -ENERGY_MAX <= self.energy_wh <= ENERGY_MAX:
            raise InputError(f"a position holds at most {ENERGY_MAX} Wh, not {self.energy_wh}")
        for name in ("locked_micro", "release_micro"):
            if not 0 <= getattr(self, name) <= AMOUNT_MAX:
                raise InputError(f"{name} must be from 0 to {AMOUNT_MAX} micro-credits, not {getattr(self, name)}")

    @property
    def bought_wh(self) -> EnergyWh:
        """Return the energy bought, in Wh."""
        return EnergyWh(max(self.energy_wh, 0))

    @property
    def sold_wh(self) -> EnergyWh:
        """Return the energy sold, in Wh."""
        return EnergyWh(max(-self.energy_wh, 0))

    @property
    def revenue_micro(self) -> AmountMicro:
        """Return what the seller earns when it delivers; nothing for a buyer."""
        return AmountMicro(self.release_micro - self.locked_micro if self.energy_wh < 0 else 0)
