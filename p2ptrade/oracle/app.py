"""The oracle's HTTP face: takes readings, shows its own signature, the pages behind it, and proofs of readings."""

from http import HTTPStatus

from fastapi import FastAPI, HTTPException

from p2ptrade.chain.typed_data import Domain
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.oracle.contests import Contests
from p2ptrade.oracle.desk import Answer, Desk
from p2ptrade.oracle.facts import Contest
from p2ptrade.oracle.peers import report_message
from p2ptrade.oracle.ports import ReportSource
from p2ptrade.oracle.report import proof_of
from p2ptrade.oracle.service import Oracle
from p2ptrade.transport.bodies import body_schema, json_body
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.reading_messages import reading_message, signed_reading
from p2ptrade.transport.schemas.metering import (
    ContestMessage,
    ContestsOfAccount,
    ContestWord,
    DayMessage,
    OracleInfo,
    ReadingAck,
    ReadingAcks,
    ReadingMessage,
    ReadingProof,
    ReadingsMessage,
    ReadingsOfSlot,
    ReadingWord,
    ReportData,
    ReportMessage,
)
from p2ptrade.transport.server import make_app
from p2ptrade.transport.wire_types import U32, U64, Bytes32

_READINGS = json_body(ReadingsMessage)


def make_oracle_app(
    desk: Desk, oracle: Oracle, reports: ReportSource, reading_domain: Domain, info: OracleInfo, health: Health
) -> FastAPI:
    """Return the oracle's application."""
    app = make_app("oracle", health=health, registry=oracle.metrics.registry)

    @app.get("/v1/info")
    def get_info() -> OracleInfo:
        return info

    @app.post("/v1/readings", openapi_extra=body_schema(ReadingsMessage))
    def post_readings(message: ReadingsMessage = _READINGS) -> ReadingAcks:
        readings = [signed_reading(each, reading_domain) for each in message.readings]
        return ReadingAcks(acks=tuple(_ack(answer) for answer in desk.take(readings)))

    @app.get("/v1/slots/{slot}/readings")
    def get_readings(slot: U64) -> ReadingsOfSlot:
        readings = tuple(reading_message(kept.signed) for kept in reports.all_of_slot(SlotNumber(slot)))
        return ReadingsOfSlot(slot=slot, readings=readings)

    _add_contests(app, oracle.drafter.contests, reports, reading_domain)

    @app.get("/v1/reports/{slot}")
    def get_report(slot: U64) -> ReportMessage:
        signed = oracle.signed(SlotNumber(slot))
        if signed is None:
            raise _not_there(f"no report of slot {slot} has been signed here yet")
        return report_message(signed)

    @app.get("/v1/reports/{slot}/data")
    def get_report_data(slot: U64) -> ReportData:
        number = SlotNumber(slot)
        kept = reports.report(number, reports.newest_version(number))
        if kept is None:
            raise _not_there(f"there is no report of slot {slot} here yet")
        return ReportData(slot=slot, version=kept.report.version, pages=kept.pages)

    @app.get("/v1/days/{day}")
    def get_day(day: U32) -> DayMessage:
        signed = None if oracle.days is None else oracle.days.signed(day)
        if signed is None:
            raise _not_there(f"the counts of day {day} have not been signed here yet, or are posted already")
        return DayMessage(day=signed.day, counts=signed.counts, oracle=signed.oracle, signature=signed.signature)

    @app.get("/v1/readings/{slot}/{account}")
    def get_reading_proof(slot: U64, account: U32) -> ReadingProof:
        number = SlotNumber(slot)
        kept = reports.report(number, reports.newest_version(number))
        found = None if kept is None else proof_of(number, kept.leaves, AccountId(account))
        if kept is None or found is None:
            raise _not_there(f"no report of slot {slot} here has account {account}")
        leaf, proof = found
        return ReadingProof(
            slot=slot,
            version=kept.report.version,
            account=account,
            import_wh=leaf.registers.import_wh,
            export_wh=leaf.registers.export_wh,
            metered_wh=leaf.metered_wh,
            quality=leaf.quality,
            readings_root=kept.report.readings_root,
            proof=proof,
        )

    return app


def _add_contests(app: FastAPI, contests: Contests, reports: ReportSource, reading_domain: Domain) -> None:
    """Add where contested readings are handed in, and where it is said what became of contests."""

    @app.post("/v1/contests", openapi_extra=body_schema(ReadingsMessage))
    def post_contested(message: ReadingsMessage = _READINGS) -> ReadingAcks:
        readings = [signed_reading(each, reading_domain) for each in message.readings]
        return ReadingAcks(acks=tuple(_ack(contests.take(each)) for each in readings))

    @app.get("/v1/contests/{slot}/{account}")
    def get_contests(slot: U64, account: U32) -> ContestsOfAccount:
        own = [each for each in contests.of_slot(SlotNumber(slot)) if each.account == account]
        return ContestsOfAccount(slot=slot, account=account, contests=tuple(_contest(each, contests) for each in own))

    @app.get("/v1/contested/{digest}")
    def get_contested(digest: Bytes32) -> ReadingMessage:
        found = reports.contested(digest)
        if found is None:
            raise _not_there("no reading with this digest was handed in here for a contest")
        return reading_message(found)


def _contest(contest: Contest, contests: Contests) -> ContestMessage:
    verdict = contests.verdict(contest)
    standing = ContestWord(verdict.standing.value)
    return ContestMessage(digest=contest.digest, standing=standing, reason=verdict.reason)


def _ack(answer: Answer) -> ReadingAck:
    return ReadingAck(
        account=answer.account,
        sequence=answer.sequence,
        outcome=ReadingWord(answer.taken.value),
        reason=answer.reason,
    )


def _not_there(detail: str) -> HTTPException:
    return HTTPException(HTTPStatus.NOT_FOUND, detail)
