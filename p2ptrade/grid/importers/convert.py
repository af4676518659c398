"""One door to the importers: `simbench:CODE`, `pandapower:FILE.json`, `opendss:FILE.dss`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p2ptrade.errors import InputError
from p2ptrade.grid.importers.opendss import document_from_opendss
from p2ptrade.grid.importers.pandapower import bus_name, document_from_pandapower
from p2ptrade.grid.importers.simbench import convert
from p2ptrade.grid.network_file import parse_network
from p2ptrade.grid.resources import check_schema


def convert_source(source: str, default_rating_a: float | None) -> dict[str, Any]:
    """Return our document of a network named as KIND:NAME, checked as if it had been read from a file.

    Raises:
        InputError: an unknown kind, a missing file, or what our format cannot say.
        GridError: an element that cannot be solved or has no limit.
        ImportError: the package that reads it is not installed.
    """
    kind, _, name = source.partition(":")
    if kind == "simbench":
        document = convert(name, f"simbench-{name}", {})[0]
    elif kind == "pandapower":
        document = _pandapower_file(_existing(name), default_rating_a)
    elif kind == "opendss":
        path = _existing(name)
        document = document_from_opendss(path, name=path.stem, source=f"OpenDSS script {path.name}", licence="unknown")
    else:
        raise InputError(f"a source looks like simbench:CODE, pandapower:FILE.json or opendss:FILE.dss, not {source!r}")
    check_schema(document, "network")
    parse_network(document)
    return document


def _existing(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise InputError(f"there is no file {name!r}")
    return path


def _pandapower_file(path: Path, default_rating_a: float | None) -> dict[str, Any]:
    import pandapower  # type: ignore[import-not-found, unused-ignore]

    net = pandapower.from_json(str(path))
    if len(net.asymmetric_load):
        raise InputError("asymmetric loads have no phase of their own; name the connections in a script instead")
    connections = [
        {
            "id": f"load {number}",
            "node": bus_name(net, int(load.bus)),
            "phase": "abc",
            "capacity_w": max(1.0, 2e6 * float(load.p_mw)),
            "tan_phi": float(load.q_mvar / load.p_mw) if load.p_mw else 0.0,
        }
        for number, load in enumerate(net.load.itertuples())
    ]
    return document_from_pandapower(
        net,
        name=path.stem,
        source=f"pandapower file {path.name}; connections of twice the load are assumed",
        licence="unknown",
        wires="symmetric",
        connections=connections,
        voltage_limits_pu=(0.9, 1.1),
        default_rating_a=default_rating_a,
    )
