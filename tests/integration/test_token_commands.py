"""The wallet's commands for energy tokens and certificates, against the real contracts of a deployed market."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from p2ptrade import cli
from p2ptrade.domain.units import SlotNumber
from tests.support.market_commands import write_settings
from tests.support.small_market import DAY, SmallMarket, small_market

SLOTS = [SlotNumber(DAY * 96 + 40 + number) for number in range(4)]
ENERGIES_WH = (600_000, 500_000, 7_000, 900_000)
Run = Callable[..., tuple[int, str, str]]


def mint(world: SmallMarket, slot: SlotNumber, energy_wh: int) -> None:
    """Mint tokens to the first home in the name of the settlement: two homes do not trade 1 MWh in a day."""
    rpc, market = world.market.client.rpc, world.market
    settlement, token = market.settlement.address, market.energy_token
    entry = int(world.homes[0].key.address, 16) << 32 | energy_wh
    rpc.call("anvil_impersonateAccount", settlement)
    data = "0x" + token.call_data("mint", slot, [entry]).hex()
    rpc.call("eth_sendTransaction", {"from": settlement, "to": token.address, "data": data, "gasPrice": "0x0"})
    rpc.call("anvil_stopImpersonatingAccount", settlement)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    folder = tmp_path_factory.mktemp("tokens")
    with small_market(folder, homes=2, cash_micro=0) as made:
        for slot, energy_wh in zip(SLOTS, ENERGIES_WH, strict=True):
            mint(made, slot, energy_wh)
        write_settings(made, home=0)
        yield made


@pytest.fixture
def run(world: SmallMarket, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["wallet", *arguments, "--config", str(world.folder / "p2ptrade.toml")])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def parsed(result: tuple[int, str, str]) -> Any:
    code, output, messages = result
    assert code == 0, messages
    return json.loads(output)


def test_tokens_are_retired_and_made_into_a_certificate_that_is_used_up_once(
    run: Run, world: SmallMarket, tmp_path: Path
) -> None:
    listed = parsed(run("tokens", "--json"))
    none = parsed(run("tokens", "--from", "2026-06-12", "--to", "2026-06-13", "--json"))
    part = parsed(run("retire", str(SLOTS[2]), "--energy", "2.5", "--claim", "my kitchen", "--yes", "--json"))
    rest = parsed(run("retire", str(SLOTS[2]), "--claim", "my kitchen", "--yes", "--json"))
    gone = run("retire", str(SLOTS[2]), "--claim", "again", "--yes")
    made = parsed(run("certificate", "issue", str(SLOTS[0]), str(SLOTS[1]), "--yes", "--json"))
    second = run("certificate", "issue", str(SLOTS[0]), str(SLOTS[1]), "--yes")
    left = {each["slot"]: each for each in parsed(run("tokens", "--json"))}
    before = parsed(run("certificate", "show", "1", "--json"))
    used = parsed(run("certificate", "retire", "1", "--claim", "bread of 2026", "--yes", "--json"))
    twice = run("certificate", "retire", "1", "--claim", "bread of 2027", "--yes")
    exported = run("certificate", "export", "1", "--out", str(tmp_path / "certificate.json"))
    shown = run("certificate", "show", "1")

    assert [(each["slot"], each["energy_wh"]) for each in listed] == list(zip(SLOTS, ENERGIES_WH, strict=True))
    assert none == []
    assert (part["retired_wh"], rest["retired_wh"]) == ({str(SLOTS[2]): 2_500}, {str(SLOTS[2]): 4_500})
    assert gone[0] == second[0] == twice[0] == 1
    assert "holds 0.000 kWh of slot" in gone[2]
    assert "100000 Wh are there" in second[2]
    assert "GreenCertificateIsRetired" in twice[2]
    assert (made["certificate"], made["slots"]) == (1, 2)
    # 600,000 and 400,000 Wh went into the certificate, and 7,000 Wh were retired by hand.
    assert {slot: (each["energy_wh"], each["retired_wh"]) for slot, each in left.items()} == {
        SLOTS[0]: (0, 600_000),
        SLOTS[1]: (100_000, 400_000),
        SLOTS[2]: (0, 7_000),
        SLOTS[3]: (900_000, 0),
    }
    assert (before["status"], before["quantity_wh"]) == ("active", 1_000_000)
    assert before["issuance_transaction"] == made["transaction"]
    assert used["claim"] == "bread of 2026"
    assert exported[0] == 0
    record = json.loads((tmp_path / "certificate.json").read_text())
    assert (record["status"], record["cancellation_statement"]) == ("cancelled", "bread of 2026")
    # The slots 40 and 41 of 2026-06-11: 10:00 to 10:30 UTC.
    assert [(each["start"], each["quantity_wh"]) for each in record["intervals"]] == [
        ("2026-06-11T10:00:00Z", 600_000),
        ("2026-06-11T10:15:00Z", 400_000),
    ]
    assert "used up: bread of 2026" in shown[1]
    assert world.market.energy_token.total_supply(SLOTS[1]) == 100_000


def test_a_certificate_of_many_slots_is_gathered_in_parts(
    run: Run, world: SmallMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2ptrade.wallet.tokens.SLOTS_AT_ONCE", 1)
    first = SLOTS[-1] + 1
    for number, energy_wh in enumerate((600_000, 250_000, 150_000)):
        mint(world, SlotNumber(first + number), energy_wh)
    slots = [str(first + number) for number in range(3)]

    made = parsed(run("certificate", "issue", *slots, "--yes", "--json"))
    record = parsed(run("certificate", "show", str(made["certificate"]), "--json"))

    parts = world.market.green_certificate.events("Gathered", first=0, where={"certificate": made["certificate"]})
    assert len(parts) == 2
    assert made["slots"] == 3
    assert [each["quantity_wh"] for each in record["intervals"]] == [600_000, 250_000, 150_000]
    assert record["quantity_wh"] == 1_000_000


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["retire", "5", "6", "--energy", "1", "--claim", "x", "--yes"], 2, "--energy is for one slot"),
        (["retire", "5", "--claim", "x", "--yes"], 1, "holds 0.000 kWh of slot 5"),
        (["certificate", "show", "99"], 1, "there is no certificate 99"),
        (["certificate", "retire", "99", "--claim", "x", "--yes"], 1, "ERC721NonexistentToken"),
        (["tokens", "--from", "yesterday"], 2, "is no slot"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(run: Run, arguments: list[str], code: int, sentence: str) -> None:
    result = run(*arguments)

    assert result[0] == code
    assert sentence in result[2].replace("\n", " ")
