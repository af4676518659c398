"""Oracles of one market in one process, talking to each other as over HTTP, and meters that are read by a gateway."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.testclient import TestClient

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.outbox import Outbox
from p2ptrade.chain.typed_data import ReadingMessage, sign
from p2ptrade.config import DEV_ORACLES, dev_key
from p2ptrade.domain.reading import NO_PREDECESSOR, Quality, Reading, Registers, SignedReading
from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.errors import PeerUnreachableError
from p2ptrade.oracle.app import make_oracle_app
from p2ptrade.oracle.chain_view import MarketView
from p2ptrade.oracle.contests import Contests
from p2ptrade.oracle.desk import Answer, Desk
from p2ptrade.oracle.draft import Drafter
from p2ptrade.oracle.peers import RemoteOracle
from p2ptrade.oracle.place import Place
from p2ptrade.oracle.ports import Envelopes
from p2ptrade.oracle.reputation import DayPoster
from p2ptrade.oracle.service import Oracle
from p2ptrade.store import Database
from p2ptrade.store.oracle import OracleTable
from p2ptrade.store.outbox import OutboxTable
from p2ptrade.transport.clients import OracleClient
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.schemas.metering import OracleInfo
from tests.support.small_market import GATEWAY, SmallMarket

TIMEOUT_S = 900.0
TAKEOVER_S = 60.0


class Line(httpx.BaseTransport):
    """The line to an oracle: leads to its application, or nowhere while it is cut."""

    def __init__(self) -> None:
        self.app: Any = None
        self.cut = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Hand a request over."""
        if self.cut or self.app is None:
            raise httpx.ConnectError("nobody is there", request=request)
        response: httpx.Response = TestClient(self.app)._transport.handle_request(request)
        return response


@dataclass
class Member:
    """One oracle of the group, with all it keeps on disk."""

    index: int
    key: SigningKey
    folder: Path
    line: Line
    view: MarketView
    oracle: Oracle
    desk: Desk
    outbox: Outbox


@dataclass
class Group:
    """Four oracles of a market."""

    world: SmallMarket
    folder: Path
    envelopes: Envelopes | None = None
    lines: list[Line] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = [Line() for _ in DEV_ORACLES]
        self.members = [self._start(index) for index in range(len(DEV_ORACLES))]

    def restart(self, index: int) -> Member:
        """Start an oracle again on what the old one left on its disk."""
        self.members[index].outbox.close()
        self.members[index] = self._start(index)
        return self.members[index]

    def wipe(self, index: int) -> Member:
        """Start an oracle again on an empty disk."""
        self.members[index].outbox.close()
        shutil.rmtree(self.members[index].folder)
        self.members[index] = self._start(index)
        return self.members[index]

    def step(self, *indices: int, times: int = 1) -> None:
        """Let oracles make steps, all of them if none is named."""
        for _ in range(times):
            for index in indices or range(len(self.members)):
                self.members[index].oracle.step()

    def close(self) -> None:
        for member in self.members:
            member.outbox.close()

    def _start(self, index: int) -> Member:
        market, folder = self.world.market, self.folder / f"oracle-{index}"
        database = Database.open(folder / "oracle.sqlite")
        key = dev_key(DEV_ORACLES[index])
        outbox = Outbox(market.client, OutboxTable(database), key)
        view = MarketView(market)
        store = OracleTable(database, "market")
        desk = Desk(chain=view, store=store, domain=market.reading_domain)
        peers = [
            RemoteOracle(OracleClient(f"http://oracle-{number}.test", transport=line), market.reading_domain)
            for number, line in enumerate(self.lines)
            if number != index
        ]
        contests = Contests(view, store, desk, peers)
        window_s = market.settlement.correction_window_s()
        drafter = Drafter(view, store, desk, contests, peers, TIMEOUT_S, window_s, self.envelopes)
        oracle = Oracle(
            chain=view,
            store=store,
            desk=desk,
            drafter=drafter,
            peers=peers,
            domain=market.settlement_domain,
            place=Place(index, len(self.lines), TAKEOVER_S),
            outbox=outbox,
            signer=key,
            days=DayPoster(
                market,
                view,
                peers,
                Place(index, len(self.lines), TAKEOVER_S),
                market.reputation_domain,
                market.reputation.quorum(),
                outbox,
                key,
            ),
        )
        info = OracleInfo(
            chain_id=market.client.chain_id, settlement=market.settlement.address, oracle=key.address, quorum=3
        )
        self.lines[index].app = make_oracle_app(desk, oracle, store, market.reading_domain, info, Health())
        return Member(index, key, folder, self.lines[index], view, oracle, desk, outbox)


@dataclass
class Meter:
    """A meter behind a gateway that signs a reading at the end of each slot."""

    world: SmallMarket
    account: AccountId
    meter_point: bytes
    import_wh: int = 0
    export_wh: int = 0
    readings: list[SignedReading] = field(default_factory=list)

    def read(self, slot: SlotNumber, net_wh: int = 0, quality: Quality = Quality.MEASURED) -> SignedReading:
        """Let `net_wh` pass in a slot and return the reading at its end."""
        self.import_wh += max(net_wh, 0)
        self.export_wh += max(-net_wh, 0)
        last = self.readings[-1] if self.readings else None
        reading = Reading(
            account=self.account,
            meter_point=self.meter_point,
            slot=slot,
            registers=Registers(EnergyWh(self.import_wh), EnergyWh(self.export_wh)),
            meter_time_s=EpochSeconds(end_of(slot)),
            quality=quality,
            sequence=last.reading.sequence + 1 if last else 1,
            previous=last.digest if last else NO_PREDECESSOR,
        )
        message, domain = ReadingMessage.of(reading), self.world.market.reading_domain
        signed = SignedReading(reading, message.digest(domain), sign(message, domain, GATEWAY))
        self.readings.append(signed)
        return signed

    def unread(self) -> None:
        """Forget the last reading: the next one is signed as if it had never been."""
        self.readings.pop()
        last = self.readings[-1].reading.registers
        self.import_wh, self.export_wh = last.import_wh, last.export_wh


def meters_of(world: SmallMarket) -> dict[AccountId, Meter]:
    """Return a meter for each home."""
    registry = world.market.registry
    return {home.account: Meter(world, home.account, registry.meter_point(home.account)) for home in world.homes}


def send(member: Member, readings: list[SignedReading]) -> list[Answer]:
    """Send readings to one oracle as a gateway does; a cut line raises as it does there."""
    if member.line.cut:
        raise PeerUnreachableError("the line is cut")
    return member.desk.take(readings)
