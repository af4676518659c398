"""What people write is taken exactly or refused; what they read has all its digits."""

from zoneinfo import ZoneInfo

import pytest

from p2ptrade.domain.order import Side
from p2ptrade.domain.slot import slot_at
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import InputError
from p2ptrade.wallet import human

BERLIN = ZoneInfo("Europe/Berlin")
NOON_UTC = 1_781_179_200  # 2026-06-11 12:00 UTC, 14:00 in Berlin


@pytest.mark.parametrize(("text", "wh"), [("1.2", 1_200), ("0.001", 1), ("12", 12_000), ("1e1", 10_000)])
def test_an_energy_in_kwh_is_exact(text: str, wh: int) -> None:
    assert human.energy_from_kwh(text) == wh


@pytest.mark.parametrize("text", ["0", "-1", "1.2345", "NaN", "Infinity", "one", "", "１", "9" * 40, "5000000"])
def test_an_energy_that_is_none_or_too_fine_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        human.energy_from_kwh(text)


def test_a_price_in_cents_is_exact() -> None:
    assert human.price_from_cents("28.5") == 285_000
    assert human.cents_per_kwh(285_000) == "28.50 ct/kWh"
    assert human.cents_per_kwh(364_001, half=True) == "18.20005 ct/kWh"
    with pytest.raises(InputError):
        human.price_from_cents("28.50001")


def test_amounts_and_energies_show_all_their_digits() -> None:
    assert human.credits_of(-1_500_001) == "-1.500001 credits"
    assert human.kwh(42) == "0.042 kWh"
    assert human.kwh(-1_042) == "-1.042 kWh"


def test_steps_may_be_written_in_any_order() -> None:
    bid = human.intention_from(Side.BID, ["0.5@20", "1.2 @ 28.5"])
    offer = human.intention_from(Side.OFFER, ["0.5@20", "1.2@28.5"])

    assert [step.energy_wh for step in bid.steps] == [1_200, 500]
    assert [step.energy_wh for step in offer.steps] == [500, 1_200]


@pytest.mark.parametrize("texts", [[], ["1@2"] * 2, [f"1@{n}" for n in range(1, 6)], ["1"], ["1@"], ["@2"], ["1@2@3"]])
def test_an_order_that_is_none_is_refused(texts: list[str]) -> None:
    with pytest.raises(InputError):
        human.intention_from(Side.BID, texts)


def test_a_slot_may_be_named_by_number_local_time_or_distance() -> None:
    slot = slot_at(NOON_UTC)

    assert human.slot_from(str(slot), NOON_UTC, BERLIN, 1800) == slot
    assert human.slot_from("2026-06-11T14:00", NOON_UTC, BERLIN, 1800) == slot
    assert human.slot_from("2026-06-11T14:14", NOON_UTC, BERLIN, 1800) == slot
    assert human.slot_from("+1", NOON_UTC, BERLIN, 1800) == slot + 3
    assert human.slot_from("+1", NOON_UTC - 1, BERLIN, 1800) == slot + 2


@pytest.mark.parametrize("text", ["2026-03-29T02:30", "2026-10-25T02:30", "yesterday", "2026-13-01", "-1", ""])
def test_a_time_that_does_not_name_one_slot_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        human.slot_from(text, NOON_UTC, BERLIN, 1800)


def test_a_slot_is_shown_in_local_time_and_utc() -> None:
    shown = human.SlotTime(SlotNumber(slot_at(NOON_UTC)), BERLIN)

    assert shown.local == "Thu 11 Jun 2026 14:00–14:15"
    assert shown.utc == "2026-06-11 12:00–12:15 UTC"


def test_durations_are_said_in_words() -> None:
    assert human.duration(3_725) == "1 h 2 min 5 s"
    assert human.duration(0) == "0 s"
    assert human.duration(-1) == "passed"
