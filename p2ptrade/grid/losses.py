"""Losses of a slot shared over the connections, by a choice of four rules; the parts sum to the total in Wh.

Parts follow what connections draw and feed in, not what they traded, so that neither splitting nor faking
trades changes them. Pro rata: by energy either way. Socialised: by energy drawn. Marginal, reconciled: by p
dL/dp at the AC operating point, which for quadratic losses is twice the loss (Euler), scaled back.
Branch-current decomposition: Re(conj(I_k) sum of R_b I_b over the path of k) (Carpaneto, Chicco and
Akilimali, "Branch current decomposition method for loss allocation in radial distribution systems with
distributed generation", IEEE Trans. Power Systems 21(3), 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from p2ptrade.domain.units import EnergyWh
from p2ptrade.errors import GridError
from p2ptrade.grid.admittance import series_impedance
from p2ptrade.grid.curtail import W_PER_WH
from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Complexes, Floats, phases
from p2ptrade.grid.sensitivity import sensitivity
from p2ptrade.grid.shares import split_exactly


class LossRule(StrEnum):
    """By what losses are shared."""

    PRO_RATA = "pro_rata"
    SOCIALISED = "socialised"
    MARGINAL = "marginal"
    BRANCH_CURRENT = "branch_current"


def slot_losses(network: Network, injection_wh: Sequence[int]) -> EnergyWh:
    """Return the series losses of a slot of constant power in whole Wh, rounded to the nearest, by AC power
    flow.

    Raises:
        GridError: the power flow has no solution.
    """
    _, branch, _ = _currents(network, injection_wh)
    return EnergyWh(round(float(_series_losses(network, branch).sum()) / W_PER_WH))


def allocate_losses(
    network: Network, injection_wh: Sequence[int], rule: LossRule, total: EnergyWh | None = None
) -> tuple[int, ...]:
    """Return each connection's part of the losses in Wh; credits are negative.

    `total` is the metered or computed loss of the slot; without it, the AC power flow's.

    Raises:
        GridError: the power flow has no solution.
    """
    energy = slot_losses(network, injection_wh) if total is None else total
    weights = loss_weights(network, injection_wh, rule)
    if energy == 0 or not weights.any():
        return (0,) * len(injection_wh)
    return split_exactly(energy, [float(weight) for weight in weights])


def loss_weights(network: Network, injection_wh: Sequence[int], rule: LossRule) -> Floats:
    """Return the weights by which a rule shares losses; those of the two physical rules are in W."""
    injection = np.asarray(injection_wh, dtype=np.float64)
    match rule:
        case LossRule.PRO_RATA:
            return np.abs(injection)
        case LossRule.SOCIALISED:
            return np.maximum(-injection, 0.0)
        case LossRule.MARGINAL:
            power = injection * W_PER_WH
            return power * sensitivity(network, power).loss_per_w / 2
        case LossRule.BRANCH_CURRENT:
            return _branch_current_parts(network, injection_wh)


def _currents(network: Network, injection_wh: Sequence[int]) -> tuple[Complexes, Complexes, Complexes]:
    """Return the current of each connection by phase, of each branch by phase (ampere), and the loaded voltages."""
    engine = fixed_point(network)
    model = engine.model
    power = np.asarray(injection_wh, dtype=np.float64) * W_PER_WH
    voltage, current, converged = engine.currents(power)
    if not converged[0]:
        raise GridError("losses cannot be shared where the power flow has no solution")
    count, size = phases(network), len(network.branches)
    branch = (model.no_load_branch + model.branch_map @ current[0])[: size * count].reshape(size, count)
    tan_phi = np.array([connection.tan_phi for connection in network.connections])
    complex_power = power + 1j * np.minimum(power, 0.0) * tan_phi
    own = np.conj(complex_power[:, None] * model.share / voltage[0]) / network.phase_voltage_v
    by_phase = np.zeros((len(power), count), dtype=np.complex128)
    np.add.at(by_phase.T, model.loaded % count, own.T)
    return by_phase, branch, voltage[0]


def _series_losses(network: Network, branch_current: Complexes) -> Floats:
    """Return the losses in the series impedance of each branch, W."""
    count = phases(network)
    multiple = 3 if count == 1 else 1
    losses = [
        multiple * float((np.conj(current) @ series_impedance(branch, count) @ current).real)
        for branch, current in zip(network.branches, branch_current, strict=True)
    ]
    return np.array(losses)


def _branch_current_parts(network: Network, injection_wh: Sequence[int]) -> Floats:
    own, branch, _ = _currents(network, injection_wh)
    count = phases(network)
    multiple = 3 if count == 1 else 1
    drop = np.array(
        [series_impedance(b, count).real @ current for b, current in zip(network.branches, branch, strict=True)]
    )
    parts = np.zeros(len(own))
    for number, connection in enumerate(network.connections):
        node = connection.node
        while (towards := network.parent_branch[node]) >= 0:
            outward = 1.0 if network.branches[towards].to_node == node else -1.0
            parts[number] -= multiple * outward * float((np.conj(own[number]) @ drop[towards]).real)
            node = network.parent_node[node]
    return parts
