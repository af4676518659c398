"""The other services as the gateway sees them: oracles that take readings, the grid operator with its envelopes."""

from collections.abc import Sequence
from dataclasses import dataclass

from p2ptrade.domain.reading import SignedReading
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.gateway.ports import Ack, EnvelopeBounds
from p2ptrade.transport.clients import DsoClient, OracleClient
from p2ptrade.transport.reading_messages import readings_message
from p2ptrade.transport.schemas.metering import ReadingAck, ReadingWord


@dataclass(frozen=True)
class RemoteOracle:
    """An oracle behind its HTTP interface."""

    client: OracleClient

    @property
    def url(self) -> str:
        """Where it is."""
        return self.client.url

    def send(self, readings: Sequence[SignedReading]) -> Sequence[Ack]:
        """Send readings; whatever is acknowledged is durable there."""
        answer = self.client.send_readings(readings_message(readings))
        return [_ack(each) for each in answer.acks]


@dataclass(frozen=True)
class RemoteDso:
    """The grid operator behind its HTTP interface."""

    client: DsoClient

    def envelopes(self, slot: SlotNumber) -> Sequence[EnvelopeBounds]:
        """Return the envelopes of a slot, none while it has not been approved."""
        message = self.client.envelopes(slot)
        if message is None:
            return ()
        return [
            EnvelopeBounds(AccountId(each.account), EnergyWh(each.import_wh), EnergyWh(each.export_wh), each.proof)
            for each in message.envelopes
        ]


def _ack(answer: ReadingAck) -> Ack:
    refused = (answer.reason or "no reason given") if answer.outcome is ReadingWord.REFUSED else None
    return Ack(AccountId(answer.account), answer.sequence, refused)
