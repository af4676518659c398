"""What all wrappers share: reading at a block, call data, events between two blocks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from eth_typing import ChecksumAddress

from p2ptrade.chain.abi import ContractAbi, Event, Parameters, load
from p2ptrade.chain.client import LATEST, Block, ChainClient, Log


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event with its values by name, and where the chain has it."""

    name: str
    values: Mapping[str, Any]
    log: Log


class ContractWrapper:
    """One deployed contract, as the artifact of the same name describes it."""

    NAME: ClassVar[str]

    def __init__(self, client: ChainClient, address: ChecksumAddress) -> None:
        """Wrap the contract at `address`; nothing is asked yet."""
        self.client = client
        self.address = address

    @property
    def abi(self) -> ContractAbi:
        """Return the contract's outside view."""
        return load(self.NAME)

    def call_data(self, function: str, *arguments: Any) -> bytes:
        """Return the data of a call or transaction."""
        return self.abi.function(function).call_data(*arguments)

    def read(self, function: str, *arguments: Any, block: Block = LATEST) -> Any:
        """Return what a view answers: its value, or a tuple of several."""
        answer = self.client.call(self.address, self.call_data(function, *arguments), block=block)
        return _unwrapped(self.abi.function(function).outputs.decode(answer))

    def read_many(self, function: str, arguments: Sequence[tuple[Any, ...]], *, block: Block = LATEST) -> list[Any]:
        """Return what a view answers to many arguments, in one round trip."""
        calls = [(self.address, self.call_data(function, *each)) for each in arguments]
        outputs = self.abi.function(function).outputs
        return [_unwrapped(outputs.decode(answer)) for answer in self.client.call_many(calls, block=block)]

    def events(
        self,
        names: str | Iterable[str],
        *,
        first: Block,
        last: Block = LATEST,
        where: Mapping[str, Any] | None = None,
    ) -> list[EventRecord]:
        """Return events of some names between two blocks, both included; `where` fixes values of indexed parameters.

        All names must have the parameters of `where` indexed in the same places.
        """
        wanted = {self.abi.events[name].topic: self.abi.events[name] for name in _listed(names)}
        some = next(iter(wanted.values()))
        topics: list[bytes | Sequence[bytes] | None] = [list(wanted), *_indexed_topics(some, where or {})]
        records = []
        for log in self.client.logs([self.address], topics, first=first, last=last):
            event = wanted[log.topics[0]]
            records.append(EventRecord(event.name, event.decode(log.topics, log.data), log))
        return records


def decode_events(contract: ContractWrapper, logs: Iterable[Log]) -> list[EventRecord]:
    """Return those of `logs`, as in a receipt, that are events of `contract`."""
    by_topic = {event.topic: event for event in contract.abi.events.values()}
    return [
        EventRecord(by_topic[log.topics[0]].name, by_topic[log.topics[0]].decode(log.topics, log.data), log)
        for log in logs
        if log.address == contract.address and log.topics and log.topics[0] in by_topic
    ]


def _indexed_topics(event: Event, where: Mapping[str, Any]) -> list[bytes | None]:
    """Return the topics after the first that select the values of `where`."""
    topics: list[bytes | None] = []
    for kind, name, indexed in zip(event.inputs.types, event.inputs.names, event.indexed, strict=True):
        if indexed:
            topics.append(Parameters((kind,), (name,)).encode((where[name],)) if name in where else None)
    while topics and topics[-1] is None:
        topics.pop()
    return topics


def _listed(names: str | Iterable[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _unwrapped(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else values
