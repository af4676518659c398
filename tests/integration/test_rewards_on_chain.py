"""A day's reputation posted by oracles, its period rewarded by one command, and both computed again by the audit."""

import json
from collections.abc import Iterator

import pytest

from p2ptrade.office.periods import PeriodClerk
from tests.integration.settled_slot import BUYER, IDLE, SELLER, SILENT, SLOT, trade_and_settle
from tests.support.market_commands import Run, commands, give_to_treasurer, write_settings
from tests.support.oracles import TAKEOVER_S, TIMEOUT_S, Group
from tests.support.small_market import CREDIT, DAY, SmallMarket, small_market

SUBSIDY = 30 * CREDIT


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    """A market whose first two days have their reputation posted; they are a period of rewards."""
    folder = tmp_path_factory.mktemp("rewards")
    rules = {"reward_period_days": 2, "reward_places": 2, "reward_subsidy_micro": SUBSIDY}
    with small_market(folder, homes=4, **rules) as made:
        group = trade_and_settle(made, tmp_path_factory.mktemp("day"), one_stays_sealed=True)
        watched = [member.oracle.metrics.registry for member in group.members]
        for registry in watched:
            delays = registry.get_sample_value("p2ptrade_oracle_payment_delay_seconds_count")
            assert delays == registry.get_sample_value("p2ptrade_oracle_slots_settled_total") != 0
        made.warp_to((DAY + 9) * 86_400)  # slots without readings are stale by now
        post_days(group, DAY + 1)
        group.close()
        write_settings(made, home=SELLER)
        give_to_treasurer(made, SUBSIDY)
        yield made


def post_days(group: Group, until: int) -> None:
    """Let the oracles post one day after the other, up to and without `until`."""
    client = group.world.market.client
    for _ in range(40):
        if group.world.market.reputation.next_day() >= until:
            return
        for member in group.members:
            assert member.oracle.days is not None
            member.oracle.days.step(client.now_s())
            member.outbox.advance()
        group.world.warp_to(client.now_s() + 60)
    raise AssertionError(f"reputation stands at day {group.world.market.reputation.next_day()}")


@pytest.fixture
def run(world: SmallMarket, capsys: pytest.CaptureFixture[str]) -> Run:
    return commands(world, capsys)


def test_a_period_is_paid_once_by_rank_and_the_audit_computes_it_again(run: Run, world: SmallMarket) -> None:
    market, accounts = world.market, [home.account for home in world.homes]
    before = {account: market.ledger.cash(account) for account in accounts}

    PeriodClerk(market, world.outbox("issuer")).step()  # which logs that it cannot pay, and goes on
    world.give_up("issuer")
    unready = json.loads(run("office", "check", "--json", code=1)[0])
    _, unfunded = run("office", "rewards", "pay", code=1)
    run("office", "rewards", "fund", "--amount-micro", str(SUBSIDY), "--reference", "sponsor")
    ready = json.loads(run("office", "check", "--json")[0])
    paid = json.loads(run("office", "rewards", "pay", "--json")[0])
    again = json.loads(run("office", "rewards", "pay", "--json")[0])
    audited = json.loads(run("audit", "reputation", "--json")[0])
    shown, _ = run("audit", "reputation")

    # Buyer and seller made one deal each, out of tolerance: 1,300 and 900 of 1,000 Wh; 50 Wh or a tenth are tolerated.
    # The seller's 900 is just within it. So the seller scores (1 + 1) / 2, the buyer (0 + 1) / 2.
    facts = {each["account"]: each for each in audited["accounts"]}
    scores = [facts[accounts[who]]["score_ppm"] for who in (BUYER, SELLER, SILENT, IDLE)]
    assert scores == [500_000, 1_000_000, 250_000, 250_000]
    assert "the rewards account holds 0" in unfunded
    assert [each["ok"] for each in unready["checks"]] == [True, True, True, False]
    assert ready["ok"]
    # Two places share 30 credits as two to one.
    assert paid == [{"period": 0, "paid_micro": {str(accounts[SELLER]): 20_000_000, str(accounts[BUYER]): 10_000_000}}]
    assert again == []
    gained = [market.ledger.cash(account) - before[account] for account in accounts]
    assert gained == [10_000_000, 20_000_000, 0, 0]
    # One never opened its order, which counts twice; one sealed nothing, and was idle for a day.
    silent, idle = facts[accounts[SILENT]], facts[accounts[IDLE]]
    assert (silent["unopened"], silent["taken_part"], silent["idle_days"]) == (1, 2, 0)
    assert (idle["unopened"], idle["taken_part"], idle["idle_days"]) == (0, 1, 1)
    assert [facts[accounts[who]]["may_stand"] for who in (BUYER, SELLER, SILENT, IDLE)] == [False, True, False, False]
    assert audited["days"] == 2
    assert audited["periods"] == paid
    assert audited["differences"] == []
    assert "2 days and 1 periods of rewards computed again; 0 differences" in shown


def test_the_time_from_reading_to_payment_is_that_of_the_block_that_paid(run: Run, world: SmallMarket) -> None:
    found = json.loads(run("audit", "delays", "--json")[0])
    shown, _ = run("audit", "delays")

    rpc = world.market.client.rpc
    paid = {each["slot"]: each for each in found["slots"]}[SLOT]
    block = rpc.call("eth_getTransactionReceipt", paid["transaction"])["blockNumber"]
    assert paid["delay_s"] == int(rpc.call("eth_getBlockByNumber", block, False)["timestamp"], 16) - (SLOT + 1) * 900
    # The oracles wait for the reading that is missing, and then for each other.
    assert TIMEOUT_S <= paid["delay_s"] <= found["longest_s"] <= TIMEOUT_S + 4 * TAKEOVER_S
    assert f"from reading to payment {found['median_s']} s in the median" in shown


def test_a_participant_sees_its_reputation_and_what_it_is_good_for(run: Run, world: SmallMarket) -> None:
    found = json.loads(run("wallet", "reputation", "--json")[0])
    shown, _ = run("wallet", "reputation")

    # One deal out of one slot, kept: the best class, whose bond and collateral the contract says.
    auction = world.market.auction
    assert (found["score_ppm"], found["class"], found["may_stand"]) == (1_000_000, 3, True)
    assert found["bond_micro"] == auction.read("bondOf", 3) <= auction.read("bondOf", 0)
    assert found["collateral_micro_per_kwh"] == auction.read("collateralPriceOf", 3)
    assert "reputation 1.000 of 1, class 3 of 0 to 3\n1 of 1 deals were kept" in shown
    assert shown.endswith("may stand as a validator\n")


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("office demurrage", "demurrage"),
        ("office guarantee check", "guarantee"),
        ("office guarantee pay", "guarantee"),
        ("office guarantee fund --amount-micro 1 --reference sponsor", "guarantee"),
        ("audit guarantee", "guarantee"),
    ],
)
def test_a_market_without_an_option_says_so(run: Run, command: str, option: str) -> None:
    _, message = run(*command.split(), code=1)

    assert f"this market has no {option}" in message
