"""Calls, results, events and errors against web3, which encodes from the same ABI on its own."""

import json
from importlib import resources
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3
from web3._utils.events import get_event_data

from p2ptrade.chain import abi
from p2ptrade.errors import ChainError, EnvironmentNotReadyError, InputError

ADDRESS = to_checksum_address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
ARTIFACTS = sorted(
    file.name.removesuffix(".json") for file in (resources.files("p2ptrade.chain") / "artifacts").iterdir()
)
SAMPLES: dict[str, Any] = {"bool": True, "address": ADDRESS, "string": "text", "bytes": b"\x01\x02"}


def raw_abi(contract: str) -> list[dict[str, Any]]:
    file = resources.files("p2ptrade.chain") / "artifacts" / f"{contract}.json"
    entries: list[dict[str, Any]] = json.loads(file.read_text())["abi"]
    return entries


def sample(kind: str, components: list[dict[str, Any]]) -> Any:
    """Return a value of an ABI type."""
    if kind.endswith("]"):
        inner, _, size = kind[:-1].rpartition("[")
        return [sample(inner, components)] * int(size or 2)
    if kind == "tuple":
        return tuple(sample(each["type"], each.get("components", [])) for each in components)
    if kind.startswith("bytes") and kind != "bytes":
        return bytes(range(int(kind[5:])))
    return SAMPLES.get(kind, 7)


def arguments(entry: dict[str, Any]) -> list[Any]:
    return [sample(each["type"], each.get("components", [])) for each in entry["inputs"]]


@pytest.mark.parametrize("contract", ARTIFACTS)
def test_every_call_of_a_contract_is_encoded_as_web3_does(contract: str) -> None:
    entries = raw_abi(contract)
    reference = Web3().eth.contract(address=ADDRESS, abi=entries)
    functions = [entry for entry in entries if entry["type"] == "function"]
    assert functions

    for entry in functions:
        values = arguments(entry)
        signature = f"{entry['name']}({','.join(abi.Parameters.of(entry['inputs']).types)})"

        ours = abi.load(contract).function(signature).call_data(*values)

        assert ours.hex() == reference.encode_abi(signature, args=values).removeprefix("0x"), signature


@pytest.mark.parametrize("contract", ARTIFACTS)
def test_every_event_of_a_contract_is_decoded_as_web3_does(contract: str) -> None:
    for entry in (entry for entry in raw_abi(contract) if entry["type"] == "event"):
        values = arguments(entry)
        event = abi.load(contract).events[entry["name"]]
        indexed: list[tuple[str, Any]] = []
        plain: list[tuple[str, Any]] = []
        for parameter, kind, value in zip(entry["inputs"], event.inputs.types, values, strict=True):
            (indexed if parameter["indexed"] else plain).append((kind, value))
        if any(kind in ("string", "bytes") or kind.endswith("]") for kind, _ in indexed):
            continue
        topics = [event.topic, *(encode([kind], [value]) for kind, value in indexed)]
        data = encode([kind for kind, _ in plain], [value for _, value in plain])

        reference = get_event_data(
            Web3().codec,
            entry,
            {"topics": topics, "data": data, "address": ADDRESS, "logIndex": 0, "transactionIndex": 0}
            | {"transactionHash": b"", "blockHash": b"", "blockNumber": 0},
        )["args"]

        ours = event.decode(topics, data)
        assert list(ours) == [parameter["name"] for parameter in entry["inputs"]]
        for name, value in ours.items():
            assert _comparable(value) == _comparable(reference[name])


def test_custom_error_is_named_with_its_values() -> None:
    data = keccak(text="LedgerInsufficientCash(uint32,int64,uint64)")[:4] + encode(
        ["uint32", "int64", "uint64"], [17, -5, 9]
    )

    revert = abi.decode_revert(data)

    assert (revert.name, dict(revert.values)) == ("LedgerInsufficientCash", {"account": 17, "cash": -5, "needed": 9})
    assert str(revert) == "LedgerInsufficientCash(account=17, cash=-5, needed=9)"


def test_reverts_of_the_compiler_and_unknown_ones_are_told_apart() -> None:
    text = abi.decode_revert(bytes.fromhex("08c379a0") + encode(["string"], ["not now"]))
    overflow = abi.decode_revert(bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]))

    assert str(text) == "Error(message=not now)"
    assert str(overflow) == "Panic(code=overflow)"
    assert abi.decode_revert(b"\x01\x02\x03\x04").name == "unknown error"
    assert abi.decode_revert(b"").name == "no reason given"


def test_values_that_do_not_fit_and_answers_that_are_none_are_refused() -> None:
    cash_of = abi.load("Ledger").function("cashOf")

    with pytest.raises(InputError):
        cash_of.call_data(2**32)
    with pytest.raises(InputError):
        cash_of.call_data("sixteen")
    with pytest.raises(ChainError, match="is this address that contract"):
        cash_of.outputs.decode(b"")


def test_contract_that_is_not_in_the_package_is_named() -> None:
    with pytest.raises(EnvironmentNotReadyError, match="Nonsense"):
        abi.load("Nonsense")


def _comparable(value: Any) -> Any:
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list | tuple):
        return [_comparable(each) for each in value]
    if isinstance(value, dict):
        return [_comparable(each) for each in value.values()]
    return value
