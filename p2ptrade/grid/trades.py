"""Curtailment of trades: which part of each trade of a slot the network can carry on top of a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2ptrade.errors import InputError
from p2ptrade.grid.curtail import CutRequest, CutResult, curtail
from p2ptrade.grid.cuts import Objective
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Floats
from p2ptrade.grid.verdict import NO_MARGIN, Margins

LEAST_FEE_MICRO_PER_KWH = 1_000.0


@dataclass(frozen=True, slots=True)
class Trade:
    """Energy in Wh that `seller` feeds in and `buyer` draws (indices of connections), and the congestion fee."""

    seller: int
    buyer: int
    energy_wh: int
    fee_micro_per_kwh: int = 0

    def __post_init__(self) -> None:
        if self.energy_wh <= 0 or self.fee_micro_per_kwh < 0 or min(self.seller, self.buyer) < 0:
            raise InputError("a trade needs two connections, energy above zero and a fee of at least zero")


def curtail_trades(
    network: Network,
    trades: Sequence[Trade],
    baseline_wh: Floats | None = None,
    *,
    objective: Objective = Objective.FEE_WEIGHTED,
    margins: Margins = NO_MARGIN,
) -> CutResult:
    """Return the least cuts of the trades, in whole Wh, that make the slot safe.

    By default least is the sum of (fee + a small constant) x energy x (share cut) squared. Who does not load a binding
    element is not cut.
    """
    return curtail(
        network, trade_request(network, trades, baseline_wh, objective), objective=objective, margins=margins
    )


def trade_request(
    network: Network, trades: Sequence[Trade], baseline_wh: Floats | None, objective: Objective
) -> CutRequest:
    """Return the request that may cut each trade down to nothing."""
    size = len(network.connections)
    baseline = np.zeros(size) if baseline_wh is None else np.asarray(baseline_wh, dtype=np.float64)
    energy = np.array([trade.energy_wh for trade in trades], dtype=np.float64)
    incidence = np.zeros((size, len(trades)))
    for number, trade in enumerate(trades):
        incidence[trade.seller, number] += 1.0
        incidence[trade.buyer, number] -= 1.0
    fees = np.array([trade.fee_micro_per_kwh for trade in trades], dtype=np.float64) + LEAST_FEE_MICRO_PER_KWH
    weight = {
        Objective.MERIT_ORDER: fees,
        Objective.WHOLE: fees,
        Objective.FEE_WEIGHTED: fees / energy,
        Objective.PROPORTIONAL: 1.0 / energy,
    }[objective]
    return CutRequest(
        injection_wh=baseline + incidence @ energy,
        incidence=incidence,
        weight=weight,
        most_wh=energy.astype(np.int64),
    )
