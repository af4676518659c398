"""ParticipantRegistry: admission, suspension, gateways.

Paths:
  admit      given an unknown owner and meter point, then an account is open, active and bound to the gateway; a second
             account of an owner, a meter point twice, none, no gateway, no owner, zone 32 and above: refused
  suspend    given an active participant, then it may not trade and its cash is untouched; the other way round reinstate
  gateway    the participant or the registrar sets it; nobody else
"""

import pytest

from tests.support.chain import Chain, reverts
from tests.support.platform import CREDIT, Platform

ZERO = "0x" + "00" * 20


def test_an_admitted_participant_may_trade(platform: Platform, chain: Chain) -> None:
    account = platform.admit("alice", zone=3, capacity_kw=30)

    word = platform.ledger.call("wordOf", account)
    assert word & (2**160 - 1) == int(chain.address("alice"), 16)
    assert (word >> 224 & 0xFF, word >> 232 & 0xFF, word >> 248) == (3, 1, 30)
    assert platform.registry.call("isAdmitted", chain.address("alice"))
    assert platform.registry.call("gatewayOf", account).lower() == chain.address("gateway of alice").lower()
    assert platform.registry.call("accountOfMeterPoint", platform.meter_point("alice")) == account
    assert platform.registry.call("meterPointOf", account) == platform.meter_point("alice")


def test_nobody_is_admitted_by_default(platform: Platform, chain: Chain) -> None:
    assert not platform.registry.call("isAdmitted", chain.address("alice"))
    assert not platform.registry.call("isMember", chain.address("alice"))


def test_a_participant_is_admitted_once(platform: Platform, chain: Chain) -> None:
    account = platform.admit("alice")

    with reverts("LedgerOwnerHasAccount", owner=chain.address("alice"), account=account):
        platform.registry.send(
            "admit",
            chain.address("alice"),
            0,
            30,
            b"other".ljust(32),
            ZERO[:-1] + "1",
            sender=platform.holder("REGISTRAR"),
        )


def test_a_meter_point_counts_once(platform: Platform, chain: Chain) -> None:
    account = platform.admit("alice")

    with reverts("RegistryMeterPointTaken", account=account):
        platform.registry.send(
            "admit",
            chain.address("bob"),
            0,
            30,
            platform.meter_point("alice"),
            chain.address("gateway"),
            sender=platform.holder("REGISTRAR"),
        )


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"owner": ZERO}, "LedgerInvalidOwner"),
        ({"zone": 32}, "LedgerInvalidZone"),
        ({"meter_point": bytes(32)}, "RegistryMeterPointMissing"),
        ({"gateway": ZERO}, "RegistryGatewayMissing"),
    ],
)
def test_an_admission_that_lacks_something_is_refused(
    platform: Platform, chain: Chain, changed: dict[str, object], error: str
) -> None:
    admission = {
        "owner": chain.address("alice"),
        "zone": 0,
        "capacity_kw": 30,
        "meter_point": b"meter".ljust(32),
        "gateway": chain.address("gateway"),
    } | changed

    with reverts(error):
        platform.registry.send("admit", *admission.values(), sender=platform.holder("REGISTRAR"))


def test_a_suspended_participant_may_not_trade_and_keeps_its_cash(platform: Platform, chain: Chain) -> None:
    account = platform.admit("alice", zone=7, capacity_kw=11, cash_micro=CREDIT)

    platform.registry.send("suspend", account, sender=platform.holder("REGISTRAR"))

    assert not platform.registry.call("isAdmitted", chain.address("alice"))
    assert platform.registry.call("isMember", chain.address("alice"))
    assert platform.cash(account) == CREDIT
    with reverts("RegistryWrongStatus", status=2, needed=1):
        platform.registry.send("suspend", account, sender=platform.holder("REGISTRAR"))
    platform.registry.send("reinstate", account, sender=platform.holder("REGISTRAR"))
    word = platform.ledger.call("wordOf", account)
    assert (word >> 224 & 0xFF, word >> 232 & 0xFF, word >> 248) == (7, 1, 11)


def test_a_connection_changes_without_changing_the_status(platform: Platform) -> None:
    account = platform.admit("alice")
    platform.registry.send("suspend", account, sender=platform.holder("REGISTRAR"))

    platform.registry.send("setConnection", account, 9, 44, sender=platform.holder("REGISTRAR"))

    word = platform.ledger.call("wordOf", account)
    assert (word >> 224 & 0xFF, word >> 232 & 0xFF, word >> 248) == (9, 2, 44)


@pytest.mark.parametrize("function", ["suspend", "reinstate"])
def test_a_system_account_is_no_participant(platform: Platform, function: str) -> None:
    with reverts("RegistryUnknownParticipant", account=1):
        platform.registry.send(function, 1, sender=platform.holder("REGISTRAR"))


@pytest.mark.parametrize("by", ["alice", "holder of REGISTRAR"])
def test_the_participant_or_the_registrar_changes_the_gateway(platform: Platform, chain: Chain, by: str) -> None:
    account = platform.admit("alice")

    receipt = platform.registry.send("setGateway", account, chain.address("new gateway"), sender=chain.address(by))

    changed = receipt.event(platform.registry, "GatewayChanged")
    assert changed["previous"].lower() == chain.address("gateway of alice").lower()
    assert platform.registry.call("gatewayOf", account).lower() == chain.address("new gateway").lower()


@pytest.mark.parametrize("by", ["bob", "holder of ORACLE", "holder of MARKET"])
def test_nobody_else_changes_the_gateway(platform: Platform, chain: Chain, by: str) -> None:
    account = platform.admit("alice")
    platform.admit("bob")

    with reverts("RegistryNotAllowed", account=account, caller=chain.address(by)):
        platform.registry.send("setGateway", account, chain.address("mallory"), sender=chain.address(by))
