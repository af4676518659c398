"""Ledger: who owns an account is who calls, which may be a contract; not who sent the transaction.

Paths: given an account that a contract owns, then anybody who may use the contract deposits and withdraws through it;
given one whose owner is led through a strange contract, then that contract is nobody and moves nothing; given somebody
without a role, then what needs one is refused; given debts of many, then they are added up beyond 32 bits.
"""

import pytest

from tests.support.chain import Chain, reverts
from tests.support.forwarder import Forwarder
from tests.support.permits import permit
from tests.support.platform import CREDIT, DEBT_LIMIT, RETAILER, WITHDRAWAL_DELAY_S, Platform, pack_entries


@pytest.fixture
def contract(chain: Chain) -> Forwarder:
    return Forwarder.deploy(chain)


def admit_contract(platform: Platform, contract: Forwarder) -> int:
    """Admit a contract, which has credits and lets the ledger take them."""
    admission = (contract.address, 0, 30, b"\1" * 32, platform.chain.address("gateway"))
    platform.registry.send("admitMany", [admission], sender=platform.holder("REGISTRAR"))
    platform.mint(contract.address, 5 * CREDIT)
    contract.send(platform.credits, "approve", platform.ledger, 5 * CREDIT, sender=platform.chain.address("alice"))
    return int(platform.ledger.call("lastAccount"))


def test_a_contract_deposits_and_withdraws_what_is_its_own(
    platform: Platform, chain: Chain, contract: Forwarder
) -> None:
    account = admit_contract(platform, contract)
    ledger, alice = platform.ledger, chain.address("alice")

    deposited = contract.send(ledger, "deposit", account, 4 * CREDIT, sender=alice)
    contract.send(ledger, "requestWithdrawal", account, CREDIT, sender=alice)
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)
    contract.send(ledger, "withdraw", account, sender=alice)

    assert deposited.event(ledger, "Deposited")["from"].lower() == contract.address.lower()
    assert platform.cash(account) == 3 * CREDIT
    assert platform.credits.call("balanceOf", contract.address) == 2 * CREDIT


def test_a_strange_contract_is_nobody_whoever_sent_the_transaction(
    platform: Platform, chain: Chain, contract: Forwarder
) -> None:
    account, alice = platform.admit("alice", cash_micro=CREDIT), chain.address("alice")
    platform.mint(alice, CREDIT)
    platform.credits.send("approve", platform.ledger, CREDIT, sender=alice)

    for function, args in (("requestWithdrawal", (account, 1)), ("leaveMarket", (account,))):
        with reverts("LedgerNotOwner", caller=contract.address, owner=alice):
            contract.send(platform.ledger, function, *args, sender=alice)
    with reverts("ERC20InsufficientAllowance"):
        contract.send(platform.ledger, "deposit", account, CREDIT, sender=alice)
    with reverts("LedgerNotAMover", caller=contract.address):
        contract.send(platform.ledger, "move", [], sender=platform.holder("MARKET"))


def test_a_strange_contract_uses_nobodys_permit(platform: Platform, chain: Chain, contract: Forwarder) -> None:
    account, alice = admit_contract(platform, contract), chain.key("alice")
    signed = permit(platform, alice, CREDIT, chain.now_s() + 1000)

    contract.send(platform.ledger, "depositWithPermit", account, CREDIT, *signed, sender=alice.address)

    assert platform.cash(account) == CREDIT  # which the contract had allowed
    assert platform.credits.call("allowance", alice, platform.ledger) == 0


def test_the_ledger_is_held_by_the_contract_that_holds_it(
    platform: Platform, chain: Chain, contract: Forwarder
) -> None:
    other, ledger, anybody = Forwarder.deploy(chain), platform.ledger, chain.address("anybody")
    for mover in (contract, other):
        platform.let_move(mover.address)
    until = chain.now_s() + 1000

    told = contract.send(ledger, "hold", until, sender=anybody).event(ledger, "Held")

    assert (told["holder"].lower(), told["until"]) == (contract.address.lower(), until)
    with reverts("LedgerHeld", holder=contract.address, until=until):
        other.send(ledger, "hold", until + 1, sender=anybody)
    contract.send(ledger, "hold", until + 1, sender=chain.address("somebody"))


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("openAccount", ("0x" + "11" * 20, 0, 30)),
        ("setAccount", (16, 0, 1, 30)),
        ("setSystemOwner", (1, "0x" + "11" * 20)),
        ("setReputationClasses", (b"",)),
        ("setMover", ("0x" + "11" * 20, True)),
        ("pause", ()),
        ("unpause", ()),
    ],
)
def test_who_has_no_role_changes_nothing(platform: Platform, function: str, arguments: tuple[object, ...]) -> None:
    stranger = platform.chain.address("stranger")

    with reverts("AccessManagedUnauthorized", caller=stranger):
        platform.ledger.send(function, *arguments, sender=stranger)


def test_debts_are_added_up_beyond_32_bits(platform: Platform) -> None:
    debtors = platform.admit_many([f"debtor {number}" for number in range(90)])

    moves = [(debtor, -DEBT_LIMIT) for debtor in debtors]
    platform.ledger.send("settle", pack_entries(*moves, (RETAILER, 90 * DEBT_LIMIT)), sender=platform.holder("MARKET"))

    assert platform.ledger.call("totalDebt") == 90 * DEBT_LIMIT > 2**32
