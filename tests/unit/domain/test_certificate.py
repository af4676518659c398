"""The certificate record lists its slots as UTC intervals that add up to 1 MWh."""

from datetime import datetime

from p2ptrade.domain.certificate import CERTIFICATE_WH, certificate_record
from p2ptrade.domain.units import EnergyWh, SlotNumber

ENERGIES = {SlotNumber(1_979_041): EnergyWh(600_000), SlotNumber(1_979_040): EnergyWh(400_000)}


def test_the_record_has_every_slot_once_in_order_and_adds_up() -> None:
    record = certificate_record(3, "0xA", ENERGIES, chain_id=1337, contract="0xC", transaction="0x1")

    assert [interval["quantity_wh"] for interval in record["intervals"]] == [400_000, 600_000]
    assert record["quantity_wh"] == CERTIFICATE_WH
    # 1,979,040 quarter hours after the epoch is midnight UTC of 2026-06-11.
    assert record["production_start"] == "2026-06-11T00:00:00Z"
    assert datetime.fromisoformat(record["production_end"]).minute == 30
    assert (record["status"], "cancellation_statement" in record) == ("active", False)


def test_a_certificate_that_was_used_up_says_for_what() -> None:
    record = certificate_record(3, "0xA", ENERGIES, chain_id=1, contract="0xC", transaction="0x1", claim="my bakery")

    assert (record["status"], record["cancellation_statement"]) == ("cancelled", "my bakery")


def test_an_interval_names_the_readings_it_was_settled_by_where_they_are_known() -> None:
    roots = {SlotNumber(1_979_040): "0xabc"}

    record = certificate_record(3, "0xA", ENERGIES, chain_id=1, contract="0xC", transaction="0x1", readings_roots=roots)

    assert [interval.get("readings_root") for interval in record["intervals"]] == ["0xabc", None]
    assert record["energy_source"] == "unspecified"
