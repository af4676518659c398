"""The contracts' outside view: how calls are encoded, and results, events and custom errors decoded.

Everything comes from the artifacts that ship in the package, so no compiler and no network is needed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_hash.auto import keccak

from p2ptrade.errors import ChainError, EnvironmentNotReadyError, InputError

# What the compiler itself reverts with: require(condition, text), and failed arithmetic or array access.
_ERROR_STRING: Final = bytes.fromhex("08c379a0")
_PANIC: Final = bytes.fromhex("4e487b71")
_PANICS: Final = {0x01: "assertion", 0x11: "overflow", 0x12: "division by zero", 0x32: "index out of bounds"}


@dataclass(frozen=True)
class Parameters:
    """An ordered list of ABI parameters."""

    types: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]]) -> "Parameters":
        """Return the parameters of ABI JSON entries."""
        listed = list(entries)
        return cls(tuple(_type_of(entry) for entry in listed), tuple(entry["name"] for entry in listed))

    def encode(self, values: Sequence[Any]) -> bytes:
        """Return the ABI encoding of `values`.

        Raises:
            InputError: they do not fit the types.
        """
        try:
            return encode(self.types, values)
        except (EncodingError, TypeError, ValueError) as error:
            raise InputError(f"({','.join(self.types)}) cannot hold these values: {error}") from None

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Return the values that `data` holds.

        Raises:
            ChainError: it does not hold them.
        """
        try:
            return tuple(decode(self.types, data))
        except (DecodingError, ValueError, OverflowError):
            raise ChainError(
                f"{len(data)} bytes from the chain are not ({','.join(self.types)}): is this address that contract?"
            ) from None


@dataclass(frozen=True)
class Function:
    """A function of a contract."""

    name: str
    inputs: Parameters
    outputs: Parameters

    @cached_property
    def selector(self) -> bytes:
        """Return the first four bytes of a call."""
        return keccak(_signature(self.name, self.inputs))[:4]

    def call_data(self, *values: Any) -> bytes:
        """Return the data of a call."""
        return self.selector + self.inputs.encode(values)


@dataclass(frozen=True)
class Event:
    """An event of a contract; indexed values of dynamic type come back as their hash, as the chain has them."""

    name: str
    inputs: Parameters
    indexed: tuple[bool, ...]

    @cached_property
    def topic(self) -> bytes:
        """Return the first topic of its logs."""
        return keccak(_signature(self.name, self.inputs))

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Return its values by name."""
        plain = Parameters(
            tuple(kind for kind, indexed in zip(self.inputs.types, self.indexed, strict=True) if not indexed), ()
        )
        from_data, from_topics = iter(plain.decode(data)), iter(topics[1:])
        values: dict[str, Any] = {}
        for kind, name, indexed in zip(self.inputs.types, self.inputs.names, self.indexed, strict=True):
            values[name] = _from_topic(kind, next(from_topics)) if indexed else next(from_data)
        return values


@dataclass(frozen=True)
class ContractAbi:
    """A contract as its artifact describes it."""

    name: str
    functions: Mapping[str, Function]
    events: Mapping[str, Event]
    constructor: Parameters
    bytecode: bytes
    deployed_bytecode: bytes

    def function(self, name: str) -> Function:
        """Return a function by name; an overloaded one by its signature, as `grantRole(uint64,address,uint32)`."""
        return self.functions[name]


@dataclass(frozen=True)
class Revert:
    """Why a call failed: the custom error's name and values."""

    name: str
    values: Mapping[str, Any]

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.values.items())
        return f"{self.name}({shown})"


@cache
def load(contract: str) -> ContractAbi:
    """Return the contract of that name.

    Raises:
        EnvironmentNotReadyError: the package has no such artifact.
    """
    file = resources.files("p2ptrade.chain") / "artifacts" / f"{contract}.json"
    try:
        artifact = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EnvironmentNotReadyError(
            f"the contract {contract} is not among the artifacts: run `make artifacts` in a source checkout"
        ) from None
    return parse(artifact)


def parse(artifact: Mapping[str, Any]) -> ContractAbi:
    """Return the contract that an artifact describes."""
    functions: dict[str, Function] = {}
    events: dict[str, Event] = {}
    constructor = Parameters((), ())
    for entry in artifact["abi"]:
        if entry["type"] == "constructor":
            constructor = Parameters.of(entry["inputs"])
        elif entry["type"] == "function":
            function = Function(entry["name"], Parameters.of(entry["inputs"]), Parameters.of(entry["outputs"]))
            functions[_signature(function.name, function.inputs).decode()] = function
            functions.setdefault(function.name, function)
        elif entry["type"] == "event":
            indexed = tuple(parameter["indexed"] for parameter in entry["inputs"])
            events[entry["name"]] = Event(entry["name"], Parameters.of(entry["inputs"]), indexed)
    return ContractAbi(
        artifact["contract_name"],
        functions,
        events,
        constructor,
        bytes.fromhex(artifact["bytecode"].removeprefix("0x")),
        bytes.fromhex(artifact["deployed_bytecode"].removeprefix("0x")),
    )


def decode_revert(data: bytes) -> Revert:
    """Return what revert data says, in the words of any of our contracts' custom errors."""
    if data[:4] == _ERROR_STRING:
        return Revert("Error", {"message": Parameters(("string",), ()).decode(data[4:])[0]})
    if data[:4] == _PANIC:
        code = int.from_bytes(data[4:36], "big")
        return Revert("Panic", {"code": _PANICS.get(code, hex(code))})
    known = _custom_errors().get(data[:4])
    if known is None:
        return Revert("unknown error" if data else "no reason given", {"data": data} if data else {})
    name, inputs = known
    return Revert(name, dict(zip(inputs.names, inputs.decode(data[4:]), strict=True)))


@cache
def _custom_errors() -> dict[bytes, tuple[str, Parameters]]:
    """Return the custom errors of all artifacts by selector."""
    found: dict[bytes, tuple[str, Parameters]] = {}
    folder = resources.files("p2ptrade.chain") / "artifacts"
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.name.endswith(".json"):
            for entry in json.loads(file.read_text(encoding="utf-8"))["abi"]:
                if entry["type"] == "error":
                    inputs = Parameters.of(entry["inputs"])
                    found[keccak(_signature(entry["name"], inputs))[:4]] = (entry["name"], inputs)
    return found


def _signature(name: str, inputs: Parameters) -> bytes:
    return f"{name}({','.join(inputs.types)})".encode()


def _type_of(entry: Mapping[str, Any]) -> str:
    """Return the canonical type, tuples written out."""
    kind: str = entry["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type_of(component) for component in entry['components'])}){kind[len('tuple') :]}"


def _from_topic(kind: str, topic: bytes) -> Any:
    if kind in ("string", "bytes") or kind.endswith(("]", ")")):
        return topic
    return Parameters((kind,), ()).decode(topic)[0]


def _shown(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
