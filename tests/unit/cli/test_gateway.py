"""The gateway's commands that read its disk: the readings of a slot, and what is missing among them."""

import json
from pathlib import Path

import pytest

from p2ptrade import cli
from p2ptrade.domain.units import SlotNumber
from p2ptrade.store import Database
from p2ptrade.store.gateway import GatewayTable, Refusal
from p2ptrade.transport.reading_messages import signed_reading
from p2ptrade.transport.schemas.metering import ReadingMessage
from tests.unit.gateway.gateway_world import ALICE, BOB, DOMAIN, FIRST, World, run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Let a gateway of two homes read three slots, of which an oracle refused one reading."""
    world = World(tmp_path)
    run(world, world.gateway(), 3)
    database = Database.open(tmp_path / "gateway.sqlite")
    GatewayTable(database).acknowledge("http://a", 1, [Refusal("http://a", ALICE, 7, "not plausible")])
    database.close()
    path = tmp_path / "market.toml"
    path.write_text('[gateway]\nstate = "."\n')
    return path


def test_the_readings_of_a_slot_are_written_as_participants_contest_with_them(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slot = SlotNumber(FIRST + 1)

    code = cli.run(["gateway", "readings", str(slot), "--config", str(config)])
    both = capsys.readouterr().out.splitlines()
    cli.run(["gateway", "readings", str(slot), "--account", str(BOB), "--config", str(config)])
    (one,) = capsys.readouterr().out.splitlines()

    kept = GatewayTable(Database.open(tmp_path / "gateway.sqlite")).readings(slot, slot)
    assert code == 0
    assert [signed_reading(ReadingMessage.model_validate_json(line), DOMAIN) for line in both] == kept
    assert one == both[1]


def test_gaps_tell_what_an_oracle_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.run(["gateway", "gaps", "--config", str(config), "--json"])

    assert code == 0
    assert json.loads(capsys.readouterr().out) == {
        "gaps": [],
        "refusals": [{"oracle": "http://a", "account": ALICE, "sequence": 7, "reason": "not plausible"}],
    }
