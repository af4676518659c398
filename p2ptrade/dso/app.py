"""The grid operator's HTTP face."""

from http import HTTPStatus

from fastapi import FastAPI, HTTPException

from p2ptrade.domain.units import SlotNumber
from p2ptrade.dso.desk import VerdictDesk, envelope_messages
from p2ptrade.errors import InputError
from p2ptrade.transport.bodies import body_schema, json_body
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.schemas.grid import (
    ApprovedVerdict,
    DsoInfo,
    EnvelopesMessage,
    RefusedVerdict,
    VerdictRequest,
)
from p2ptrade.transport.server import make_app
from p2ptrade.transport.wire_types import U64

_REQUEST = json_body(VerdictRequest)


def make_dso_app(desk: VerdictDesk, info: DsoInfo, health: Health) -> FastAPI:
    """Return the grid operator's application."""
    app = make_app("dso", health=health)

    @app.get("/v1/info")
    def get_info() -> DsoInfo:
        return info

    @app.post("/v1/slots/{slot}/verdict", openapi_extra=body_schema(VerdictRequest))
    def post_verdict(slot: U64, request: VerdictRequest = _REQUEST) -> ApprovedVerdict | RefusedVerdict:
        if request.slot != slot:
            raise InputError(f"the body is about slot {request.slot}, the address about {slot}", pointer="/slot")
        return desk.verdict(request)

    @app.get("/v1/slots/{slot}/envelopes")
    def get_envelopes(slot: U64) -> EnvelopesMessage:
        approved = desk.log.approved(SlotNumber(slot))
        if approved is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"slot {slot} has not been approved")
        return EnvelopesMessage(
            slot=slot,
            envelope_root=approved.envelope_root,
            envelopes=envelope_messages(SlotNumber(slot), approved.envelopes),
        )

    return app
