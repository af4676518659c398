"""The gateway's HTTP face, for its operator on the same machine: what is metered, what waits, what was refused."""

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from p2ptrade.gateway.service import Gateway
from p2ptrade.store.gateway import GatewayTable
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.server import make_app


class OracleState(BaseModel):
    """What an oracle has: how many of the newest readings wait for it, and how many it refused."""

    model_config = ConfigDict(frozen=True)

    url: str
    waiting: int
    refused: int


class GatewayState(BaseModel):
    """Where the gateway stands; slots are numbers (`start // 900`)."""

    model_config = ConfigDict(frozen=True)

    meter_points: int
    oldest_slot: int | None
    newest_slot: int | None
    oracles: tuple[OracleState, ...]


def make_gateway_app(gateway: Gateway, table: GatewayTable, health: Health) -> FastAPI:
    """Return the gateway's application."""
    app = make_app("gateway", health=health, registry=gateway.metrics.registry)

    @app.get("/v1/state")
    def get_state() -> GatewayState:
        marks, newest, refusals = table.marks(), table.newest_number(), table.refusals()
        slots = [slot for each in gateway.connected if (slot := gateway.last_slot(each.account)) is not None]
        return GatewayState(
            meter_points=len(gateway.connected),
            oldest_slot=min(slots, default=None),
            newest_slot=max(slots, default=None),
            oracles=tuple(
                OracleState(
                    url=uplink.oracle.url,
                    waiting=newest - marks.get(uplink.oracle.url, 0),
                    refused=sum(each.oracle == uplink.oracle.url for each in refusals),
                )
                for uplink in gateway.uplinks
            ),
        )

    return app
