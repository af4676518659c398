"""Cuts that hold under forecast errors: margins grow until few enough sampled slots break a limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from p2ptrade.domain.units import PPM
from p2ptrade.grid.curtail import W_PER_WH, CutRequest, CutResult, curtail, plans_after
from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Floats, Flow
from p2ptrade.grid.schedule import Rules
from p2ptrade.grid.verdict import Margins, limited_terminals, limits, unsafe_scenarios

MARGIN_ROUNDS: Final = 8
MARGIN_GROWTH: Final = 1.1


def robust_cuts(
    network: Network, request: CutRequest, noise_wh: Floats, rules: Rules
) -> tuple[CutResult, tuple[int, int]]:
    """Return cuts after which the cases are safe and few enough sampled slots are not; margins grow until
    they are.

    In the samples a connection that is cut keeps to its envelope, so its error is one-sided. Where the
    margins cannot grow enough the result is not safe.
    """
    margins = Margins()
    before = _worst(network, [plan + noise_wh for plan in plans_after(request, np.zeros(len(request.weight)))])[1]
    result = curtail(network, request, objective=rules.objective)
    if result.safe and not result.cut_wh.any() and before <= rules.violation_ppm:
        return result, (before, before)
    for _ in range(MARGIN_ROUNDS):
        number, after = _worst(network, _sampled_within(request, result, noise_wh))
        if after <= rules.violation_ppm or not result.safe:
            return result, (before, after)
        needed = _wider(network, request, result, noise_wh, number, rules)
        margins = Margins(max(margins.voltage_pu, needed.voltage_pu), max(margins.loading, needed.loading))
        result = curtail(network, request, objective=rules.objective, margins=margins)
    _, after = _worst(network, _sampled_within(request, result, noise_wh))
    return replace(result, safe=result.safe and after <= rules.violation_ppm), (before, after)


def _sampled_within(request: CutRequest, result: CutResult, noise_wh: Floats) -> list[Floats]:
    """Return the sampled injections of each plan after the cuts; those who are cut keep to what is left to them."""
    plans = plans_after(request, result.cut_wh)
    left, cut = plans[0], result.cut_wh > 0
    highest = np.where(cut & (left > 0), left, np.inf)
    lowest = np.where(cut & (left < 0), left, -np.inf)
    return [np.clip(plan + noise_wh, lowest, highest) for plan in plans]


def _worst(network: Network, sampled: list[Floats]) -> tuple[int, int]:
    """Return which plan has most unsafe samples, and how many of its samples are, in ppm."""
    shares = []
    for injections_wh in sampled:
        unsafe = unsafe_scenarios(network, fixed_point(network).solve(injections_wh * W_PER_WH))
        shares.append(int(unsafe.sum()) * PPM // len(injections_wh))
    worst = max(range(len(shares)), key=lambda number: (shares[number], -number))
    return worst, shares[worst]


def _wider(
    network: Network, request: CutRequest, result: CutResult, noise_wh: Floats, plan: int, rules: Rules
) -> Margins:
    """Return margins that demand more room than a plan has after these cuts, by what its sample exceeds the limits by
    at the quantile that may be exceeded.

    Room is counted from the plan and not from the margins before: a plan that has more than them by itself would else
    not be moved.
    """
    flow = fixed_point(network).solve(plans_after(request, result.cut_wh)[plan] * W_PER_WH)
    sampled = fixed_point(network).solve(_sampled_within(request, result, noise_wh)[plan] * W_PER_WH)
    own, found = _excess(network, flow), _excess(network, sampled)
    at = len(noise_wh) - 1 - len(noise_wh) * rules.violation_ppm // PPM
    grown = []
    for room, excess in zip(own, found, strict=True):
        beyond = float(np.sort(excess)[at])
        grown.append(MARGIN_GROWTH * beyond - float(room[0]) if beyond > 0 else 0.0)
    return Margins(*grown)


def _excess(network: Network, flow: Flow) -> tuple[Floats, Floats]:
    """Return for every scenario how far the worst voltage is beyond its limit (pu), and the highest loading."""
    low, high, loading = limits(network)
    voltage = flow.voltage_pu[:, limited_terminals(network)]
    return np.maximum(voltage - high, low - voltage).max(axis=1), (flow.loading - loading).max(axis=1)
