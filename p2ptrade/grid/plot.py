"""One-line diagram of a network, nodes coloured by voltage and branches by loading, as SVG or PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from p2ptrade.errors import InputError
from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Floats, phases
from p2ptrade.grid.zones import connections_below


def plot_network(
    network: Network,
    path: Path,
    injection_w: Floats,
    injection_var: Floats | None = None,
    *,
    full_loading: float = 1.0,
) -> None:
    """Draw the network under one set of injections; the worst phase counts, and what breaks a limit is ringed.

    The colours of loading end at `full_loading` (current over rating), or at the highest one if that is more.

    Raises:
        InputError: the file name ends in neither .svg nor .png, or the power flow has no solution.
    """
    if path.suffix.lower() not in {".svg", ".png"}:
        raise InputError(f"a drawing's name must end in .svg or .png, not {path.name!r}")
    flow = fixed_point(network).solve(injection_w, injection_var)
    if not flow.converged[0]:
        raise InputError(f"the power flow of {network.name} has no solution for these injections, nothing to draw")
    count = phases(network)
    voltage = _worst(flow.voltage_pu[0].reshape(-1, count), (network.voltage_min_pu + network.voltage_max_pu) / 2)
    loading = flow.loading[0].reshape(-1, count).max(axis=1)
    _draw(network, path, voltage, loading, full_loading)


def _worst(voltage: Floats, middle: float) -> Floats:
    at = np.abs(voltage - middle).argmax(axis=1)
    worst: Floats = voltage[np.arange(len(voltage)), at]
    return worst


def _draw(network: Network, path: Path, voltage: Floats, loading: Floats, full_loading: float) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.collections import LineCollection

    matplotlib.rcParams["svg.hashsalt"] = "p2ptrade"
    place = layout(network)
    figure, axes = plt.subplots(figsize=(11, 7), layout="constrained")
    segments = [(place[branch.from_node], place[branch.to_node]) for branch in network.branches]
    lines = LineCollection(segments, cmap="YlOrRd", linewidths=2.5, zorder=1)
    lines.set_array(100 * loading)
    lines.set_clim(0, 100 * max(full_loading, float(loading.max())))
    axes.add_collection(lines)
    overloaded = [segment for segment, value in zip(segments, loading, strict=True) if not value <= 1.0]
    axes.add_collection(LineCollection(overloaded, colors="black", linewidths=6.0, zorder=0))
    at = np.array([connection.node for connection in network.connections])
    dots = axes.scatter(
        place[:, 0],
        place[:, 1],
        c=voltage,
        s=np.where(np.isin(np.arange(len(place)), at), 46, 14),
        cmap="coolwarm",
        vmin=network.voltage_min_pu,
        vmax=network.voltage_max_pu,
        edgecolors="black",
        linewidths=0.4,
        zorder=2,
    )
    beyond = ~((voltage >= network.voltage_min_pu) & (voltage <= network.voltage_max_pu))
    axes.scatter(place[beyond, 0], place[beyond, 1], s=130, facecolors="none", edgecolors="black", linewidths=1.5)
    source = place[network.source_node]
    axes.scatter([source[0]], [source[1]], marker="s", s=110, color="black", zorder=3)
    axes.annotate("source", (float(source[0]), float(source[1])), textcoords="offset points", xytext=(8, 8))
    figure.colorbar(dots, ax=axes, label="voltage, per unit", shrink=0.8)
    figure.colorbar(lines, ax=axes, label="loading, % of rating", shrink=0.8)
    axes.set_title(f"{network.name}: {voltage.min():.4f} to {voltage.max():.4f} pu, loading up to {loading.max():.1%}")
    axes.set_axis_off()
    axes.autoscale()
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else {}
    figure.savefig(path, dpi=150, metadata=metadata)
    plt.close(figure)


def layout(network: Network) -> Floats:
    """Return a place for every node: its own on the plan if all have one, else a tidy tree from left to right."""
    if all(node.x_m is not None and node.y_m is not None for node in network.nodes):
        return np.array([(node.x_m, node.y_m) for node in network.nodes], dtype=np.float64)
    children: list[list[int]] = [[] for _ in network.nodes]
    for node in network.order_from_source[1:]:
        children[network.parent_node[node]].append(node)
    below = connections_below(network)
    place = np.zeros((len(network.nodes), 2))
    rows = 0
    stack = [(network.source_node, 0)]
    while stack:
        node, depth = stack.pop()
        place[node] = depth, -rows
        if not children[node]:
            rows += 1
        ordered = sorted(children[node], key=lambda child: (below[network.parent_branch[child]], child))
        stack += [(child, depth + 1) for child in reversed(ordered)]
    return place
