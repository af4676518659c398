"""Settlement.sol and p2ptrade.domain.settlement pay every account the same, to the micro-credit.

Paths: given a cleared slot with any mix of buyers, sellers and others, when pages settle it under each imbalance rule,
then ledger entries, tokens and system accounts are those computed in Python; one page or several, slots on end.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Self

import pytest

from p2ptrade.chain.settlement_page import pack_slot
from p2ptrade.domain.settlement import ImbalanceRule, RetailPrices, SlotSettlement, settle_slot
from p2ptrade.domain.units import PriceMicroPerKwh
from tests.support.chain import Receipt
from tests.support.platform import ESCROW, FIRST_PARTICIPANT, Platform, unpack_moved
from tests.support.settlement import (
    CAPACITY_KW,
    FIRST_SLOT,
    SettlementStage,
    deploy_settlement,
    publish_flat_tariff,
    random_rules,
    random_slot,
)
from tests.support.simulation import SimulatedChain, on

HOMES = 12
DEPOSIT = 10**12
ODD_PRICES = RetailPrices(PriceMicroPerKwh(300_001), PriceMicroPerKwh(80_999))
"""Of which a Wh costs no whole number of micro-credits, so that rounding shows."""


def moved(stage: SettlementStage, receipts: list[Receipt]) -> dict[int, int]:
    """Return cash changes by account from the ledger's events."""
    flows: dict[int, int] = {}
    for receipt in receipts:
        for event in receipt.events(stage.platform.ledger, "Moved"):
            for account, delta in unpack_moved(event["entries"]):
                flows[account] = flows.get(account, 0) + delta
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


@dataclass(frozen=True)
class Setting:
    """Settlement under random rules, with homes that can settle from slot `first` on."""

    stage: SettlementStage
    accounts: list[int]
    first: int

    @classmethod
    def random(cls, platform: Platform, random: Random, rule: ImbalanceRule) -> Self:
        """Deploy settlement with random rules but for that of imbalance, with odd prices on the day of `first`."""
        stage = deploy_settlement(platform, replace(random_rules(random), imbalance_rule=rule))
        first = FIRST_SLOT + 96
        publish_flat_tariff(platform, first // 96, ODD_PRICES)
        accounts = admit_homes(platform, HOMES)
        assert accounts[0] >= FIRST_PARTICIPANT
        return cls(stage, accounts, first)

    def compare(self, random: Random, slot: int, records_per_page: int) -> bool:
        """Settle a random slot on the chain and in Python, compare them, and return whether somebody traded."""
        metered, cleared = random_slot(random, self.accounts, most_wh=random.choice((7, 5_000)))

        receipts = self.stage.settle_slot(slot, metered, cleared, records_per_page=records_per_page)

        settled = settle_slot(metered, cleared, ODD_PRICES, self.stage.rules)
        assert moved(self.stage, receipts) == {a: micro for a, micro in settled.flows.items() if micro}
        assert tokens(self.stage, slot, HOMES) == expected_tokens(settled)
        assert self.stage.token.call("totalSupply", slot) == settled.totals.delivered_wh == settled.minted_wh
        assert len(receipts) == len(pack_slot(metered, records_per_page).pages)
        return cleared.bought_wh > 0


@pytest.mark.parametrize("seed", range(12))
def test_random_slots_are_settled_alike_by_contract_and_python(platform: Platform, seed: int) -> None:
    random = Random(seed)
    setting = Setting.random(platform, random, list(ImbalanceRule)[seed % 3])
    slots = range(setting.first, setting.first + 6)

    traded = [setting.compare(random, slot, records_per_page=[800, 5][seed // 3 % 2]) for slot in slots]

    assert any(traded)
    assert platform.cash(ESCROW) == 0, "nothing stays in escrow when all slots are settled"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_ten_thousand_random_slots_are_settled_alike(platform: Platform, seed: int) -> None:
    random = Random(seed)
    setting = Setting.random(platform, random, list(ImbalanceRule)[seed % 3])
    chain = SimulatedChain(platform.chain.client)
    simulated = replace(setting, stage=on(chain, setting.stage))
    traded = 0

    for slot in [setting.first + number % 96 for number in range(250)]:
        chain.begin(slot * 900)
        traded += simulated.compare(random, slot, records_per_page=[800, 5, 2][seed // 3 % 3])

    assert traded > 100
