"""Ledger: who has an account, what may be changed of it and by whom, and what the events say of that.

Paths:
  open       given a new owner, then an account with zone and connection, and an event; owned by nobody or by the ledger
             itself, in a zone beyond 31, or a second one of an owner: refused
  set        given a participant, then zone, status and connection are new, and an event; a zone beyond 31: refused
  owner      given a system account with owner, then that owner takes the cash out; nobody and the ledger: refused
  classes    given records, then each account has its class, and an event; nobody's and a system account's: refused
  leave      given a participant, then it trades no more and everything is announced; a system account: refused
  movers     only who was let moves cash, until that is taken back
  pause      what was paused goes on when it is over
  terms      those of the construction can be read
"""

import pytest

from tests.support.chain import Chain, reverts
from tests.support.platform import (
    CREDIT,
    DEBT_LIMIT,
    DSO,
    RESERVE,
    REWARDS,
    STAKES,
    WITHDRAWAL_DELAY_S,
    Platform,
    pack_accounts,
    pack_entries,
)

ACTIVE, SUSPENDED, SYSTEM = 1, 2, 3
NOBODY = "0x" + "00" * 20
NO_ACCOUNT = 99
UINT64_MAX = 2**64 - 1


def test_an_account_is_opened_as_asked(platform: Platform, chain: Chain) -> None:
    owner = chain.address("alice")

    receipt = platform.ledger.send("openAccount", owner, 31, 255, sender=platform.registry.address)

    account = platform.ledger.call("accountOf", owner)
    assert account == platform.ledger.call("lastAccount")
    assert platform.ledger.call("wordOf", account) == int(owner, 16) | 31 << 224 | ACTIVE << 232 | 255 << 248
    opened = receipt.event(platform.ledger, "AccountOpened")
    assert opened == {"account": account, "owner": owner.lower(), "zone": 31, "capacityKw": 255}


def test_the_ledger_owns_no_account(platform: Platform) -> None:
    ledger = platform.ledger

    for owner in (NOBODY, ledger.address):
        with reverts("LedgerInvalidOwner", owner=owner):
            ledger.send("openAccount", owner, 0, 1, sender=platform.registry.address)
        with reverts("LedgerInvalidOwner", owner=owner):
            ledger.send("setSystemOwner", DSO, owner, sender=platform.admin)


@pytest.mark.parametrize("zone", [32, 33, 255])
def test_no_account_is_in_a_zone_that_no_slot_has(platform: Platform, chain: Chain, zone: int) -> None:
    alice = platform.admit("alice")

    with reverts("LedgerInvalidZone", zone=zone):
        platform.ledger.send("openAccount", chain.address("bob"), zone, 1, sender=platform.registry.address)
    with reverts("LedgerInvalidZone", zone=zone):
        platform.ledger.send("setAccount", alice, zone, ACTIVE, 1, sender=platform.registry.address)


@pytest.mark.parametrize("status", [ACTIVE, SUSPENDED])
def test_an_account_is_set_as_asked(platform: Platform, chain: Chain, status: int) -> None:
    alice = platform.admit("alice", zone=7, capacity_kw=200, cash_micro=CREDIT)

    receipt = platform.ledger.send("setAccount", alice, 31, status, 3, sender=platform.registry.address)

    word = platform.ledger.call("wordOf", alice)
    assert word == int(chain.address("alice"), 16) | CREDIT << 160 | 31 << 224 | status << 232 | 3 << 248
    told = receipt.event(platform.ledger, "AccountSet")
    assert told == {"account": alice, "zone": 31, "status": status, "capacityKw": 3}


def test_an_account_that_does_not_exist_is_not_changed(platform: Platform, chain: Chain) -> None:
    ledger, record = platform.ledger, NO_ACCOUNT.to_bytes(4, "big") + b"\1"

    for function, args, sender in (
        ("setAccount", (NO_ACCOUNT, 0, ACTIVE, 1), platform.registry.address),
        ("setSystemOwner", (NO_ACCOUNT, platform.admin), platform.admin),
        ("setReputationClasses", (record,), platform.holder("SCORER")),
        ("requestWithdrawal", (NO_ACCOUNT, 1), chain.address("alice")),
        ("leaveMarket", (NO_ACCOUNT,), chain.address("alice")),
    ):
        with reverts("LedgerUnknownAccount", account=NO_ACCOUNT):
            ledger.send(function, *args, sender=sender)


def test_a_new_owner_of_a_system_account_takes_the_cash_out(platform: Platform, chain: Chain) -> None:
    owner = chain.address("rewarder")
    platform.credits.send("setSystemHolder", owner, True, sender=platform.admin)

    receipt = platform.ledger.send("setSystemOwner", REWARDS, owner, sender=platform.admin)

    assert receipt.event(platform.ledger, "SystemOwnerSet") == {"account": REWARDS, "owner": owner.lower()}
    platform.fund(REWARDS, 5)
    platform.ledger.send("requestWithdrawal", REWARDS, 5, sender=owner)
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)
    platform.ledger.send("withdraw", REWARDS, sender=owner)
    assert platform.credits.call("balanceOf", owner) == 5


def test_each_account_gets_its_reputation_class(platform: Platform) -> None:
    accounts = platform.admit_many(["alice", "bob", "carol"], capacity_kw=77, cash_micro=9)
    scorer = platform.holder("SCORER")
    classes = b"".join(
        account.to_bytes(4, "big") + bytes([number]) for account, number in zip(accounts, (7, 0, 255), strict=True)
    )

    for _ in range(2):  # the second time over what is there
        receipt = platform.ledger.send("setReputationClasses", classes, sender=scorer)

    words = [platform.ledger.call("wordOf", account) for account in accounts]
    assert [word >> 240 & 0xFF for word in words] == [7, 0, 255]
    assert [word >> 248 for word in words] == [77] * 3
    assert receipt.event(platform.ledger, "ReputationClassesSet") == {"classes": classes}


def test_no_class_is_given_to_a_system_account(platform: Platform) -> None:
    with reverts("LedgerWrongKindOfAccount", account=DSO, status=SYSTEM):
        platform.ledger.send("setReputationClasses", DSO.to_bytes(4, "big") + b"\1", sender=platform.holder("SCORER"))


def test_who_leaves_is_suspended_and_has_announced_everything(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice", zone=9, capacity_kw=11)

    receipt = platform.ledger.send("leaveMarket", alice, sender=chain.address("alice"))

    told = receipt.event(platform.ledger, "AccountSet")
    assert told == {"account": alice, "zone": 9, "status": SUSPENDED, "capacityKw": 11}
    announced = receipt.event(platform.ledger, "WithdrawalRequested")
    available_at = chain.now_s() + WITHDRAWAL_DELAY_S
    assert announced == {"account": alice, "amount": UINT64_MAX, "availableAt": available_at}
    assert platform.ledger.call("withdrawalOf", alice) == (UINT64_MAX, available_at)


def test_a_system_account_does_not_leave_the_market(platform: Platform) -> None:
    with reverts("LedgerWrongKindOfAccount", account=DSO, status=SYSTEM):
        platform.ledger.send("leaveMarket", DSO, sender=platform.holder("DSO"))


def test_only_who_was_let_moves_cash_and_only_as_long(platform: Platform, chain: Chain) -> None:
    ledger, mover = platform.ledger, chain.address("mover")
    alice, bob = platform.admit_many(["alice", "bob"], cash_micro=100)
    calls = (
        ("move", pack_entries((alice, -1), (bob, 1))),
        ("settle", pack_entries((alice, -1), (bob, 1))),
        ("hold", 0),
    )

    def refused() -> None:
        assert not ledger.call("isMover", mover)
        for function, argument in calls:
            with reverts("LedgerNotAMover", caller=mover):
                ledger.send(function, argument, sender=mover)

    refused()
    let = ledger.send("setMover", mover, True, sender=platform.admin)
    assert let.event(ledger, "MoverSet") == {"mover": mover.lower(), "moves": True}
    assert ledger.call("isMover", mover)
    for function, argument in calls:
        ledger.send(function, argument, sender=mover)
    ledger.send("setMover", mover, False, sender=platform.admin)
    refused()

    assert platform.cash(bob) == 102


def test_after_a_pause_admissions_and_deposits_go_on(platform: Platform) -> None:
    guardian = platform.holder("GUARDIAN")
    platform.ledger.send("pause", sender=guardian)
    assert platform.ledger.call("paused")
    with reverts("EnforcedPause"):
        platform.admit("alice")

    platform.ledger.send("unpause", sender=guardian)

    platform.admit("alice")
    platform.fund(DSO, 3)
    assert platform.cash(DSO) == 3


def test_the_terms_can_be_read(platform: Platform) -> None:
    ledger = platform.ledger

    assert ledger.call("credits") == platform.credits.address.lower()
    assert ledger.call("withdrawalDelay") == WITHDRAWAL_DELAY_S
    assert (ledger.call("debtLimit"), ledger.call("reserve")) == (DEBT_LIMIT, RESERVE)
    assert ledger.call("wordOf", STAKES) == SYSTEM << 232


def test_words_of_any_number_of_accounts_are_theirs_and_nothing_more(platform: Platform, chain: Chain) -> None:
    accounts = platform.admit_many([f"owner {number}" for number in range(20)], zone=[*range(20)])
    known = {account: platform.ledger.call("wordOf", account) for account in (*accounts, NO_ACCOUNT)}
    mixed = [accounts[number * 7 % 20] for number in range(30)] + [NO_ACCOUNT]

    for count in range(27):
        asked = mixed[-count - 1 :]
        answer = chain.eth_call(platform.ledger.address, platform.ledger.data("words", pack_accounts(asked)))

        expected = (0x20, len(asked), *(known[account] for account in asked))
        assert answer == b"".join(word.to_bytes(32, "big") for word in expected)


def test_a_waiting_time_above_four_hours_is_fine(platform: Platform, chain: Chain) -> None:
    ledger = chain.deploy("Ledger", platform.authority, platform.credits, 5 * 3600, 7, 8)

    terms = (ledger.call("withdrawalDelay"), ledger.call("debtLimit"), ledger.call("reserve"))
    assert terms == (5 * 3600, 7, 8)
