"""Line limits of the zones for a slot: how many Wh the market may move over each zone's line, each way.

A line carries what flows whatever the market decides (the base, with its forecast error) and what the market
adds. The market's part is what is left of the rating, and of the voltage band, at a quantile of sampled
errors: in a share of at most `violation_ppm` of the samples the line would be exceeded with the market at its
limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from p2ptrade.domain.grid_data import ROOT, ZoneLimits
from p2ptrade.domain.units import PPM, U32_MAX, EnergyWh, ZoneId
from p2ptrade.errors import InputError
from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Floats
from p2ptrade.grid.verdict import NO_MARGIN, Margins, unsafe_scenarios
from p2ptrade.grid.zones import ZonePlan

W_PER_WH: Final = 4.0
STEPS: Final = 64


@dataclass(frozen=True, slots=True)
class Forecast:
    """Net injection of every connection in a slot that the market does not decide, and its error, in Wh.

    `base_wh` is positive where energy is fed in; `error_wh` is the standard deviation.
    """

    base_wh: tuple[int, ...]
    error_wh: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.base_wh) != len(self.error_wh) or any(error < 0 for error in self.error_wh):
            raise InputError("a forecast needs one base and one error of at least zero for each connection")


def no_forecast(network: Network) -> Forecast:
    """Return the forecast of a network in which the market decides everything."""
    nothing = (0,) * len(network.connections)
    return Forecast(nothing, nothing)


def sample_injections_wh(forecast: Forecast, samples: int, seed: int) -> Floats:
    """Return sampled net injections in Wh, normal errors, the same for the same seed."""
    noise = np.random.default_rng(seed).standard_normal((samples, len(forecast.base_wh)))
    result: Floats = np.array(forecast.base_wh) + noise * np.array(forecast.error_wh)
    return result


def zone_limits(
    network: Network,
    plan: ZonePlan,
    forecast: Forecast | None = None,
    *,
    violation_ppm: int = 10_000,
    samples: int = 200,
    seed: int = 0,
    margins: Margins = NO_MARGIN,
) -> tuple[ZoneLimits, ...]:
    """Return the limits of every zone's line in Wh per slot; the root has none.

    Raises:
        InputError: the forecast does not fit the network.
    """
    forecast = forecast or no_forecast(network)
    if len(forecast.base_wh) != len(network.connections):
        raise InputError(
            f"the forecast has {len(forecast.base_wh)} connections, the network {len(network.connections)}"
        )
    drawn = sample_injections_wh(forecast, samples, seed)
    limits = [ROOT]
    for zone in range(1, plan.zones):
        members = plan.members(zone)
        rating_w = _rating_w(network, plan.branch[zone]) * (1.0 - margins.loading)
        flow_w = drawn[:, members].sum(axis=1) * W_PER_WH
        export_w = rating_w - _upper(flow_w, violation_ppm)
        import_w = rating_w - _upper(-flow_w, violation_ppm)
        export_w = _within_voltage(network, members, drawn, export_w, margins, violation_ppm)
        import_w = _within_voltage(network, members, drawn, -import_w, margins, violation_ppm)
        limits.append(ZoneLimits(ZoneId(plan.parent[zone]), _whole_wh(import_w), _whole_wh(export_w)))
    return tuple(limits)


def _rating_w(network: Network, branch: int) -> float:
    """Return the power at nominal voltage of a branch at its rating, all phases together."""
    return 3 * network.phase_voltage_v * network.branches[branch].rating_a * network.voltage_min_pu


def _upper(values: Floats, violation_ppm: int) -> float:
    """Return the value that at most `violation_ppm` of the sample exceeds."""
    ordered = np.sort(values)
    beyond = len(ordered) * violation_ppm // PPM
    return float(ordered[len(ordered) - 1 - beyond])


def _within_voltage(
    network: Network, members: Sequence[int], drawn: Floats, power_w: float, margins: Margins, violation_ppm: int
) -> float:
    """Return the largest part of a zone's power, up to `power_w`, that is safe, spread over its connections
    by capacity.

    The AC power flow is run for `STEPS` fractions at the sample's median, and the fraction is then checked on
    the whole sample and lowered while more than `violation_ppm` of it is unsafe.
    """
    if power_w == 0 or not members:
        return abs(power_w)
    share = np.zeros(len(network.connections))
    share[list(members)] = [network.connections[member].capacity_w for member in members]
    share /= share.sum()
    base = np.median(drawn, axis=0) * W_PER_WH
    fractions = np.arange(STEPS, 0, -1) / STEPS
    flow = fixed_point(network).solve(base + np.outer(fractions * power_w, share))
    safe = ~unsafe_scenarios(network, flow, margins)
    for fraction in fractions[safe]:
        flow = fixed_point(network).solve(drawn * W_PER_WH + fraction * power_w * share)
        if int(unsafe_scenarios(network, flow, margins).sum()) * PPM <= violation_ppm * len(drawn):
            return abs(power_w) * float(fraction)
    return 0.0


def _whole_wh(power_w: float) -> EnergyWh:
    return EnergyWh(min(U32_MAX, max(0, int(power_w // W_PER_WH))))
