"""A supply that follows from its events passes; each kind of tampering is found and named."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from p2ptrade.audit.supply import CreditsEvent, StoredSupply, Supply, judge_supply
from p2ptrade.domain.issuing import Due, Fact, IssuingRule
from p2ptrade.domain.units import AmountMicro

ZERO = "0x" + 40 * "0"
ANNA, BEN = "0x" + 40 * "1", "0x" + 40 * "2"
DAY = 20_000
REGISTERED = Due(Fact(IssuingRule.REGISTRATION, DAY - 1, ANNA, 1), AmountMicro(70))
REPORTED = Due(Fact(IssuingRule.ORACLE_WORK, DAY - 1, BEN, 3), AmountMicro(30))
CAPS = {IssuingRule.REGISTRATION: 80, IssuingRule.ORACLE_WORK: 40}


def event(name: str, transaction: int, **values: Any) -> CreditsEvent:
    return CreditsEvent(name, values, DAY, bytes([transaction]) * 32)


def moved(transaction: int, sender: str, receiver: str, amount: int) -> CreditsEvent:
    return event("Transfer", transaction, **{"from": sender, "to": receiver, "value": amount})


def issued(transaction: int, due: Due, amount: int | None = None, to: str | None = None) -> list[CreditsEvent]:
    fact = due.fact
    receiver, value = to or fact.recipient, amount or due.amount_micro
    said = event("Issued", transaction, rule=int(fact.rule), to=receiver, amount=value, reason=fact.reason)
    return [said, moved(transaction, ZERO, receiver, value)]


# 1,000 deposited, 70 and 30 issued, 200 redeemed: 900 are left.
EVENTS = (
    event("DepositRecorded", 1, to=ANNA, amount=1_000, ref=b"bank 1"),
    moved(1, ZERO, ANNA, 1_000),
    moved(2, ANNA, BEN, 400),
    *issued(3, REGISTERED),
    *issued(4, REPORTED),
    event("Redeemed", 5, holder=BEN, amount=200, ref=b"rent"),
    moved(5, BEN, ZERO, 200),
)
STORED = StoredSupply(900, 1_000, 200, {rule: {1: 70, 3: 30}.get(int(rule), 0) for rule in IssuingRule})


def judged(events: Sequence[CreditsEvent] = EVENTS, stored: StoredSupply = STORED) -> Supply:
    return judge_supply(7, events, stored, [REGISTERED, REPORTED], lambda rule, day: [AmountMicro(CAPS.get(rule, 0))])


def names(found: Supply) -> list[str]:
    return [str(difference) for difference in found.differences]


def test_a_supply_that_follows_from_its_events_passes() -> None:
    found = judged()

    assert names(found) == []
    assert (found.recomputed, found.issued_by(IssuingRule.REGISTRATION)) == (900, 70)
    assert [each.due for each in found.issues] == [REGISTERED, REPORTED]


@pytest.mark.parametrize(
    ("at", "by", "sentence"),
    [
        (0, {"amount": 1_001}, "credits deposited: the events give 1001, the chain says 1000"),
        (1, {"value": 999}, f"credits made for {ANNA} in 0x{'01' * 32}: the events give 1000, the chain says 999"),
        (3, {"amount": 71}, "credits issued for registration: the events give 71, the chain says 70"),
        (3, {"reason": bytes(32)}, f"credits issued for registration to {ANNA} in 0x{'03' * 32}: the events give 0"),
        (3, {"to": BEN}, f"credits issued for registration to {BEN} in 0x{'03' * 32}: the events give 0"),
        (3, {"rule": 3}, f"credits issued for oracle work to {ANNA} in 0x{'03' * 32}: the events give 0"),
        (7, {"amount": 201}, "credits redeemed: the events give 201, the chain says 200"),
        (8, {"value": 100}, f"credits ended of {BEN} in 0x{'05' * 32}: the events give 200, the chain says 100"),
    ],
)
def test_an_event_that_was_tampered_with_is_named(at: int, by: dict[str, Any], sentence: str) -> None:
    events = list(EVENTS)
    events[at] = replace(events[at], values={**events[at].values, **by})

    assert any(name.startswith(sentence) for name in names(judged(events))), names(judged(events))


def test_credits_that_no_event_explains_are_named() -> None:
    found = judged([*EVENTS, moved(6, ZERO, BEN, 5)], replace(STORED, total=905))

    assert f"credits made for {BEN} in 0x{'06' * 32}: the events give 0, the chain says 5" in names(found)
    assert "credits in all: the events give 900, the chain says 905" in names(found)


def test_a_fact_that_is_paid_twice_is_named() -> None:
    found = judged(
        [*EVENTS, *issued(6, REPORTED)],
        replace(STORED, total=930, issued={**STORED.issued, IssuingRule.ORACLE_WORK: 60}),
    )

    assert names(found) == [
        f"credits issued for oracle work to {BEN} in 0x{'06' * 32}: the events give 0, the chain says 30",
        f"credits issued for oracle work on day {DAY}, beyond the cap: the events give 40, the chain says 60",
    ]


def test_a_deposit_that_is_credited_twice_is_named() -> None:
    twice = [replace(each, transaction=bytes([9]) * 32) for each in EVENTS[:2]]

    found = judged([*EVENTS, *twice], replace(STORED, total=1_900, deposited=2_000))

    assert names(found) == [f"deposits with the reference 0x{b'bank 1'.hex()}: the events give 1, the chain says 2"]
