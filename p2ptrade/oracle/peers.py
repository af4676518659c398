"""The other services as an oracle sees them: its peers, and the grid operator with the envelopes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import structlog
from eth_utils.address import to_checksum_address

from p2ptrade.chain.typed_data import Domain
from p2ptrade.domain.envelopes import Envelope as GridEnvelope
from p2ptrade.domain.merkle import verify_proof
from p2ptrade.domain.reading import SignedReading
from p2ptrade.domain.report import Report
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.errors import InputError, PeerUnreachableError, RefusedError
from p2ptrade.oracle.facts import Envelope, SignedDay, SignedReport
from p2ptrade.transport.clients import DsoClient, OracleClient
from p2ptrade.transport.reading_messages import signed_reading
from p2ptrade.transport.schemas import metering

T = TypeVar("T")
QUESTIONS_SKIPPED: Final = 16

_log = structlog.get_logger(__name__)


@dataclass
class RemoteOracle:
    """Another oracle behind its HTTP interface. One that did not answer is left alone for the next few questions."""

    client: OracleClient
    reading_domain: Domain
    _skip: int = 0

    @property
    def name(self) -> str:
        """Where it is."""
        return self.client.url

    def report(self, slot: SlotNumber) -> SignedReport | None:
        """Return its signature over its newest report of a slot."""
        answer = self._asked(lambda: self.client.report(slot))
        return None if answer is None else signed_report(answer)

    def pages(self, slot: SlotNumber, version: int) -> Sequence[bytes]:
        """Return the pages behind its report of a version; none if it has another."""
        answer = self._asked(lambda: self.client.report_data(slot))
        return answer.pages if answer is not None and answer.version == version else ()

    def readings(self, slot: SlotNumber) -> Sequence[SignedReading]:
        """Return the signed readings that it has of a slot; one that is malformed is left out."""
        answer = self._asked(lambda: self.client.readings(slot))
        return [] if answer is None else list(signed_readings(answer.readings, self.reading_domain))

    def contested(self, digest: bytes) -> SignedReading | None:
        """Return the reading that contests name by this digest, if it has it."""
        answer = self._asked(lambda: self.client.contested(digest))
        return None if answer is None else next(iter(signed_readings([answer], self.reading_domain)), None)

    def day(self, day: int) -> SignedDay | None:
        """Return its signature over the reputation counts of a day."""
        answer = self._asked(lambda: self.client.day(day))
        if answer is None:
            return None
        return SignedDay(answer.day, answer.counts, to_checksum_address(answer.oracle), answer.signature)

    def _asked(self, ask: Callable[[], T]) -> T:
        if self._skip > 0:
            self._skip -= 1
            raise PeerUnreachableError(f"the oracle at {self.name} did not answer a moment ago")
        try:
            return ask()
        except PeerUnreachableError:
            self._skip = QUESTIONS_SKIPPED
            raise
        except (InputError, RefusedError) as error:
            # A peer that answers nonsense is as good as none.
            raise PeerUnreachableError(f"the oracle at {self.name} refuses to answer: {error}") from None


@dataclass(frozen=True)
class RemoteEnvelopes:
    """The grid operator's envelopes, each proven against the root on the chain."""

    client: DsoClient

    def envelopes(self, slot: SlotNumber, root: bytes) -> Mapping[AccountId, Envelope] | None:
        """Return the envelopes that the root proves, or nothing while the operator does not answer."""
        try:
            message = self.client.envelopes(slot)
        except (PeerUnreachableError, InputError, RefusedError) as error:
            _log.warning("envelopes unknown", slot=slot, reason=str(error))
            return None
        if message is None:
            return None
        proven: dict[AccountId, Envelope] = {}
        for each in message.envelopes:
            account, most_in, most_out = AccountId(each.account), EnergyWh(each.import_wh), EnergyWh(each.export_wh)
            if verify_proof(GridEnvelope(account, most_in, most_out).leaf(slot), each.proof, root):
                proven[account] = Envelope(account, most_in, most_out)
        return proven


def signed_readings(messages: Sequence[metering.ReadingMessage], domain: Domain) -> Sequence[SignedReading]:
    """Return the readings in messages; what no reading can hold is left out."""
    found = []
    for message in messages:
        try:
            found.append(signed_reading(message, domain))
        except (InputError, ValueError):
            _log.warning("malformed reading", account=message.account, sequence=message.sequence)
    return found


def signed_report(message: metering.ReportMessage) -> SignedReport:
    """Return the signed report in a message."""
    report = Report(
        SlotNumber(message.slot),
        message.version,
        message.readings_root,
        message.data_hash,
        message.accounts,
        EnergyWh(message.delivered_wh),
    )
    return SignedReport(report, to_checksum_address(message.oracle), message.signature)


def report_message(signed: SignedReport) -> metering.ReportMessage:
    """Return the message that carries a signed report."""
    report = signed.report
    return metering.ReportMessage(
        slot=report.slot,
        version=report.version,
        readings_root=report.readings_root,
        data_hash=report.data_hash,
        accounts=report.accounts,
        delivered_wh=report.delivered_wh,
        oracle=signed.oracle,
        signature=signed.signature,
    )
