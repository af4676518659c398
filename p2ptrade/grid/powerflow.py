"""What every power-flow engine takes and gives, so that two of them can be asked the same question.

Injections are those of the connections, in W and var, generation positive; results are per terminal: a node
and a phase (three for each node of a three-phase network, one of a symmetric one), nodes and branches in the
network's order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from p2ptrade.errors import InputError
from p2ptrade.grid.network import Network, Wires

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Complexes = NDArray[np.complexfloating[Any, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Results of a batch, one row per scenario.

    `voltage_pu` by terminal; `current_a` by branch and phase, the larger of the two ends; `loading` is the
    current over the rating; `loss_w` and `source_w` (what the network takes from its source) are totals.
    Where `converged` is false the other numbers mean nothing, and the scenario is unsafe.
    """

    voltage_pu: Floats
    current_a: Floats
    loading: Floats
    loss_w: Floats
    source_w: Floats
    converged: Flags


class PowerFlow(Protocol):
    """An engine that is set up for one network."""

    @property
    def name(self) -> str:
        """Return the name of the engine, for reports."""
        ...

    def solve(self, injection_w: Floats, injection_var: Floats) -> Flow:
        """Return the flow of each scenario; both arrays are scenarios x connections."""
        ...


def phases(network: Network) -> int:
    """Return how many phases are solved for."""
    return 3 if network.wires is Wires.THREE_PHASE else 1


def as_batch(network: Network, injection_w: Floats, injection_var: Floats | None) -> tuple[Floats, Floats]:
    """Return active and reactive injections as scenarios x connections.

    Without reactive ones, each connection's net withdrawal carries its own power factor and its net injection
    none.

    Raises:
        InputError: the arrays do not fit the network.
    """
    active = np.atleast_2d(np.asarray(injection_w, dtype=np.float64))
    if active.ndim != 2 or active.shape[1] != len(network.connections):
        raise InputError(
            f"injections need one value for each of the {len(network.connections)} connections, not {active.shape}"
        )
    if injection_var is None:
        tan_phi = np.array([connection.tan_phi for connection in network.connections])
        return active, np.minimum(active, 0.0) * tan_phi
    reactive = np.atleast_2d(np.asarray(injection_var, dtype=np.float64))
    if reactive.shape != active.shape:
        raise InputError(f"reactive injections have the shape {reactive.shape} and must have {active.shape}")
    return active, reactive
