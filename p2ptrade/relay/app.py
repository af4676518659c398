"""The relay's HTTP face. Whatever is readable in an order is not taken, not even parsed, before the gate."""

from fastapi import Depends, FastAPI

from p2ptrade.domain.order import Side
from p2ptrade.domain.sealed import Seal, Terms
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.relay.desk import Desk, Receipt
from p2ptrade.relay.metrics import RelayMetrics
from p2ptrade.relay.service import Relay
from p2ptrade.transport.bodies import body_schema, json_body
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.schemas.market import (
    BookMessage,
    OpeningMessage,
    OpeningOutcome,
    OpeningOutcomes,
    OpeningsMessage,
    ReceiptMessage,
    RelayInfo,
    SealOutcome,
    SealOutcomes,
    SealsMessage,
    SlotState,
)
from p2ptrade.transport.server import make_app
from p2ptrade.transport.wire_types import U64

_SEALS = json_body(SealsMessage)
_OPENINGS = json_body(OpeningsMessage)


def make_relay_app(desk: Desk, relay: Relay, info: RelayInfo, health: Health) -> FastAPI:
    """Return the relay's application."""
    metrics = relay.metrics
    app = make_app("relay", health=health, registry=metrics.registry)

    def require_openings(slot: U64) -> None:
        desk.require_openings(SlotNumber(slot))

    @app.get("/v1/info")
    def get_info() -> RelayInfo:
        return info

    @app.post("/v1/slots/{slot}/seals", openapi_extra=body_schema(SealsMessage))
    def post_seals(slot: U64, message: SealsMessage = _SEALS) -> SealOutcomes:
        number = SlotNumber(slot)
        seals = [Seal(number, AccountId(each.account), each.terms_hash, each.signature) for each in message.seals]
        answers = desk.take_seals(number, seals)
        outcomes = [_seal_outcome(seal, answer, metrics) for seal, answer in zip(seals, answers, strict=True)]
        return SealOutcomes(outcomes=tuple(outcomes))

    # The dependency of the route runs before the body is read.
    @app.post(
        "/v1/slots/{slot}/openings",
        openapi_extra=body_schema(OpeningsMessage),
        dependencies=[Depends(require_openings)],
    )
    def post_openings(slot: U64, message: OpeningsMessage = _OPENINGS) -> OpeningOutcomes:
        openings = [(AccountId(each.account), _terms(each)) for each in message.openings]
        refusals = desk.take_openings(SlotNumber(slot), openings)
        relay.openings_came()
        for refusal in refusals:
            metrics.openings.labels("taken" if refusal is None else "refused").inc()
        return OpeningOutcomes(
            outcomes=tuple(
                OpeningOutcome(account=account, accepted=refusal is None, refused=refusal)
                for (account, _), refusal in zip(openings, refusals, strict=True)
            )
        )

    @app.get("/v1/slots/{slot}")
    def get_slot(slot: U64) -> SlotState:
        return desk.state(SlotNumber(slot), relay.stands(SlotNumber(slot)))

    @app.get("/v1/slots/{slot}/book")
    def get_book(slot: U64) -> BookMessage:
        book = desk.book(SlotNumber(slot))
        return BookMessage(slot=slot, entries=book.entries, pages=book.pages, grid_data=book.grid_data)

    return app


def _terms(opening: OpeningMessage) -> Terms:
    steps = tuple((step.energy_wh, step.limit_price_micro_per_kwh) for step in opening.steps)
    return Terms(Side[opening.side.name], steps, opening.salt)


def _seal_outcome(seal: Seal, answer: Receipt | str, metrics: RelayMetrics) -> SealOutcome:
    if isinstance(answer, str):
        metrics.seals.labels("refused").inc()
        return SealOutcome(account=seal.account, refused=answer)
    metrics.seals.labels("receipted").inc()
    receipt = ReceiptMessage(
        account=seal.account,
        digest=answer.kept.digest,
        received_at_s=answer.kept.received_at_s,
        signature=answer.signature,
    )
    return SealOutcome(account=seal.account, receipt=receipt)
