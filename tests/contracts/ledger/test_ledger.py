"""Ledger: deposits, withdrawals in two steps, movements.

Paths:
  deposit    given an account with owner, when credits are approved, then they become cash; to an unknown or ownerless
             account, of zero, or while paused: refused; into a debt: the debt shrinks
  withdraw   given an announcement, when the waiting time is over, then the owner gets the lesser of it and what is
             free; before that, twice, by a stranger, of the reserve: refused; paused or suspended: works all the same
  move       given balanced entries, when every debit is covered, then all cash moves and one event tells; unbalanced,
             uncovered, unknown account, overflow: refused as a whole
  settle     as move, but a participant may owe down to the limit, and the retailer carries what is beyond
"""

import pytest

from tests.support.chain import Chain, reverts
from tests.support.permits import permit
from tests.support.platform import (
    BONDS,
    CREDIT,
    DEBT_LIMIT,
    DSO,
    ESCROW,
    FIRST_PARTICIPANT,
    MAX_U256,
    RESERVE,
    RETAILER,
    STAKES,
    WITHDRAWAL_DELAY_S,
    Platform,
    pack_accounts,
    pack_entries,
    unpack_moved,
)

INT64_MAX = 2**63 - 1
NOBODY = 99


def move(platform: Platform, *moves: tuple[int, int], function: str = "move") -> list[tuple[int, int]]:
    """Send entries as the market and return those that the event says took effect."""
    receipt = platform.ledger.send(function, pack_entries(*moves), sender=platform.holder("MARKET"))
    return unpack_moved(receipt.event(platform.ledger, "Moved")["entries"])


def settle(platform: Platform, *moves: tuple[int, int]) -> list[tuple[int, int]]:
    return move(platform, *moves, function="settle")


def sum_of_cash(platform: Platform) -> int:
    accounts = list(range(1, platform.ledger.call("lastAccount") + 1))
    return sum(platform.cash(account) for account in accounts)


def test_a_deposit_turns_credits_into_cash(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice")
    platform.mint(chain.address("alice"), 5 * CREDIT)
    platform.credits.send("approve", platform.ledger, 5 * CREDIT, sender=chain.address("alice"))

    receipt = platform.ledger.send("deposit", alice, 3 * CREDIT, sender=chain.address("alice"))

    assert platform.cash(alice) == 3 * CREDIT
    assert platform.credits.call("balanceOf", chain.address("alice")) == 2 * CREDIT
    assert platform.credits.call("balanceOf", platform.ledger) == 3 * CREDIT
    assert receipt.event(platform.ledger, "Deposited")["amount"] == 3 * CREDIT


@pytest.mark.parametrize(
    ("account", "error"), [(0, "LedgerUnknownAccount"), (NOBODY, "LedgerUnknownAccount"), (15, "LedgerUnknownAccount")]
)
def test_a_deposit_to_nobody_is_refused(platform: Platform, account: int, error: str) -> None:
    with reverts(error, account=account):
        platform.fund(account, CREDIT)


@pytest.mark.parametrize("account", [ESCROW, STAKES])
def test_a_deposit_that_nobody_could_take_out_is_refused(platform: Platform, account: int) -> None:
    with reverts("LedgerAccountWithoutOwner", account=account):
        platform.fund(account, CREDIT)


def test_a_deposit_of_nothing_is_refused(platform: Platform) -> None:
    alice = platform.admit("alice")

    with reverts("LedgerZeroAmount"):
        platform.ledger.send("deposit", alice, 0, sender=platform.holder("TREASURER"))


def test_a_deposit_without_credits_is_refused(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice")
    platform.credits.send("approve", platform.ledger, CREDIT, sender=chain.address("alice"))

    with reverts("ERC20InsufficientBalance", balance=0, needed=CREDIT):
        platform.ledger.send("deposit", alice, CREDIT, sender=chain.address("alice"))


def test_a_permit_lets_the_ledger_take_credits(platform: Platform, chain: Chain) -> None:
    alice, key = platform.admit("alice"), chain.key("alice")
    platform.mint(key.address, CREDIT)

    platform.ledger.send(
        "depositWithPermit", alice, CREDIT, *permit(platform, key, CREDIT, chain.now_s() + 1000), sender=key.address
    )

    assert platform.cash(alice) == CREDIT


def test_a_permit_that_was_used_by_somebody_else_does_not_stop_the_deposit(platform: Platform, chain: Chain) -> None:
    alice, key = platform.admit("alice"), chain.key("alice")
    platform.mint(key.address, CREDIT)
    signed = permit(platform, key, CREDIT, chain.now_s() + 1000)
    platform.credits.send("permit", key, platform.ledger, CREDIT, *signed, sender=chain.address("front-runner"))

    platform.ledger.send("depositWithPermit", alice, CREDIT, *signed, sender=key.address)

    assert platform.cash(alice) == CREDIT


def test_a_withdrawal_waits_and_pays_no_more_than_announced(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice", cash_micro=10 * CREDIT)
    platform.ledger.send("requestWithdrawal", alice, 3 * CREDIT, sender=chain.address("alice"))
    _, available_at = platform.ledger.call("withdrawalOf", alice)

    chain.next_block_at(available_at - 1)
    with reverts("LedgerWithdrawalTooEarly", availableAt=available_at, nowSeconds=available_at - 1):
        platform.ledger.send("withdraw", alice, sender=chain.address("anyone"))
    chain.next_block_at(available_at)
    platform.ledger.send("withdraw", alice, sender=chain.address("anyone"))

    assert platform.credits.call("balanceOf", chain.address("alice")) == 3 * CREDIT
    assert platform.cash(alice) == 7 * CREDIT
    with reverts("LedgerNoWithdrawal", account=alice):
        platform.ledger.send("withdraw", alice, sender=chain.address("alice"))


def test_a_withdrawal_announced_again_waits_again(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice", cash_micro=10 * CREDIT)
    platform.ledger.send("requestWithdrawal", alice, CREDIT, sender=chain.address("alice"))
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)

    platform.ledger.send("requestWithdrawal", alice, 8 * CREDIT, sender=chain.address("alice"))

    with reverts("LedgerWithdrawalTooEarly", account=alice):
        platform.ledger.send("withdraw", alice, sender=chain.address("alice"))


def test_an_active_participant_keeps_the_reserve(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice", cash_micro=10 * CREDIT)
    platform.ledger.send("requestWithdrawal", alice, 10 * CREDIT, sender=chain.address("alice"))
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)

    platform.ledger.send("withdraw", alice, sender=chain.address("alice"))

    assert platform.cash(alice) == RESERVE
    platform.ledger.send("requestWithdrawal", alice, 1, sender=chain.address("alice"))
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)
    with reverts("LedgerNothingToWithdraw", cash=RESERVE, kept=RESERVE):
        platform.ledger.send("withdraw", alice, sender=chain.address("alice"))


def test_who_leaves_the_market_gets_everything(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice", cash_micro=10 * CREDIT)

    platform.ledger.send("leaveMarket", alice, sender=chain.address("alice"))

    assert not platform.registry.call("isAdmitted", chain.address("alice"))
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)
    platform.ledger.send("withdraw", alice, sender=chain.address("alice"))
    assert platform.cash(alice) == 0
    assert platform.credits.call("balanceOf", chain.address("alice")) == 10 * CREDIT


def test_a_pause_stops_entry_and_never_exit(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice", cash_micro=10 * CREDIT)
    guardian, registrar = platform.holder("GUARDIAN"), platform.holder("REGISTRAR")
    platform.registry.send("suspend", alice, sender=registrar)
    for contract in (platform.ledger, platform.registry, platform.credits):
        contract.send("pause", sender=guardian)

    with reverts("EnforcedPause"):
        platform.ledger.send("deposit", alice, CREDIT, sender=platform.holder("TREASURER"))
    with reverts("EnforcedPause"):
        platform.mint(chain.address("alice"), CREDIT)
    with reverts("EnforcedPause"):
        platform.admit("bob")
    platform.ledger.send("requestWithdrawal", alice, 10 * CREDIT, sender=chain.address("alice"))
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)
    platform.ledger.send("withdraw", alice, sender=chain.address("alice"))
    platform.credits.send("redeem", 10 * CREDIT, b"out".ljust(32), sender=chain.address("alice"))

    assert platform.credits.call("awaitingPayout", chain.address("alice"), b"out".ljust(32)) == 10 * CREDIT


def test_a_pause_does_not_stop_what_was_cleared_from_settling(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"], cash_micro=CREDIT)
    platform.ledger.send("pause", sender=platform.holder("GUARDIAN"))

    move(platform, (alice, -5), (bob, 5))
    settle(platform, (alice, -5), (bob, 5))

    assert platform.cash(bob) == CREDIT + 10


def test_only_the_owner_announces_a_withdrawal(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice", cash_micro=CREDIT)

    for function, args in (("requestWithdrawal", (alice, 1)), ("leaveMarket", (alice,))):
        with reverts("LedgerNotOwner", caller=chain.address("mallory"), owner=chain.address("alice")):
            platform.ledger.send(function, *args, sender=chain.address("mallory"))


def test_the_retailer_keeps_what_backs_the_debts_of_others(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice")
    platform.fund(RETAILER, 10 * CREDIT)
    settle(platform, (alice, -4 * CREDIT), (RETAILER, 4 * CREDIT))
    retailer = platform.holder("RETAILER")

    platform.ledger.send("requestWithdrawal", RETAILER, 100 * CREDIT, sender=retailer)
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)
    platform.ledger.send("withdraw", RETAILER, sender=retailer)

    assert platform.cash(RETAILER) == platform.ledger.call("totalDebt") == 4 * CREDIT
    assert platform.credits.call("balanceOf", platform.ledger) == sum_of_cash(platform) == 0


def test_entries_move_cash_and_one_event_says_so(platform: Platform) -> None:
    alice, bob, carol = platform.admit_many(["alice", "bob", "carol"], cash_micro=CREDIT)
    moves = [(alice, -300), (carol, 100), (ESCROW, 250), (bob, -50)]

    told = move(platform, *moves)

    assert told == moves
    assert [platform.cash(a) for a in (alice, bob, carol, ESCROW)] == [CREDIT - 300, CREDIT - 50, CREDIT + 100, 250]


def test_a_movement_leaves_everything_else_in_the_word_alone(platform: Platform) -> None:
    alice = platform.admit("alice", zone=31, capacity_kw=255, cash_micro=CREDIT)
    bob = platform.admit("bob", zone=5, capacity_kw=9, cash_micro=CREDIT)
    platform.ledger.send(
        "setReputationClasses",
        alice.to_bytes(4, "big") + b"\xff" + bob.to_bytes(4, "big") + b"\x01",
        sender=platform.holder("SCORER"),
    )
    cash_field = (2**64 - 1) << 160
    before = [platform.ledger.call("wordOf", account) & ~cash_field for account in (alice, bob)]

    move(platform, (alice, -CREDIT), (bob, CREDIT))

    assert [platform.ledger.call("wordOf", account) & ~cash_field for account in (alice, bob)] == before
    assert before[0] >> 224 == 31 | 1 << 8 | 255 << 16 | 255 << 24


def test_an_account_may_occur_more_than_once(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"], cash_micro=100)

    move(platform, (alice, -60), (bob, 60), (alice, -40), (bob, 40))

    assert (platform.cash(alice), platform.cash(bob)) == (0, 200)


@pytest.mark.parametrize("function", ["move", "settle"])
def test_an_unbalanced_movement_is_refused(platform: Platform, function: str) -> None:
    alice, bob = platform.admit_many(["alice", "bob"], cash_micro=100)

    with reverts("LedgerUnbalanced", sum=-1):
        move(platform, (alice, -61), (bob, 60), function=function)
    with reverts("LedgerUnbalanced", sum=1):
        move(platform, (bob, 1), function=function)


def test_an_uncovered_debit_is_refused_as_a_whole(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"], cash_micro=100)

    for needed in (101, 2**40):
        with reverts("LedgerInsufficientCash", account=bob, cash=100, needed=needed):
            move(platform, (alice, -10), (bob, -needed), (ESCROW, needed + 10))

    assert platform.cash(alice) == 100


@pytest.mark.parametrize("function", ["move", "settle"])
@pytest.mark.parametrize("account", [0, 10, 15, NOBODY, 2**32 - 1])
def test_a_movement_of_nobody_is_refused(platform: Platform, function: str, account: int) -> None:
    alice = platform.admit("alice", cash_micro=100)

    with reverts("LedgerUnknownAccount", account=account):
        move(platform, (alice, -10), (account, 10), function=function)


@pytest.mark.parametrize("cash", [CREDIT, 2**56 + CREDIT])
@pytest.mark.parametrize("function", ["move", "settle"])
def test_energy_beyond_the_connection_is_refused(platform: Platform, function: str, cash: int) -> None:
    alice = platform.admit("alice", capacity_kw=3, cash_micro=cash)
    pay, earn = pack_entries((alice, -10), (alice, 10))
    market = platform.holder("MARKET")

    for energy in (900, -900, 0):
        platform.ledger.send(function, [energy << 96 & MAX_U256 | pay, earn], sender=market)
    for energy in (901, -901, 2**32, 2**159 - 1, -(2**159)):
        with reverts("LedgerAboveCapacity", account=alice, energyWh=energy, capacityWh=900):
            platform.ledger.send(function, [energy << 96 & MAX_U256 | pay, earn], sender=market)
    assert platform.cash(alice) == cash


@pytest.mark.parametrize("cash", [2**56 - 1, 2**56, 2**56 + 1])
def test_the_top_byte_of_the_cash_is_used_like_the_others(platform: Platform, cash: int) -> None:
    alice = platform.admit("alice", zone=31, capacity_kw=255, cash_micro=cash)
    bob = platform.admit("bob", zone=5, capacity_kw=9)
    rest = [platform.ledger.call("wordOf", account) >> 224 for account in (alice, bob)]

    told = move(platform, (alice, -2), (bob, 2), (alice, 2), (bob, -2), (alice, -cash), (bob, cash))

    assert told == [(alice, -2), (bob, 2), (alice, 2), (bob, -2), (alice, -cash), (bob, cash)]
    assert [platform.cash(alice), platform.cash(bob)] == [0, cash]
    assert [platform.ledger.call("wordOf", account) >> 224 for account in (alice, bob)] == rest


def test_every_system_account_takes_cash(platform: Platform) -> None:
    alice = platform.admit("alice", cash_micro=100)

    told = move(platform, (alice, -90), *((account, 10) for account in range(1, 10)))

    assert [platform.cash(account) for account in range(1, 10)] == [10] * 9
    assert len(told) == 10


def test_a_deposit_fills_int64_and_no_more(platform: Platform) -> None:
    alice = platform.admit("alice")
    settle(platform, (alice, INT64_MAX - 5), (RETAILER, 5 - INT64_MAX))

    with reverts("LedgerCashOverflow", account=alice, cash=INT64_MAX - 5, delta=6):
        platform.fund(alice, 6)
    platform.fund(alice, 5)

    assert platform.cash(alice) == INT64_MAX


@pytest.mark.parametrize("function", ["move", "settle"])
def test_cash_does_not_leave_int64(platform: Platform, function: str) -> None:
    alice, bob = platform.admit_many(["alice", "bob"], cash_micro=100)

    with reverts("LedgerCashOverflow", account=bob, cash=100, delta=INT64_MAX):
        move(platform, (bob, INT64_MAX), (alice, -INT64_MAX), function=function)


def test_a_participant_may_owe_down_to_the_limit(platform: Platform) -> None:
    alice = platform.admit("alice", cash_micro=CREDIT)

    told = settle(platform, (alice, -(CREDIT + DEBT_LIMIT)), (RETAILER, CREDIT + DEBT_LIMIT))

    assert platform.cash(alice) == -DEBT_LIMIT
    assert platform.ledger.call("totalDebt") == DEBT_LIMIT
    assert told == [(alice, -(CREDIT + DEBT_LIMIT)), (RETAILER, CREDIT + DEBT_LIMIT)]


def test_the_retailer_carries_what_is_beyond_the_debt_limit(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"])
    platform.fund(RETAILER, CREDIT)

    told = settle(platform, (alice, -(DEBT_LIMIT + 7)), (bob, DEBT_LIMIT + 7))

    assert told == [(alice, -DEBT_LIMIT), (bob, DEBT_LIMIT + 7), (RETAILER, -7)]
    assert [platform.cash(a) for a in (alice, bob, RETAILER)] == [-DEBT_LIMIT, DEBT_LIMIT + 7, CREDIT - 7]
    assert sum_of_cash(platform) == platform.credits.call("balanceOf", platform.ledger)


def test_who_is_at_the_debt_limit_stays_there_and_never_blocks_the_others(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"])
    settle(platform, (alice, -DEBT_LIMIT), (bob, DEBT_LIMIT))

    told = settle(platform, (alice, -1_000), (bob, 1_000))

    assert told == [(alice, 0), (bob, 1_000), (RETAILER, -1_000)]
    assert platform.cash(RETAILER) == -1_000


def test_a_deposit_pays_a_debt_off(platform: Platform) -> None:
    alice = platform.admit("alice")
    settle(platform, (alice, -3 * CREDIT), (RETAILER, 3 * CREDIT))

    platform.fund(alice, 2 * CREDIT)
    assert (platform.cash(alice), platform.ledger.call("totalDebt")) == (-CREDIT, CREDIT)
    platform.fund(alice, 2 * CREDIT)

    assert (platform.cash(alice), platform.ledger.call("totalDebt")) == (CREDIT, 0)


def test_revenue_pays_a_debt_off(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"])
    platform.fund(bob, 10 * CREDIT)
    settle(platform, (alice, -3 * CREDIT), (RETAILER, 3 * CREDIT))

    move(platform, (bob, -CREDIT), (alice, CREDIT))
    assert platform.ledger.call("totalDebt") == 2 * CREDIT
    settle(platform, (bob, -5 * CREDIT), (alice, 5 * CREDIT))

    assert (platform.cash(alice), platform.ledger.call("totalDebt")) == (3 * CREDIT, 0)


def test_who_owes_cannot_spend(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"])
    settle(platform, (alice, -10), (bob, 10))

    with reverts("LedgerInsufficientCash", account=alice, cash=-10, needed=1):
        move(platform, (alice, -1), (bob, 1))


@pytest.mark.parametrize("account", [ESCROW, BONDS, DSO])
def test_a_system_account_other_than_the_retailer_never_owes(platform: Platform, account: int) -> None:
    alice = platform.admit("alice")

    with reverts("LedgerInsufficientCash", account=account, cash=0, needed=1):
        settle(platform, (account, -1), (alice, 1))


def test_words_come_in_the_order_asked_for(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"], zone=[3, 4])

    words = platform.ledger.call("words", pack_accounts([bob, NOBODY, alice, bob]))

    assert words[1] == 0
    assert [word >> 224 & 0xFF for word in words] == [4, 0, 3, 4]
    assert list(words) == [platform.ledger.call("wordOf", account) for account in (bob, NOBODY, alice, bob)]
    assert platform.ledger.call("words", b"") == ()


@pytest.mark.parametrize("length", [1, 3, 5, 1023])
def test_a_list_that_ends_inside_an_account_number_is_refused(platform: Platform, length: int) -> None:
    with reverts("LedgerMalformedList", length=length, recordLength=4):
        platform.ledger.call("words", bytes(length))


def test_a_list_of_classes_that_ends_inside_a_record_is_refused(platform: Platform) -> None:
    with reverts("LedgerMalformedList", length=6, recordLength=5):
        platform.ledger.send("setReputationClasses", bytes(6), sender=platform.holder("SCORER"))


def test_escrow_and_stakes_never_get_an_owner(platform: Platform, chain: Chain) -> None:
    for account in (ESCROW, STAKES):
        with reverts("LedgerAccountWithoutOwner", account=account):
            platform.ledger.send("setSystemOwner", account, chain.address("thief"), sender=platform.admin)


def test_the_admin_cannot_make_a_participants_account_its_own(platform: Platform) -> None:
    alice = platform.admit("alice", cash_micro=CREDIT)

    with reverts("LedgerWrongKindOfAccount", account=alice):
        platform.ledger.send("setSystemOwner", alice, platform.admin, sender=platform.admin)


def test_the_registry_cannot_touch_a_system_account(platform: Platform) -> None:
    with reverts("LedgerWrongKindOfAccount", account=DSO):
        platform.ledger.send("setAccount", DSO, 0, 1, 0, sender=platform.registry.address)


@pytest.mark.parametrize("status", [0, 3])
def test_a_participant_is_active_or_suspended_and_nothing_else(platform: Platform, status: int) -> None:
    alice = platform.admit("alice")

    with reverts("LedgerInvalidStatus", status=status):
        platform.ledger.send("setAccount", alice, 0, status, 0, sender=platform.registry.address)


def test_accounts_are_numbered_without_gaps_from_the_first_participants_on(platform: Platform) -> None:
    before = platform.ledger.call("lastAccount")

    accounts = platform.admit_many(["alice", "bob", "carol"])

    assert before == FIRST_PARTICIPANT - 1
    assert accounts == [FIRST_PARTICIPANT, FIRST_PARTICIPANT + 1, FIRST_PARTICIPANT + 2]


def test_a_waiting_time_below_four_hours_is_refused(platform: Platform, chain: Chain) -> None:
    with reverts("LedgerDelayTooShort", delay=4 * 3600 - 1, needed=4 * 3600):
        chain.deploy("Ledger", platform.authority, platform.credits, 4 * 3600 - 1, 0, 0)
    chain.deploy("Ledger", platform.authority, platform.credits, 4 * 3600, 0, 0)


def test_all_cash_can_be_rebuilt_from_the_events(platform: Platform, chain: Chain) -> None:
    first = chain.client.head().number + 1
    alice, bob = platform.admit_many(["alice", "bob"], cash_micro=30 * CREDIT)
    platform.fund(RETAILER, 5 * CREDIT)
    move(platform, (alice, -CREDIT), (ESCROW, CREDIT))
    settle(platform, (bob, -(30 * CREDIT + DEBT_LIMIT + 9)), (alice, 30 * CREDIT + DEBT_LIMIT + 9))
    platform.ledger.send("requestWithdrawal", alice, 7 * CREDIT, sender=chain.address("alice"))
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)
    platform.ledger.send("withdraw", alice, sender=chain.address("alice"))

    rebuilt: dict[int, int] = {}
    events = platform.ledger.abi.events
    for log in chain.client.logs([platform.ledger.address], first=first):
        if log.topics[0] in (events["Deposited"].topic, events["Withdrawn"].topic):
            sign = 1 if log.topics[0] == events["Deposited"].topic else -1
            account = int.from_bytes(log.topics[1], "big")
            rebuilt[account] = rebuilt.get(account, 0) + sign * int.from_bytes(log.data, "big")
        elif log.topics[0] == events["Moved"].topic:
            for account, delta in unpack_moved(events["Moved"].decode(log.topics, log.data)["entries"]):
                rebuilt[account] = rebuilt.get(account, 0) + delta

    assert rebuilt == {account: platform.cash(account) for account in (alice, bob, ESCROW, RETAILER)}
    assert sum(rebuilt.values()) == platform.credits.call("balanceOf", platform.ledger)


def test_while_one_contract_holds_nothing_is_withdrawn_and_no_other_holds(platform: Platform, chain: Chain) -> None:
    account = platform.admit("alice", cash_micro=9 * CREDIT)
    owner, holder, other = chain.address("alice"), platform.holder("MARKET"), chain.address("another market")
    platform.ledger.send("setMover", other, True, sender=platform.admin)
    platform.ledger.send("requestWithdrawal", account, CREDIT, sender=owner)
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)
    until = chain.now_s() + 600

    platform.ledger.send("hold", until, sender=holder)

    with reverts("LedgerHeld", holder=holder, until=until):
        platform.ledger.send("withdraw", account, sender=owner)
    with reverts("LedgerHeld", holder=holder, until=until):
        platform.ledger.send("hold", 0, sender=other)
    platform.ledger.send("hold", 0, sender=holder)
    platform.ledger.send("hold", until, sender=other)
    chain.warp_to(until)
    platform.ledger.send("withdraw", account, sender=owner)
