"""The office killed at every place at which it can be killed, while credits, demurrage, rewards, refunds are due: once.

A life of `p2ptrade office run` ends at one place; the next one goes on from the chain and the outbox. Then the history
is judged: what the outbox meant is in the chain once, every fact was issued once, every account was looked at once, the
period was rewarded and refunded once, and supply, books, reputation and refunds are computed again without a
difference.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest

from p2ptrade import cli
from p2ptrade.chain.engine import free_port
from p2ptrade.config import DEV_ACCOUNTS, dev_key
from p2ptrade.domain.units import AccountId, AmountMicro
from p2ptrade.office import service as office
from p2ptrade.office.demurrage import collect_demurrage
from p2ptrade.store import Database
from p2ptrade.store.outbox import OutboxTable
from tests.integration.settled_slot import BUYER, IDLE, SELLER, SILENT, SLOT, trade_and_settle
from tests.integration.test_rewards_on_chain import post_days
from tests.support.history import check_history
from tests.support.small_market import CREDIT, DAY, SmallMarket, small_market

OUTBOX = ("outbox.before-store", "outbox.stored", "outbox.sent", "outbox.before-update", "outbox.updated")
ACTS = ("issue", "demurrage", "rewards", "guarantee")
PLACES = (*OUTBOX, *(f"office.{when}-{act}" for act in ACTS for when in ("before", "after")))
# Each of the acts is cut off before, within and after it.
LIVES = (
    "office.before-issue",
    *OUTBOX,
    "outbox.sent:2",
    "office.after-issue",
    "office.before-demurrage",
    "outbox.stored",
    "office.after-demurrage",
    "office.before-rewards",
    "outbox.sent",
    "office.after-rewards",
    "office.before-guarantee",
    "outbox.sent",
    "office.after-guarantee",
)
PER_KWH, PER_REPORT, SUBSIDY = 7_000, 11, 30 * CREDIT
FREE, PPM_PER_DAY, LOOKED_AT, DAYS_BETWEEN = 10 * CREDIT, 12_345, DAY, 9
RULES: dict[str, Any] = {
    "issuing": {
        "registration": {"rate_micro": CREDIT, "cap_micro_per_day": 3 * CREDIT},
        "clean_energy": {"rate_micro": PER_KWH, "cap_micro_per_day": CREDIT},
        "oracle_work": {"rate_micro": PER_REPORT, "cap_micro_per_day": CREDIT},
    },
    "demurrage_ppm_per_day": PPM_PER_DAY,
    "demurrage_free_micro": FREE,
    "reward_period_days": 2,
    "reward_places": 2,
    "reward_subsidy_micro": SUBSIDY,
    "correction_window_s": 86_400,
    "guarantee_period_days": 2,
    "deviation_micro_per_kwh": 20_000,
}
METERED_WH = {BUYER: 100, SELLER: -900, SILENT: 400, IDLE: 250}
LIFE_S = 180.0


def make_everything_due(world: SmallMarket, folder: Path) -> None:
    """Let a day pass whose facts are to be issued, a period end, and demurrage of some days fall due."""
    group = trade_and_settle(world, folder, one_stays_sealed=True, metered_wh=METERED_WH)
    collect_demurrage(world.market, world.outbox("registrar"))
    world.warp_to((DAY + DAYS_BETWEEN) * 86_400)
    post_days(group, DAY + 1)
    group.close()
    treasurer = world.outbox("treasurer")
    deposit = office.Deposit(treasurer.sender, AmountMicro(SUBSIDY + CREDIT), "what a sponsor gave")
    office.record_deposits(world.market, treasurer, [deposit])
    for account, amount, name in ((8, SUBSIDY, "rewards"), (9, CREDIT, "guarantee")):
        for intent in office.pay_in(world.market, treasurer, AccountId(account), AmountMicro(amount), name):
            treasurer.wait(intent)
    (world.folder / "p2ptrade.toml").write_text(
        f"""
[chain]
url = "{world.engine.url}"
deployment = "deployment"
[office]
state = "office"
interval_s = 0.1
port = {free_port()}
issuer = {{ dev_account = {DEV_ACCOUNTS["issuer"]} }}
"""
    )


def is_ready(world: SmallMarket) -> bool:
    """Return whether the office has made a step."""
    port = (world.folder / "p2ptrade.toml").read_text().split("port = ")[1].split()[0]
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def all_is_done(world: SmallMarket) -> bool:
    """Return whether nothing is due any more, by the chain alone."""
    market = world.market
    assert market.demurrage is not None
    assert market.guarantee is not None
    looks = market.demurrage.looked_at_on([home.account for home in world.homes])
    issued = market.credits.supply().issued == issued_in_the_end(world)
    paid = market.rewards.next_period() == market.guarantee.next_period() == 1
    return issued and set(looks.values()) == {DAY + DAYS_BETWEEN} and paid


def issued_in_the_end(world: SmallMarket) -> int:
    """Return what the rules give: four homes share 3 credits, 900 Wh were delivered, 3 sign a report."""
    settled = len(world.market.settlement.events("Settled", first=world.market.first_block))
    return 3 * CREDIT + 900 * PER_KWH // 1000 + 3 * settled * PER_REPORT


def live(world: SmallMarket, place: str | None, is_done: Callable[[], bool]) -> int | None:
    """Let the office run until it is killed at a place, or all is done; return how it ended."""
    environment = os.environ | ({} if place is None else {"P2PTRADE_CRASH_AT": place})
    command = [sys.executable, "-m", "p2ptrade", "office", "run", "--config", str(world.folder / "p2ptrade.toml")]
    with (world.folder / "office.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + LIFE_S
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if is_done():
                process.terminate()
                process.wait(LIFE_S)
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
            raise AssertionError(f"nothing came of the life that was to end at {place}: see {log.name}")
    return process.returncode


def cash(world: SmallMarket) -> list[int]:
    return [world.market.ledger.cash(home.account) for home in world.homes]


def after_demurrage(amount: int) -> int:
    """Return what is left of idle cash after the days between the looks, each day's share rounded down."""
    above = max(0, amount - FREE)
    for _ in range(DAYS_BETWEEN):
        above -= int(Fraction(above * PPM_PER_DAY, 1_000_000))
    return min(amount, FREE) + above


def require_all_done_once(world: SmallMarket, before: Sequence[int], capsys: pytest.CaptureFixture[str]) -> None:
    market, issuer = world.market, dev_key(DEV_ACCOUNTS["issuer"]).address
    entries = OutboxTable(Database.open(world.folder / "office" / "issuer.sqlite")).entries()
    verdict = check_history(market.client, [issuer], entries)
    assert verdict.clean, verdict

    issues = market.credits.events("Issued", first=market.first_block)
    assert set(Counter(bytes(each.values["reason"]) for each in issues).values()) == {1}
    assert market.credits.supply().issued == issued_in_the_end(world)

    expected = [after_demurrage(each) for each in before]
    expected[SELLER] += 20 * CREDIT
    # The buyer paid 0.136 for 1 kWh and 0.016 of penalty, fed 0.9 in, and would have paid for 0.1 alone.
    (tariff,) = market.tariffs.prices([SLOT])
    refund = 152_000 - 900 * tariff.feed_in // 1000 - 100 * tariff.retail // 1000
    expected[BUYER] += 10 * CREDIT + refund
    assert cash(world) == expected

    for what in ("supply", "books", "reputation", "guarantee"):
        assert cli.run(["audit", what, "--json", "--config", str(world.folder / "p2ptrade.toml")]) == 0
        assert json.loads(capsys.readouterr().out)["differences"] == []


@pytest.mark.timeout(900)
def test_the_office_killed_everywhere_issues_collects_rewards_and_refunds_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_market(tmp_path / "market", homes=4, **RULES) as world:
        make_everything_due(world, tmp_path / "day")
        before = cash(world)

        ends = {place: live(world, place, lambda: False) for place in LIVES}
        last = live(world, None, lambda: is_ready(world) and all_is_done(world))
        capsys.readouterr()

        assert ends == dict.fromkeys(LIVES, -signal.SIGKILL)
        assert {place.partition(":")[0] for place in LIVES} == set(PLACES)
        assert last == 0
        require_all_done_once(world, before, capsys)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "seed",
    [
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4)),
        *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 24)),
    ],
)
def test_the_office_killed_in_another_order_issues_collects_and_rewards_once(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = random.Random(seed)
    plan = drawn.sample(OUTBOX, len(OUTBOX)) + drawn.sample(PLACES, len(PLACES))
    with small_market(tmp_path / "market", homes=4, **RULES) as world:
        make_everything_due(world, tmp_path / "day")
        before = cash(world)

        def is_over() -> bool:
            return is_ready(world) and all_is_done(world)

        killed = [place for place in plan if live(world, place, is_over) == -signal.SIGKILL]
        last = live(world, None, is_over)
        capsys.readouterr()

        # The office passes by its own places in every life, by the outbox's only while something is left to send.
        assert set(killed) >= set(PLACES) - set(OUTBOX)
        assert len(killed) >= len(PLACES) - len(OUTBOX) + 3
        assert last == 0
        require_all_done_once(world, before, capsys)
