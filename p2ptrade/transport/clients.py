"""Clients of the services: typed answers, time-outs always, repeated reads (never repeated writes) on a bad line.

An answer that is not in time, not HTTP or not what its model says is a `PeerUnreachableError`, which waiting may
cure; a refusal by the rules is a `RefusedError`, bad input an `InputError`, each with the sentence that the service
gave.
"""

from http import HTTPStatus
from typing import Any, Final, Self, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import InputError, PeerUnreachableError, RefusedError
from p2ptrade.transport.schemas.grid import (
    ApprovedVerdict,
    DsoInfo,
    EnvelopesMessage,
    RefusedVerdict,
    VerdictAnswer,
    VerdictRequest,
)
from p2ptrade.transport.schemas.market import (
    BookMessage,
    OpeningOutcomes,
    OpeningsMessage,
    RelayInfo,
    SealOutcomes,
    SealsMessage,
    SlotState,
)
from p2ptrade.transport.schemas.metering import (
    ContestsOfAccount,
    DayMessage,
    OracleInfo,
    ReadingAcks,
    ReadingMessage,
    ReadingProof,
    ReadingsMessage,
    ReadingsOfSlot,
    ReportData,
    ReportMessage,
)
from p2ptrade.transport.wire_types import WireModel

TIMEOUT_S: Final = 10.0
VERDICT_TIMEOUT_S: Final = 60.0
READ_ATTEMPTS: Final = 3
M = TypeVar("M", bound=WireModel)
_VERDICT: Final[TypeAdapter[ApprovedVerdict | RefusedVerdict]] = TypeAdapter(VerdictAnswer)


class ServiceClient:
    """Connection to one service; usable as a context manager. `transport` replaces the network, for tests."""

    name = "service"

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=self.url, timeout=timeout_s, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _read(self, path: str, model: type[M]) -> M:
        """Return what is at `path`; reads change nothing, so they are repeated."""
        retrying = Retrying(
            stop=stop_after_attempt(READ_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.1, max=1.0),
            retry=retry_if_exception_type(PeerUnreachableError),
            reraise=True,
        )
        return retrying(lambda: self._parsed(self._send("GET", path), TypeAdapter(model)))

    def _read_or_none(self, path: str, model: type[M]) -> M | None:
        """Return what is at `path`, or nothing if there is nothing yet."""
        try:
            return self._read(path, model)
        except _NotThereError:
            return None

    def _write(self, path: str, body: WireModel, model: type[M], timeout_s: float | None = None) -> M:
        return self._parsed(self._send("POST", path, body, timeout_s), TypeAdapter(model))

    def _send(
        self, method: str, path: str, body: WireModel | None = None, timeout_s: float | None = None
    ) -> httpx.Response:
        options: dict[str, Any] = {} if timeout_s is None else {"timeout": timeout_s}
        if body is not None:
            options["content"] = body.model_dump_json()
            options["headers"] = {"content-type": "application/json"}
        try:
            answer = self._http.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PeerUnreachableError(
                f"the {self.name} at {self.url} did not answer ({type(error).__name__}): "
                "is it running, and is the address right?"
            ) from None
        if answer.is_success:
            return answer
        raise self._error_of(answer)

    def _parsed(self, answer: httpx.Response, model: TypeAdapter[M]) -> M:
        try:
            return model.validate_json(answer.content)
        except ValidationError as error:
            raise PeerUnreachableError(
                f"the {self.name} at {self.url} gave an answer that is not one of this protocol "
                f"({error.error_count()} findings)"
            ) from None

    def _error_of(self, answer: httpx.Response) -> InputError | RefusedError | PeerUnreachableError:
        detail = _detail_of(answer)
        match answer.status_code:
            case HTTPStatus.NOT_FOUND:
                return _NotThereError(detail)
            case HTTPStatus.CONFLICT:
                return RefusedError(detail)
            case status if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return InputError(detail)
        return PeerUnreachableError(f"the {self.name} at {self.url} cannot answer now: {detail}")


class _NotThereError(RefusedError):
    """There is nothing at the address (yet)."""


def _detail_of(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        return str(body["detail"])
    return f"HTTP status {answer.status_code}"


class RelayClient(ServiceClient):
    """What a wallet asks of the relay."""

    name = "relay"

    def info(self) -> RelayInfo:
        """Return who the relay is and for which market it works."""
        return self._read("/v1/info", RelayInfo)

    def send_seals(self, slot: SlotNumber, seals: SealsMessage) -> SealOutcomes:
        """Send sealed orders; sending them again changes nothing and gives the same receipts."""
        return self._write(f"/v1/slots/{slot}/seals", seals, SealOutcomes)

    def send_openings(self, slot: SlotNumber, openings: OpeningsMessage) -> OpeningOutcomes:
        """Send openings; the relay refuses them before the gate."""
        return self._write(f"/v1/slots/{slot}/openings", openings, OpeningOutcomes)

    def slot(self, slot: SlotNumber) -> SlotState:
        """Return the public state of a slot."""
        return self._read(f"/v1/slots/{slot}", SlotState)

    def book(self, slot: SlotNumber) -> BookMessage:
        """Return the book of a slot; refused before the gate."""
        return self._read(f"/v1/slots/{slot}/book", BookMessage)


class DsoClient(ServiceClient):
    """What the relay and the gateways ask of the grid operator."""

    name = "grid operator's service"

    def info(self) -> DsoInfo:
        """Return who the grid operator is and which network it checks."""
        return self._read("/v1/info", DsoInfo)

    def verdict(self, request: VerdictRequest) -> ApprovedVerdict | RefusedVerdict:
        """Ask for the verdict on a result; asking again gives the same verdict."""
        answer = self._send("POST", f"/v1/slots/{request.slot}/verdict", request, VERDICT_TIMEOUT_S)
        try:
            return _VERDICT.validate_json(answer.content)
        except ValidationError:
            raise PeerUnreachableError(f"the {self.name} at {self.url} gave no readable verdict") from None

    def envelopes(self, slot: SlotNumber) -> EnvelopesMessage | None:
        """Return the envelopes of a slot, or nothing while it has not been approved."""
        return self._read_or_none(f"/v1/slots/{slot}/envelopes", EnvelopesMessage)


class OracleClient(ServiceClient):
    """What gateways, wallets and the other oracles ask of an oracle."""

    name = "oracle"

    def info(self) -> OracleInfo:
        """Return who the oracle is and for which market it works."""
        return self._read("/v1/info", OracleInfo)

    def send_readings(self, readings: ReadingsMessage) -> ReadingAcks:
        """Send signed readings; what was acknowledged is durable there, repeats are known and change nothing."""
        return self._write("/v1/readings", readings, ReadingAcks)

    def readings(self, slot: SlotNumber) -> ReadingsOfSlot | None:
        """Return the signed readings that the oracle has of a slot, or nothing while it has none."""
        return self._read_or_none(f"/v1/slots/{slot}/readings", ReadingsOfSlot)

    def contest(self, readings: ReadingsMessage) -> ReadingAcks:
        """Hand in the readings that contests on the chain name; repeats are known and change nothing."""
        return self._write("/v1/contests", readings, ReadingAcks)

    def contests(self, slot: SlotNumber, account: int) -> ContestsOfAccount:
        """Return what became of an account's contests of a slot, as this oracle sees it."""
        return self._read(f"/v1/contests/{slot}/{account}", ContestsOfAccount)

    def contested(self, digest: bytes) -> ReadingMessage | None:
        """Return the reading that contests name by this digest, or nothing if the oracle does not have it."""
        return self._read_or_none(f"/v1/contested/0x{digest.hex()}", ReadingMessage)

    def day(self, day: int) -> DayMessage | None:
        """Return the oracle's signature over the reputation counts of a UTC day, or nothing while it has none."""
        return self._read_or_none(f"/v1/days/{day}", DayMessage)

    def report(self, slot: SlotNumber) -> ReportMessage | None:
        """Return the oracle's own signature over the report of a slot, or nothing while it has none."""
        return self._read_or_none(f"/v1/reports/{slot}", ReportMessage)

    def report_data(self, slot: SlotNumber) -> ReportData | None:
        """Return the pages behind the report of a slot, or nothing while there are none."""
        return self._read_or_none(f"/v1/reports/{slot}/data", ReportData)

    def reading_proof(self, slot: SlotNumber, account: int) -> ReadingProof | None:
        """Return an account's registers of a slot with their proof, or nothing while there is no report."""
        return self._read_or_none(f"/v1/readings/{slot}/{account}", ReadingProof)
