"""The slot that docs/settlement.md works through, and that the document still has these very numbers."""

import re
from pathlib import Path

from p2ptrade.domain.metered import ClearedSlot, MeteredAccount
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import RetailPrices, SettlementRules, SystemAccount, settle_slot
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import MICRO_PER_CREDIT, AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "settlement.md"
SELLER, BUYER, HOUSE = AccountId(16), AccountId(17), AccountId(18)


def test_the_worked_slot_comes_out_as_the_document_says() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rules = SettlementRules(Deviation(PriceMicroPerKwh(20_000), EnergyWh(50), SharePpm(100_000)))
    sold = Position(SELLER, EnergyWh(-1_000), AmountMicro(50_000), AmountMicro(250_000))
    bought = Position(BUYER, EnergyWh(1_000), AmountMicro(216_000), AmountMicro(0))
    accounts = [
        MeteredAccount(SELLER, EnergyWh(-850), sold),
        MeteredAccount(BUYER, EnergyWh(1_100), bought),
        MeteredAccount(HOUSE, EnergyWh(400)),
    ]
    prices = RetailPrices(PriceMicroPerKwh(300_000), PriceMicroPerKwh(80_000))

    settled = settle_slot(accounts, ClearedSlot(EnergyWh(1_000), AmountMicro(16_000)), prices, rules)

    stated = [round(float(number) * MICRO_PER_CREDIT) for number in re.findall(r"\*\*([+-][\d.]+)\*\*", text)]
    assert [settled.flows[account] for account in (SELLER, BUYER, HOUSE)] == stated == [204_000, -30_000, -120_000]
    for word, account in (
        ("retailer", SystemAccount.RETAILER),
        ("grid", SystemAccount.DSO),
        ("escrow", SystemAccount.ESCROW),
    ):
        (number,) = re.findall(rf"^{word} +([+-][\d.]+)", text, re.MULTILINE)
        assert settled.flows[account] == round(float(number) * MICRO_PER_CREDIT)
    assert f"tokens {settled.minted_wh:>7} Wh" in text
