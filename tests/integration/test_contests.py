"""Contests of settled slots, with four oracles of which one is dead, the real contracts and the wallet's command.

Paths: a quorum that lied, shown by the reading that the oracles have; an estimate, replaced by a better one that one
oracle is handed; a reading that is not better: of the same quality but another value, of lower quality, of another
slot, signed by a stranger, impossible beside its neighbours, what was settled already, never handed in; oracles killed
after every step.
"""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

from p2ptrade import cli
from p2ptrade.audit.books import audit_books
from p2ptrade.chain.contracts.settlement import SettlementState
from p2ptrade.chain.keys import SigningKey, write_keystore
from p2ptrade.chain.typed_data import ReadingMessage, sign
from p2ptrade.domain.reading import Quality, Reading, Registers, SignedReading
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.oracle.contest import Standing
from p2ptrade.oracle.desk import Taken
from p2ptrade.transport.reading_messages import reading_message
from p2ptrade.transport.server import bind
from tests.support.oracle_stage import Stage, report_instead
from tests.support.oracles import TAKEOVER_S, Group, send
from tests.support.small_market import GATEWAY, SmallMarket, small_market

DEAD = 3
ALIVE = (0, 1, 2)
PASSWORD = "only for tests"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    with small_market(tmp_path_factory.mktemp("market"), homes=4) as made:
        yield made


@pytest.fixture
def stage(world: SmallMarket, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(world, tmp_path)
    yield made
    made.group.close()


@pytest.fixture
def account(stage: Stage) -> AccountId:
    return stage.first_account()


def settle(stage: Stage, net_wh: dict[AccountId, int], quality: Quality = Quality.MEASURED) -> None:
    """Let a slot be settled; the reading of the first account has `quality`. Then one oracle dies."""
    end = stage.slot
    first = stage.first_account()
    stage.readings_of(end, net_wh, silent=frozenset({first}))
    reading = stage.meters[first].read(end, net_wh.get(first, 0), quality)
    for member in stage.group.members:
        send(member, [reading])
    stage.rounds(3)
    assert stage.state() is SettlementState.SETTLED
    stage.group.lines[DEAD].cut = True


def contest(stage: Stage, account: AccountId, signed: SignedReading) -> None:
    """Let the account's owner contest the slot on the chain."""
    home = next(home for home in stage.world.homes if home.account == account)
    settlement, outbox = stage.world.market.settlement, stage.world.outbox_of(home.key)
    intent = f"contest/{stage.slot}/{signed.digest.hex()}"
    outbox.submit(intent, settlement.address, settlement.contest_data(stage.slot, account, signed.digest))
    outbox.wait(intent)


def standings(stage: Stage, account: AccountId) -> list[tuple[Standing, str]]:
    """Return what each oracle that lives says of the account's contests, where all of them must say the same."""
    said = []
    for index in ALIVE:
        contests = stage.group.members[index].oracle.drafter.contests
        own = [each for each in contests.of_slot(stage.slot) if each.account == account]
        said.append([(contests.verdict(each).standing, contests.verdict(each).reason) for each in own])
    assert said[0] == said[1] == said[2]
    return said[0]


def signed(stage: Stage, what: Reading, key: SigningKey = GATEWAY) -> SignedReading:
    message, domain = ReadingMessage.of(what), stage.world.market.reading_domain
    return SignedReading(what, message.digest(domain), sign(message, domain, key))


def test_what_a_lying_quorum_settled_is_put_right_by_the_reading_that_the_oracles_have(
    stage: Stage, account: AccountId
) -> None:
    retail, _ = stage.prices()
    before = stage.cash()
    for index in ALIVE:
        report_instead(stage, index, account, lambda energy_wh: 2 * energy_wh)
    settle(stage, {account: 1_000})
    assert before[account] - stage.cash()[account] == 2 * retail
    for index in ALIVE:
        stage.group.restart(index).view._first_priced = stage.slot

    contest(stage, account, stage.meters[account].readings[-1])
    stage.rounds(4, *ALIVE)

    assert stage.world.market.settlement.settlement(stage.slot).version == 2
    assert before[account] - stage.cash()[account] == retail, "the difference was paid back"
    assert {each: before[each] - cash for each, cash in stage.cash().items() if each != account} == dict.fromkeys(
        [each for each in before if each != account], 0
    )
    (standing, reason), *_ = standings(stage, account)
    assert (standing, reason) == (Standing.CORRECTED, "version 2 of the settlement has 1000 Wh")
    assert audit_books(stage.world.market).closed


def test_a_better_reading_that_one_oracle_is_handed_replaces_an_estimate_and_moves_its_energy_to_the_next_slot(
    stage: Stage, account: AccountId
) -> None:
    retail, _ = stage.prices()
    before = stage.cash()
    settle(stage, {account: 1_000}, Quality.INTERPOLATED)
    following = SlotNumber(stage.slot + 1)
    stage.readings_of(following, {account: 500})
    stage.rounds(3, *ALIVE)
    interpolated = stage.meters[account].readings[-2].reading
    assert interpolated.slot == stage.slot
    measured = replace(
        interpolated,
        registers=replace(interpolated.registers, import_wh=EnergyWh(interpolated.registers.import_wh - 200)),
        quality=Quality.MEASURED,
        sequence=interpolated.sequence + 1_000,
    )

    contest(stage, account, signed(stage, measured))
    stage.rounds(1, *ALIVE)
    assert standings(stage, account)[0][0] is Standing.WAITING
    taken = stage.group.members[0].oracle.drafter.contests.take(signed(stage, measured))
    stage.rounds(5, *ALIVE)

    assert taken.taken is Taken.STORED
    settlement = stage.world.market.settlement
    versions = [settlement.settlement(slot).version for slot in (stage.slot, following)]
    assert versions == [2, 2]
    assert standings(stage, account) == [(Standing.CORRECTED, "version 2 of the settlement has 800 Wh")]
    (later,) = stage.world.market.tariffs.prices([following])
    assert before[account] - stage.cash()[account] == 800 * retail // 1000 + 700 * later.retail // 1000
    assert audit_books(stage.world.market).closed


def test_a_reading_that_is_not_better_is_refused_with_a_reason_and_changes_nothing(
    stage: Stage, account: AccountId
) -> None:
    settle(stage, {account: 1_000})
    in_use = stage.meters[account].readings[-1]
    reading = in_use.reading
    less = Registers(EnergyWh(reading.registers.import_wh - 300), reading.registers.export_wh)
    cases = {
        "the gateway signed two different readings of the same quality": replace(reading, registers=less),
        "its quality is interpolated, that of the reading in use is measured": replace(
            reading, registers=less, quality=Quality.INTERPOLATED
        ),
        "it says what the reading in use says": replace(reading, sequence=reading.sequence + 9),
        "the reading is of account": replace(reading, slot=SlotNumber(stage.slot - 1), registers=less),
        "the slot was settled with what this reading shows, 1000 Wh": reading,
    }
    before = stage.cash()

    for what in cases.values():
        contest(stage, account, signed(stage, what))
        for index in ALIVE:
            stage.group.members[index].oracle.drafter.contests.take(signed(stage, what))
    stage.rounds(3, *ALIVE)

    found = standings(stage, account)
    assert stage.cash() == before
    assert stage.world.market.settlement.settlement(stage.slot).version == 1
    # A reading of another slot is named by no contest of its own slot, so nobody takes it.
    expected = [Standing.REFUSED] * 3 + [Standing.WAITING, Standing.REFUSED]
    assert [standing for standing, _ in found] == expected
    for (standing, reason), said in zip(found, cases, strict=True):
        assert standing is Standing.WAITING or reason.startswith(said)


def test_a_better_reading_must_be_possible_and_signed_by_the_registered_gateway(
    stage: Stage, account: AccountId
) -> None:
    settle(stage, {account: 1_000}, Quality.INTERPOLATED)
    interpolated = stage.meters[account].readings[-1].reading
    too_much = Registers(EnergyWh(interpolated.registers.import_wh + 30 * 300), interpolated.registers.export_wh)
    impossible = signed(stage, replace(interpolated, registers=too_much, quality=Quality.MEASURED))
    off_time = EpochSeconds(interpolated.meter_time_s + 60)
    late = signed(stage, replace(interpolated, meter_time_s=off_time, quality=Quality.MEASURED))
    forged = signed(stage, replace(interpolated, quality=Quality.MEASURED), SigningKey.from_secret(b"\5" * 32))
    another = Registers(EnergyWh(interpolated.registers.import_wh - 1), interpolated.registers.export_wh)
    unnamed = signed(stage, replace(interpolated, registers=another, quality=Quality.MEASURED))

    for each in (impossible, late, forged):
        contest(stage, account, each)
    taken = {
        each.digest: [stage.group.members[index].oracle.drafter.contests.take(each) for index in ALIVE]
        for each in (impossible, late, forged, unnamed)
    }
    stage.rounds(3, *ALIVE)

    assert {answer.taken for answer in taken[impossible.digest]} == {Taken.STORED}
    assert {answer.reason for answer in taken[forged.digest]} == {"the signature is not the registered gateway's"}
    assert {answer.reason for answer in taken[unnamed.digest]} == {"no contest on the chain names this reading"}
    found = standings(stage, account)
    assert [standing for standing, _ in found] == [Standing.REFUSED, Standing.REFUSED, Standing.WAITING]
    assert "more than 30 kW can carry" in found[0][1]
    assert "measured +60 s from the end of the slot" in found[1][1]
    assert stage.world.market.settlement.settlement(stage.slot).version == 1


def test_oracles_that_are_killed_after_every_step_correct_a_contested_slot_once(
    stage: Stage, account: AccountId
) -> None:
    retail, _ = stage.prices()
    before = stage.cash()
    settle(stage, {account: 1_000}, Quality.INTERPOLATED)
    interpolated = stage.meters[account].readings[-1].reading
    less = Registers(EnergyWh(interpolated.registers.import_wh - 400), interpolated.registers.export_wh)
    better = signed(stage, replace(interpolated, registers=less, quality=Quality.MEASURED))
    contest(stage, account, better)
    stage.group.members[0].oracle.drafter.contests.take(better)

    for _ in range(8):
        for index in ALIVE:
            stage.group.restart(index).view._first_priced = stage.slot
            stage.group.members[index].oracle.step()
        stage.later(TAKEOVER_S)

    settlement = stage.world.market.settlement
    assert settlement.settlement(stage.slot).version == 2
    assert len(settlement.events("Corrected", first=0, where={"slot": stage.slot})) == 1
    assert before[account] - stage.cash()[account] == 600 * retail // 1000


@contextmanager
def serving(group: Group, index: int) -> Iterator[str]:
    """Give the address at which an oracle answers over HTTP."""
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(group.lines[index].app, log_config=None, http="h11", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def test_a_participant_contests_with_one_command_and_reads_what_became_of_it(
    stage: Stage, account: AccountId, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(stage, {account: 1_000}, Quality.INTERPOLATED)
    better = signed(stage, replace(stage.meters[account].readings[-1].reading, quality=Quality.MEASURED))
    (tmp_path / "reading.json").write_text(reading_message(better).model_dump_json())
    home = next(home for home in stage.world.homes if home.account == account)
    write_keystore(tmp_path / "home.json", home.key, PASSWORD, scrypt_n=1024)
    (tmp_path / "password").write_text(PASSWORD)
    shutil.copytree(stage.world.folder / "deployment", tmp_path / "deployment")

    def wallet(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()  # what the oracles of this process logged
        code = cli.run(["wallet", *arguments, "--config", str(tmp_path / "market.toml")])
        said = capsys.readouterr()
        return code, said.out, said.err

    with ExitStack() as stack:
        urls = [stack.enter_context(serving(stage.group, index)) for index in ALIVE[:2]]
        (tmp_path / "market.toml").write_text(
            f"""
[chain]
url = "{stage.world.engine.url}"
deployment = "deployment"
[wallet]
key = {{ keystore = "home.json", password_file = "password" }}
oracle_urls = {json.dumps([*urls, "http://127.0.0.1:9"])}
state = "wallet"
"""
        )
        command = ("contest", str(stage.slot), "--reading", str(tmp_path / "reading.json"), "--json")
        dry = wallet(*command, "--dry-run")
        first = wallet(*command, "--yes")
        stage.rounds(5, *ALIVE)
        again = wallet(*command)
        listed = wallet("contests")
        wrong = wallet("contest", str(stage.slot + 1), "--reading", str(tmp_path / "reading.json"))

    assert (dry[0], dry[1]) == (0, "")
    assert first[0] == 0, first[2]
    assert again[0] == 0, again[2]
    assert "contested in transaction" not in again[2], "it is on the chain once"
    said = [json.loads(output)[0]["oracles"] for output in (first[1], again[1])]
    assert [[each["standing"] for each in opinions] for opinions in said] == [
        ["waiting", "waiting", "no answer"],
        ["corrected", "corrected", "no answer"],
    ]
    assert "corrected: version 2 of the settlement has 1000 Wh" in listed[1]
    assert wrong[0] == 2
    assert f"not of account {account} and slot {stage.slot + 1}" in wrong[2]
    assert len(stage.world.market.settlement.events("Contested", first=0, where={"slot": stage.slot})) == 1
