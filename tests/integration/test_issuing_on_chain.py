"""Credits issued by the four rules for what a real day left on the chain, and the audit that traces each of them.

Paths: a day issued, once; a dry run; the cap used up, and the day after; a recipient outside of the closed loop; an
issue for nothing, which the audit names.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.keys import SigningKey
from p2ptrade.config import DEV_ACCOUNTS, DEV_ORACLES, dev_key
from p2ptrade.domain.issuing import Due, Fact, IssuingRule
from p2ptrade.domain.units import AmountMicro
from tests.integration.settled_slot import BUYER, trade_and_settle
from tests.support.market_commands import commands, write_settings
from tests.support.small_market import CREDIT, DAY, SmallMarket, small_market

PER_KWH, PER_REPORT, PER_BLOCK = 7_000, 11, 13
TERMS = {
    "registration": {"rate_micro": CREDIT, "cap_micro_per_day": 3 * CREDIT},
    "clean_energy": {"rate_micro": PER_KWH, "cap_micro_per_day": CREDIT},
    "oracle_work": {"rate_micro": PER_REPORT, "cap_micro_per_day": CREDIT},
    "validator_work": {"rate_micro": PER_BLOCK, "cap_micro_per_day": CREDIT},
}
STRANGER = SigningKey.from_secret(keccak(b"a validator whom nobody knows")).address
DEPOSITED = 4 * 50 * CREDIT + 100 * CREDIT  # of the homes, and the relay's stake
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    folder = tmp_path_factory.mktemp("issuing")
    with small_market(folder, homes=4, issuing=TERMS) as made:
        made.market.client.rpc.call("anvil_setCoinbase", dev_key(DEV_ACCOUNTS["dso"]).address)
        trade_and_settle(made, tmp_path_factory.mktemp("day")).close()
        made.market.client.rpc.call("anvil_setCoinbase", STRANGER)
        write_settings(made, home=BUYER)
        made.warp_to((DAY + 1) * 86_400)
        yield made


@pytest.fixture
def run(world: SmallMarket, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str, code: int = 0) -> Any:
        output, messages = commands(world, capsys)(*arguments, "--json", code=code)
        return json.loads(output), messages

    return call


def proposed_by(world: SmallMarket, who: str) -> int:
    """Count the blocks that `who` proposed, one by one."""
    rpc = world.market.client.rpc
    last = int(rpc.call("eth_blockNumber"), 16)
    blocks = (rpc.call("eth_getBlockByNumber", hex(number), False) for number in range(last + 1))
    return sum(block["miner"] == who.lower() for block in blocks)


def test_a_day_is_issued_once_by_its_facts_and_the_audit_traces_all_of_it(run: Run, world: SmallMarket) -> None:
    market, buyer = world.market, world.homes[BUYER].key.address
    before = market.credits.supply()

    planned, _ = run("office", "issue", "--dry-run")
    untouched = market.credits.supply()
    issued, _ = run("office", "issue")
    again, _ = run("office", "issue")
    audited, _ = run("audit", "supply")

    settled = len(market.settlement.events("Settled", first=0))
    by_rule: dict[str, Counter[str]] = defaultdict(Counter)
    for each in issued:
        by_rule[each["rule"]][each["recipient"]] += each["amount_micro"]
    dso = dev_key(DEV_ACCOUNTS["dso"]).address
    assert untouched == before
    assert [each["outcome"] for each in issued] == [each["outcome"] for each in planned] == ["issued"] * len(issued)
    assert again == []
    # Four homes came on one day, to a cap of three credits.
    assert by_rule["registration"] == {home.key.address: 750_000 for home in world.homes}
    # The seller delivered 900 of 1,000 Wh.
    assert by_rule["clean energy"] == {buyer: 900 * PER_KWH // 1000}
    assert set(by_rule["oracle work"]) <= {dev_key(index).address for index in DEV_ORACLES}
    assert sum(by_rule["oracle work"].values()) == 3 * settled * PER_REPORT > 0
    assert by_rule["validator work"] == {dso: proposed_by(world, dso) * PER_BLOCK}
    total = sum(each["amount_micro"] for each in issued)
    assert market.credits.balance(buyer) == 750_000 + 6_300
    assert audited["issued_micro"] == {rule: sum(amounts.values()) for rule, amounts in by_rule.items()}
    assert (audited["deposited_micro"], audited["redeemed_micro"]) == (DEPOSITED, 0)
    assert audited["recomputed_supply_micro"] == audited["stored_supply_micro"] == DEPOSITED + total
    assert [each["fact"] is None for each in audited["issues"]] == [False] * len(issued)


def test_what_the_cap_does_not_allow_today_is_issued_tomorrow_and_an_issue_for_nothing_is_named(
    run: Run, world: SmallMarket
) -> None:
    market = world.market
    run("office", "issue")
    world.admit([SigningKey.from_secret(keccak(b"a fifth home"))], cash_micro=0)
    newcomer = world.homes[-1].key.address
    world.warp_to((DAY + 2) * 86_400)
    forged = Due(Fact(IssuingRule.REGISTRATION, DAY, world.homes[0].key.address + "?", 1), AmountMicro(3 * CREDIT - 5))
    data = market.credits.call_data(
        "issue", int(forged.fact.rule), world.homes[0].key.address, forged.amount_micro, forged.fact.reason
    )
    world.outbox("issuer").submit("a private issue", market.credits.address, data)
    world.outbox("issuer").wait("a private issue")
    world.give_up("issuer")

    waiting, _ = run("office", "issue")
    world.warp_to((DAY + 3) * 86_400)
    issued, _ = run("office", "issue")
    audited, message = run("audit", "supply", code=1)

    outcome = {each["recipient"]: each["outcome"] for each in waiting if each["rule"] == "registration"}
    assert outcome == {newcomer: "over_the_cap"}
    assert market.credits.balance(newcomer) == CREDIT
    strangers = {each["outcome"] for each in waiting + issued if each["recipient"] == STRANGER}
    assert strangers == {"no_holder"}
    assert market.credits.balance(STRANGER) == 0
    assert audited["recomputed_supply_micro"] == audited["stored_supply_micro"]
    (difference,) = audited["differences"]
    assert "credits issued for registration to " + world.homes[0].key.address in difference
    assert difference.endswith(f"the events give 0, the chain says {3 * CREDIT - 5}")
    assert "the supply of credits does not follow from the events" in message


def test_a_redemption_leaves_the_supply(run: Run, world: SmallMarket, tmp_path: Path) -> None:
    key = world.homes[BUYER].key
    outbox = world.outbox_of(key)
    held = world.market.credits.balance(key.address)
    data = world.market.credits.call_data("redeem", held, b"rent".ljust(32))
    outbox.submit("redeem", world.market.credits.address, data)
    outbox.wait("redeem")

    found = world.market.credits.supply()

    assert found.redeemed == held > 0
    assert found.existing == found.deposited + found.issued - found.redeemed
