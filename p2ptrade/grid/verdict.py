"""The safety of a set of injections: AC power flow by two engines against the limits of the network.

A finding is a value: an unsafe set is a `Verdict` that says which element, phase, value and limit. What
cannot be solved, or what the two engines do not agree on, is unsafe. Comparisons are written so that NaN
fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.network import Network, Wires
from p2ptrade.grid.pgm import second_opinion
from p2ptrade.grid.powerflow import Flags, Floats, Flow, as_batch, phases

AGREEMENT_PU: Final = 1e-6
VIOLATIONS_MAX: Final = 50


class Limit(StrEnum):
    """What a violation breaks."""

    VOLTAGE_LOW = "voltage_low"
    VOLTAGE_HIGH = "voltage_high"
    LOADING = "loading"
    COLLAPSE = "collapse"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True, slots=True)
class Extreme:
    """The worst value of a kind: voltage in per unit, or loading as current over rating, at an element and phase."""

    element: str
    phase: str
    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit that is not kept, and where."""

    kind: Limit
    element: str
    phase: str
    value: float
    limit: float

    def __str__(self) -> str:
        where = f"{self.element}, phase {self.phase}" if self.phase else self.element
        match self.kind:
            case Limit.VOLTAGE_LOW:
                return f"voltage at {where} is {self.value:.4f} pu, below {self.limit:.4f} pu"
            case Limit.VOLTAGE_HIGH:
                return f"voltage at {where} is {self.value:.4f} pu, above {self.limit:.4f} pu"
            case Limit.LOADING:
                return f"{where} carries {self.value:.1%} of its rating, above {self.limit:.1%}"
            case Limit.COLLAPSE:
                return f"the power flow of {where} has no solution: the voltages collapse"
            case Limit.DISAGREEMENT:
                return f"two power-flow engines differ by {self.value:.2e} pu at {where}, more than {self.limit:.0e} pu"


@dataclass(frozen=True, slots=True)
class Margins:
    """How far inside of the limits a set must stay: voltage in per unit, loading as a share of the rating."""

    voltage_pu: float = 0.0
    loading: float = 0.0


NO_MARGIN: Final = Margins()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a set of injections is safe, its extremes, what it breaks (worst first), and its losses in W."""

    safe: bool
    converged: bool
    lowest_voltage: Extreme
    highest_voltage: Extreme
    highest_loading: Extreme
    violations: tuple[Violation, ...]
    loss_w: float
    source_w: float
    engines_differ_pu: float


def check_injections(
    network: Network,
    injection_w: Floats,
    injection_var: Floats | None = None,
    *,
    margins: Margins = NO_MARGIN,
) -> Verdict:
    """Return the verdict on one injection per connection, in W and var, generation positive.

    Without reactive injections each connection's net withdrawal has its own power factor and net generation
    has unity.

    Raises:
        InputError: the arrays do not fit the network.
    """
    active, reactive = as_batch(network, injection_w, injection_var)
    flow = fixed_point(network).solve(active[:1], reactive[:1])
    other = second_opinion(network).solve(active[:1], reactive[:1])
    return _verdict(network, flow, other, margins)


def unsafe_scenarios(network: Network, flow: Flow, margins: Margins = NO_MARGIN) -> Flags:
    """Return for each scenario of a batch whether it breaks a limit or did not converge."""
    low, high, loading = limits(network, margins)
    voltage = flow.voltage_pu[:, limited_terminals(network)]
    with np.errstate(invalid="ignore"):
        inside = (voltage >= low).all(axis=1) & (voltage <= high).all(axis=1)
        inside &= (flow.loading <= loading).all(axis=1) & flow.converged
    unsafe: Flags = ~inside
    return unsafe


def limits(network: Network, margins: Margins = NO_MARGIN) -> tuple[float, float, float]:
    """Return the lowest and highest voltage (pu) and the highest loading that are safe."""
    return (
        network.voltage_min_pu + margins.voltage_pu,
        network.voltage_max_pu - margins.voltage_pu,
        1.0 - margins.loading,
    )


def limited_terminals(network: Network) -> NDArray[np.int64]:
    """Return the terminals whose voltage has limits: all but the source's, which is not ours to keep."""
    count = phases(network)
    terminals = np.arange(len(network.nodes) * count)
    limited: NDArray[np.int64] = terminals[terminals // count != network.source_node]
    return limited


def terminal_name(network: Network, terminal: int) -> tuple[str, str]:
    """Return the node and the phase of a terminal."""
    count = phases(network)
    return _named("node", network.nodes[terminal // count].id), _phase(network, terminal % count)


def branch_name(network: Network, column: int) -> tuple[str, str]:
    """Return the branch and the phase of a column of branch results."""
    count = phases(network)
    branch = network.branches[column // count]
    return _named(branch.kind.value, branch.id), _phase(network, column % count)


def _named(kind: str, name: str) -> str:
    return name if name.lower().startswith(kind) else f"{kind} {name}"


def _phase(network: Network, number: int) -> str:
    return "abc"[number] if network.wires is Wires.THREE_PHASE else ""


def _verdict(network: Network, flow: Flow, other: Flow, margins: Margins) -> Verdict:
    low, high, _ = bounds = limits(network, margins)
    at = limited_terminals(network)
    voltage, loadings = flow.voltage_pu[0, at], flow.loading[0]
    converged = bool(flow.converged[0] and other.converged[0])
    difference = np.abs(voltage - other.voltage_pu[0, at])
    if not converged:
        violations = [Violation(Limit.COLLAPSE, network.name, "", float("nan"), 0.0)]
    else:
        violations = _broken(network, flow, bounds)
        if not difference.max() <= AGREEMENT_PU:
            place = terminal_name(network, int(at[difference.argmax()]))
            violations.insert(0, Violation(Limit.DISAGREEMENT, *place, float(difference.max()), AGREEMENT_PU))
    return Verdict(
        safe=not violations,
        converged=converged,
        lowest_voltage=_extreme(terminal_name(network, int(at[voltage.argmin()])), voltage.min(), low),
        highest_voltage=_extreme(terminal_name(network, int(at[voltage.argmax()])), voltage.max(), high),
        highest_loading=_extreme(branch_name(network, int(loadings.argmax())), loadings.max(), bounds[2]),
        violations=tuple(violations[:VIOLATIONS_MAX]),
        loss_w=float(flow.loss_w[0]),
        source_w=float(flow.source_w[0]),
        engines_differ_pu=float(difference.max()),
    )


def _broken(network: Network, flow: Flow, bounds: tuple[float, float, float]) -> list[Violation]:
    """Return the broken limits, those furthest beyond their limit first."""
    low, high, most = bounds
    limited = limited_terminals(network)
    found: list[tuple[float, Violation]] = []

    def add(kind: Limit, place: tuple[str, str], value: float, limit: float) -> None:
        found.append((abs(value - limit), Violation(kind, *place, value, limit)))

    for at in limited:
        value = float(flow.voltage_pu[0, at])
        if not value >= low:
            add(Limit.VOLTAGE_LOW, terminal_name(network, int(at)), value, low)
        if not value <= high:
            add(Limit.VOLTAGE_HIGH, terminal_name(network, int(at)), value, high)
    for at in np.flatnonzero(~(flow.loading[0] <= most)):
        add(Limit.LOADING, branch_name(network, int(at)), float(flow.loading[0, at]), most)
    return [violation for _, violation in sorted(found, key=lambda item: -item[0])]


def _extreme(place: tuple[str, str], value: float, limit: float) -> Extreme:
    return Extreme(*place, float(value), limit)
