"""Networks as files: what is refused, with element and reason, and what the hash depends on."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from p2ptrade.errors import GridError, InputError
from p2ptrade.grid import load_network, topology_hash
from p2ptrade.grid.network_file import canonical_bytes, parse_network
from p2ptrade.grid.resources import DATA, check_schema, packaged_names


def document() -> dict[str, Any]:
    """Return a network of three nodes in a row, with a connection at each but the source."""
    return {
        "format": "p2ptrade-network/1",
        "name": "row",
        "source": "made by hand",
        "licence": "Apache-2.0",
        "wires": "symmetric",
        "frequency_hz": 50,
        "nominal_voltage_v": 400,
        "source_node": "a",
        "source_voltage_pu": 1.0,
        "voltage_min_pu": 0.9,
        "voltage_max_pu": 1.1,
        "nodes": [{"id": "a"}, {"id": "b"}, {"id": "c"}],
        "lines": [
            {"id": "ab", "from": "a", "to": "b", "r1_ohm": 0.1, "x1_ohm": 0.05, "rating_a": 100},
            {"id": "bc", "from": "b", "to": "c", "r1_ohm": 0.1, "x1_ohm": 0.05, "rating_a": 100},
        ],
        "connections": [
            {"id": "at b", "node": "b", "phase": "abc", "capacity_w": 20000},
            {"id": "at c", "node": "c", "phase": "abc", "capacity_w": 20000},
        ],
    }


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "network.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", packaged_names("networks", ".json"))
def test_every_shipped_network_keeps_to_its_schema_and_names_source_and_licence(name: str) -> None:
    path = DATA / "networks" / f"{name}.json"

    check_schema(json.loads(path.read_text(encoding="utf-8")), "network")
    network = load_network(name)

    assert network.name == name
    assert network.source
    assert network.licence
    assert name in (DATA / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("place", "value", "pointer", "reason"),
    [
        (("lines", 1, "rating_a"), 0, "/lines/1/rating_a", "0"),
        (("lines", 0, "r1_ohm"), "0.1", "/lines/0/r1_ohm", "number"),
        (("lines", 0, "to"), "d", "/lines/0/to", "no node 'd'"),
        (("connections", 1, "node"), "d", "/connections/1/node", "no node 'd'"),
        (("connections", 0, "phase"), "ab", "/connections/0/phase", "ab"),
        (("source_node",), "z", "/source_node", "no node 'z'"),
        (("format",), "other/1", "/format", "p2ptrade-network/1"),
    ],
)
def test_a_wrong_value_is_named_by_its_place(
    tmp_path: Path, place: tuple[str | int, ...], value: Any, pointer: str, reason: str
) -> None:
    wrong = document()
    inner: Any = wrong
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value

    with pytest.raises(InputError) as caught:
        load_network(written(tmp_path, wrong))

    assert caught.value.pointer == pointer
    assert reason in str(caught.value)


def test_a_branch_without_a_rating_is_refused(tmp_path: Path) -> None:
    wrong = document()
    del wrong["lines"][1]["rating_a"]

    with pytest.raises(InputError, match="rating_a") as caught:
        load_network(written(tmp_path, wrong))

    assert caught.value.pointer == "/lines/1"


def test_an_island_is_refused_by_name() -> None:
    wrong = document()
    wrong["nodes"].append({"id": "lost"})

    with pytest.raises(GridError, match="node lost: it is an island"):
        parse_network(wrong)


def test_a_loop_is_refused_by_name() -> None:
    wrong = document()
    wrong["lines"].append({"id": "ca", "from": "c", "to": "a", "r1_ohm": 0.1, "x1_ohm": 0.1, "rating_a": 10})

    with pytest.raises(GridError, match="closes a loop"):
        parse_network(wrong)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_a_finite_number_is_refused(tmp_path: Path, constant: str) -> None:
    text = json.dumps(document()).replace("0.05", constant, 1)

    with pytest.raises(InputError, match="not a number"):
        load_network(written(tmp_path, text))


def test_a_branch_with_an_overflowing_impedance_is_refused(tmp_path: Path) -> None:
    text = json.dumps(document()).replace("0.05", "1e999", 1)

    with pytest.raises(GridError, match="branch ab: x1_ohm is not a finite number"):
        load_network(written(tmp_path, text))


def test_a_branch_without_impedance_is_refused() -> None:
    wrong = document()
    wrong["lines"][0] |= {"r1_ohm": 0, "x1_ohm": 0}

    with pytest.raises(GridError, match="branch ab: its impedance is zero"):
        parse_network(wrong)


def test_a_three_phase_network_needs_zero_sequence_impedances() -> None:
    wrong = document() | {"wires": "three_phase"}

    with pytest.raises(GridError, match="branch ab: its zero-sequence impedance is zero"):
        parse_network(wrong)


def test_a_single_phase_connection_on_a_symmetric_network_is_refused() -> None:
    wrong = document()
    wrong["connections"][0]["phase"] = "a"

    with pytest.raises(GridError, match="connection at b"):
        parse_network(wrong)


def test_two_elements_of_one_name_are_refused() -> None:
    wrong = document()
    wrong["connections"][1]["id"] = "at b"

    with pytest.raises(GridError, match="connection at b: this name is used twice"):
        parse_network(wrong)


def test_a_name_that_is_neither_packaged_nor_a_file_lists_what_is() -> None:
    with pytest.raises(InputError, match=r"ieee-eu-lv.*simbench-lv-rural3"):
        load_network("nowhere")


def test_a_path_out_of_the_package_is_no_packaged_name() -> None:
    with pytest.raises(InputError, match="neither a file"):
        load_network("../schemas/network.schema")


def test_the_canonical_form_does_not_depend_on_the_order_of_keys() -> None:
    turned = dict(reversed(document().items()))

    assert canonical_bytes(turned) == canonical_bytes(document())


def test_the_topology_hash_changes_with_what_decides_a_flow_and_not_with_where_it_is_drawn() -> None:
    base = topology_hash(parse_network(document()))
    drawn, changed = copy.deepcopy(document()), copy.deepcopy(document())
    drawn["nodes"][1] |= {"x_m": 3.0, "y_m": 4.0}
    changed["lines"][1]["rating_a"] = 101

    assert topology_hash(parse_network(drawn)) == base
    assert topology_hash(parse_network(changed)) != base


def test_the_topology_hash_of_a_shipped_network_is_the_one_published() -> None:
    # Published in docs/grid.md; a change of the file or of the canonical form must be seen there.
    published = (Path(__file__).parents[3] / "docs" / "grid.md").read_text(encoding="utf-8")

    for name in packaged_names("networks", ".json"):
        assert topology_hash(load_network(name)).hex() in published
