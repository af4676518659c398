"""Settlement.sol and p2ptrade.domain.settlement pay every account the same, to the micro-credit.

Paths: given a cleared slot with any mix of buyers, sellers and others, when pages settle it under each imbalance rule,
then ledger entries, tokens and system accounts are those computed in Python; one page or several, slots on end.
"""

from dataclasses import replace
from random import Random

import pytest

from p2ptrade.chain.settlement_page import pack_slot
from p2ptrade.domain.settlement import ImbalanceRule, RetailPrices, SlotSettlement, settle_slot
from p2ptrade.domain.units import PriceMicroPerKwh
from tests.support.chain import Chain, Receipt
from tests.support.platform import FIRST_PARTICIPANT, Platform
from tests.support.settlement import (
    CAPACITY_KW,
    FIRST_SLOT,
    SettlementStage,
    deploy_settlement,
    publish_flat_tariff,
    random_rules,
    random_slot,
)

HOMES = 12
DEPOSIT = 10**12
ODD_PRICES = RetailPrices(PriceMicroPerKwh(300_001), PriceMicroPerKwh(80_999))
"""Of which a Wh costs no whole number of micro-credits, so that rounding shows."""


def moved(stage: SettlementStage, receipts: list[Receipt]) -> dict[int, int]:
    """Return cash changes by account from the ledger's events."""
    flows: dict[int, int] = {}
    for receipt in receipts:
        for event in receipt.events(stage.platform.ledger, "Moved"):
            for at in range(0, len(event["entries"]), 12):
                account = int.from_bytes(event["entries"][at : at + 4], "big")
                flows[account] = flows.get(account, 0) + int.from_bytes(
                    event["entries"][at + 4 : at + 12], "big", signed=True
                )
    return {account: micro for account, micro in flows.items() if micro}


def tokens(stage: SettlementStage, slot: int, homes: int) -> list[int]:
    owners = [stage.chain.address(f"home {number}") for number in range(homes)]
    return list(stage.token.call("balanceOfBatch", owners, [slot] * homes))


def expected_tokens(settled: SlotSettlement) -> list[int]:
    return [account.minted_wh for account in settled.accounts]


def admit_homes(platform: Platform, count: int) -> list[int]:
    return platform.admit_many(
        [f"home {number}" for number in range(count)], capacity_kw=CAPACITY_KW, cash_micro=DEPOSIT
    )


def compare_random_slots(platform: Platform, chain: Chain, seed: int, slots: int, records_per_page: int) -> int:
    """Settle random slots on the chain and in Python, compare them, and return how many had trades."""
    random = Random(seed)
    rules = replace(random_rules(random), imbalance_rule=list(ImbalanceRule)[seed % 3])
    stage = deploy_settlement(platform, rules)
    first = FIRST_SLOT + 96
    publish_flat_tariff(platform, first // 96, ODD_PRICES)
    accounts = admit_homes(platform, HOMES)
    assert accounts[0] >= FIRST_PARTICIPANT
    traded = 0
    for slot in range(first, first + slots):
        metered, cleared = random_slot(random, accounts, most_wh=random.choice((7, 5_000)))
        traded += cleared.bought_wh > 0

        receipts = stage.settle_slot(slot, metered, cleared, records_per_page=records_per_page)

        settled = settle_slot(metered, cleared, ODD_PRICES, rules)
        assert moved(stage, receipts) == {a: micro for a, micro in settled.flows.items() if micro}
        assert tokens(stage, slot, HOMES) == expected_tokens(settled)
        assert stage.token.call("totalSupply", slot) == settled.totals.delivered_wh == settled.minted_wh
        assert len(receipts) == len(pack_slot(metered, records_per_page).pages)
    assert platform.cash(1) == 0, "nothing stays in escrow when all slots are settled"
    return traded


@pytest.mark.parametrize("seed", range(12))
def test_random_slots_are_settled_alike_by_contract_and_python(platform: Platform, chain: Chain, seed: int) -> None:
    traded = compare_random_slots(platform, chain, seed, slots=12, records_per_page=[800, 5][seed // 3 % 2])

    assert traded > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_ten_thousand_random_slots_are_settled_alike(platform: Platform, chain: Chain, seed: int) -> None:
    traded = compare_random_slots(platform, chain, seed, slots=250, records_per_page=[800, 5, 2][seed % 3])

    assert traded > 100
