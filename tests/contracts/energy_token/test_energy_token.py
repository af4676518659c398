"""Energy tokens: standard ERC-1155 outside, eight slots a word inside.

Paths: mint by the market and by others; balances of neighbouring slots; transfer with and without approval, beyond the
balance, to a contract that does not receive; retirement with a claim, by an approved other, of nothing, of too much.
"""

import pytest

from tests.support.chain import Chain, Contract, reverts
from tests.support.platform import Platform

SLOTS = list(range(800, 809))
U32_MAX = 2**32 - 1


@pytest.fixture
def token(platform: Platform) -> Contract:
    token = platform.chain.deploy("EnergyToken", platform.authority, "urn:energy:{id}")
    platform.set_function_roles(token, {"MARKET": ("mint",)})
    return token


def mint(token: Contract, platform: Platform, slot: int, **amounts: int) -> None:
    entries = [int(platform.chain.address(name), 16) << 32 | amount for name, amount in amounts.items()]
    token.send("mint", slot, entries, sender=platform.holder("MARKET"))


def test_balances_of_neighbouring_slots_do_not_touch(token: Contract, platform: Platform) -> None:
    alice = platform.chain.address("alice")
    for slot in SLOTS:
        mint(token, platform, slot, alice=slot)
    mint(token, platform, SLOTS[3], alice=U32_MAX - SLOTS[3])

    balances = token.call("balanceOfBatch", [alice] * len(SLOTS), SLOTS)

    assert list(balances) == [U32_MAX if slot == SLOTS[3] else slot for slot in SLOTS]
    assert [token.call("totalSupply", slot) for slot in SLOTS[:2]] == [800, 801]


def test_a_balance_beyond_32_bits_is_refused(token: Contract, platform: Platform) -> None:
    mint(token, platform, 800, alice=U32_MAX)
    with reverts("EnergyTokenBalanceTooLarge", slot=800, energyWh=1):
        mint(token, platform, 800, alice=1)


@pytest.mark.parametrize("entry", [0, 5, 1 << 192 | 5], ids=["nothing", "nobody", "no address"])
def test_nobody_gets_nothing_and_no_entry_is_passed_over(token: Contract, platform: Platform, entry: int) -> None:
    alice = int(platform.chain.address("alice"), 16) << 32 | 7
    with reverts("ERC1155InvalidReceiver"):
        token.send("mint", 800, [alice, entry, alice], sender=platform.holder("MARKET"))


def test_only_the_market_mints(token: Contract, platform: Platform) -> None:
    with reverts("AccessManagedUnauthorized"):
        token.send("mint", 800, [1 << 32 | 1], sender=platform.chain.address("alice"))


def test_minting_says_so_as_the_standard_does(token: Contract, platform: Platform) -> None:
    alice = platform.chain.address("alice")
    receipt = token.send("mint", 800, [int(alice, 16) << 32 | 7], sender=platform.holder("MARKET"))

    event = receipt.event(token, "TransferSingle")
    assert (int(event["from"], 16), event["to"].lower(), event["id"], event["value"]) == (0, alice.lower(), 800, 7)


def test_a_transfer_moves_one_slot_only(token: Contract, platform: Platform) -> None:
    alice, bob = (platform.chain.address(name) for name in ("alice", "bob"))
    mint(token, platform, 800, alice=10)
    mint(token, platform, 801, alice=20)

    token.send("safeTransferFrom", alice, bob, 800, 4, b"", sender=alice)

    holders, ids = [alice, alice, bob, bob], [800, 801, 800, 801]
    assert list(token.call("balanceOfBatch", holders, ids)) == [6, 20, 4, 0]


def test_a_batch_moves_all_or_nothing(token: Contract, platform: Platform) -> None:
    alice, bob = (platform.chain.address(name) for name in ("alice", "bob"))
    mint(token, platform, 800, alice=10)
    mint(token, platform, 801, alice=20)

    with reverts("ERC1155InsufficientBalance", balance=20, needed=21, tokenId=801):
        token.send("safeBatchTransferFrom", alice, bob, [800, 801], [1, 21], b"", sender=alice)
    token.send("safeBatchTransferFrom", alice, bob, [800, 801], [1, 2], b"", sender=alice)

    assert list(token.call("balanceOfBatch", [bob, bob], [800, 801])) == [1, 2]


def test_others_need_an_approval(token: Contract, platform: Platform) -> None:
    alice, bob = (platform.chain.address(name) for name in ("alice", "bob"))
    mint(token, platform, 800, alice=10)

    with reverts("ERC1155MissingApprovalForAll", operator=bob, owner=alice):
        token.send("safeTransferFrom", alice, bob, 800, 1, b"", sender=bob)
    token.send("setApprovalForAll", bob, True, sender=alice)
    token.send("safeTransferFrom", alice, bob, 800, 1, b"", sender=bob)

    assert token.call("balanceOf", bob, 800) == 1


def test_a_contract_that_receives_nothing_gets_nothing_but_cannot_stop_a_mint(
    token: Contract, platform: Platform, chain: Chain
) -> None:
    alice, wall = chain.address("alice"), platform.ledger.address
    entry = int(wall, 16) << 32 | 5

    token.send("mint", 800, [entry], sender=platform.holder("MARKET"))
    mint(token, platform, 800, alice=1)

    assert token.call("balanceOf", wall, 800) == 5
    with reverts("ERC1155InvalidReceiver", receiver=wall):
        token.send("safeTransferFrom", alice, wall, 800, 1, b"", sender=alice)


def test_retired_tokens_are_gone_with_the_claim_on_record(token: Contract, platform: Platform) -> None:
    alice = platform.chain.address("alice")
    mint(token, platform, 800, alice=10)

    receipt = token.send("retire", 800, 4, "Alice's laundry", sender=alice)

    assert receipt.event(token, "Retired")["claim"] == "Alice's laundry"
    state = [token.call(view, 800) for view in ("totalSupply", "totalRetired")]
    assert (token.call("balanceOf", alice, 800), *state) == (6, 6, 4)


def test_nobody_retires_what_is_not_there_or_not_his(token: Contract, platform: Platform) -> None:
    alice, bob = (platform.chain.address(name) for name in ("alice", "bob"))
    mint(token, platform, 800, alice=10)

    with reverts("ERC1155InsufficientBalance", balance=10, needed=11):
        token.send("retire", 800, 11, "", sender=alice)
    with reverts("EnergyTokenNothingToRetire"):
        token.send("retire", 800, 0, "", sender=alice)
    with reverts("ERC1155MissingApprovalForAll", operator=bob):
        token.send("retireFrom", alice, [800], [1], "", sender=bob)


@pytest.mark.parametrize("interface", ["01ffc9a7", "d9b67a26", "0e89341c"])
def test_it_says_that_it_is_erc_165_and_erc_1155(token: Contract, interface: str) -> None:
    # Identifiers from the standards' texts.
    assert token.call("supportsInterface", bytes.fromhex(interface)) is True
