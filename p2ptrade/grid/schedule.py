"""What a decision on a slot starts from: the plans of all connections, and the rules of the check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.units import PPM, AccountId, SlotNumber
from p2ptrade.errors import InputError
from p2ptrade.grid.cuts import Objective


@dataclass(frozen=True, slots=True)
class Rules:
    """Parameters of the check.

    At most `violation_ppm` of `samples` sampled slots may be unsafe; trades of `delivery_wh` and more must be
    safe to fail; no connection is cut below `floor_wh` (4.2 kW, cf. German Energy Act section 14a); `rounds`
    of the auction.
    """

    violation_ppm: int = 10_000
    samples: int = 200
    delivery_wh: int = 2_500
    floor_wh: int = 1_050
    rounds: int = 3
    objective: Objective = Objective.FEE_WEIGHTED

    def __post_init__(self) -> None:
        if not 0 <= self.violation_ppm < PPM or self.samples < 1 or self.floor_wh < 0 or self.rounds < 1:
            raise InputError("the rules of the grid check need a share below one, a sample, a floor and a round")


DEFAULT_RULES: Final = Rules()


@dataclass(frozen=True, slots=True)
class SlotSchedule:
    """What every connection plans for a slot, in the network's order; energy in Wh.

    `scheduled_wh` is the net injection (fed in positive) with trades, own use and the retailer's part in it;
    `traded_wh` the position in the auction (sold positive); `fee_micro_per_kwh` the congestion fee offered
    for not being cut; `error_wh` the standard deviation of the forecast; `account` the ledger account of the
    connection. `forecast_wh` is the net injection that is expected whatever the auction decides: a connection may
    end up anywhere between it and its position. Empty, it is what is scheduled.
    """

    slot: SlotNumber
    account: tuple[AccountId, ...]
    scheduled_wh: tuple[int, ...]
    traded_wh: tuple[int, ...]
    error_wh: tuple[int, ...]
    fee_micro_per_kwh: tuple[int, ...] = ()
    forecast_wh: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.account)
        for name in ("scheduled_wh", "traded_wh", "error_wh"):
            if len(getattr(self, name)) != size:
                raise InputError(f"{name} has {len(getattr(self, name))} values for {size} connections")
        if self.fee_micro_per_kwh and len(self.fee_micro_per_kwh) != size:
            raise InputError(f"fee_micro_per_kwh has {len(self.fee_micro_per_kwh)} values for {size} connections")
        if self.forecast_wh and len(self.forecast_wh) != size:
            raise InputError(f"forecast_wh has {len(self.forecast_wh)} values for {size} connections")
        if len(set(self.account)) != size:
            raise InputError("two connections have the same account")

    @property
    def fees(self) -> tuple[int, ...]:
        """Return the congestion fee of every connection; zero where none was named."""
        return self.fee_micro_per_kwh or (0,) * len(self.account)
