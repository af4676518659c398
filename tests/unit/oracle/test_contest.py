"""What follows from a contested reading: if it takes the place of the one in use, and what became of the contest."""

from dataclasses import replace

import pytest

from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.reading import NO_PREDECESSOR, Quality, Reading, Registers, SignedReading
from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.oracle.better import Neighbours
from p2ptrade.oracle.contest import Standing, verdict_of, why_not_used
from p2ptrade.oracle.facts import Contest

ALICE, SLOT = AccountId(16), SlotNumber(2_000_000)
NOW_S = end_of(SlotNumber(SLOT + 3))
CONTEST = Contest(SLOT, ALICE, b"d" * 32, 7)


def reading(slot: int, import_wh: int, quality: Quality = Quality.MEASURED) -> SignedReading:
    end = end_of(SlotNumber(slot))
    registers = Registers(EnergyWh(import_wh), EnergyWh(0))
    made = Reading(ALICE, b"m" * 32, SlotNumber(slot), registers, EpochSeconds(end), quality, slot, NO_PREDECESSOR)
    return SignedReading(made, bytes([slot % 200, import_wh % 200, quality]) * 8 + b"digest..", b"")


BEFORE, AFTER = reading(SLOT - 1, 1_000), reading(SLOT + 1, 3_000)
GUESSED = reading(SLOT, 1_500, Quality.INTERPOLATED)


def why_not(contested: SignedReading, in_use: SignedReading | None = GUESSED) -> str | None:
    return why_not_used(contested, CONTEST, Neighbours(in_use, BEFORE, AFTER), capacity_kw=30, now_s=NOW_S)


@pytest.mark.parametrize("in_use", [None, GUESSED, reading(SLOT, 2_000)])
def test_a_measurement_is_used_where_there_was_none_or_it_is_the_one_in_use(in_use: SignedReading | None) -> None:
    assert why_not(reading(SLOT, 2_000), in_use) is None


@pytest.mark.parametrize(
    ("contested", "in_use", "reason"),
    [
        (reading(SLOT, 2_000), reading(SLOT, 2_100), "two different readings of the same quality"),
        (GUESSED, reading(SLOT, 2_100), "its quality is interpolated"),
        (replace(reading(SLOT, 2_000), digest=b"x" * 32), reading(SLOT, 2_000), "says what the reading in use says"),
        (reading(SLOT - 1, 2_000), GUESSED, "not of account 16 and slot 2000000"),
        (reading(SLOT, 999), GUESSED, "register import_wh fell by 1 Wh"),
        (reading(SLOT, 3_001), GUESSED, "register import_wh fell by 1 Wh"),
        (reading(SLOT, 2_000, Quality.MISSING), None, "missing its registers"),
    ],
    ids=["contradiction", "lower quality", "nothing new", "another slot", "before", "after", "missing"],
)
def test_what_is_not_better_is_not_used(contested: SignedReading, in_use: SignedReading | None, reason: str) -> None:
    found = why_not(contested, in_use)

    assert found is not None
    assert reason in found


SETTLED = MeteredAccount(ALICE, EnergyWh(500), estimated=True)
MEASURED = MeteredAccount(ALICE, EnergyWh(700))


@pytest.mark.parametrize(
    ("settled", "now", "corrected_by", "standing"),
    [
        (SETTLED, MEASURED, None, Standing.BORNE_OUT),
        (replace(MEASURED, metered_wh=EnergyWh(1_400)), MEASURED, 2, Standing.BORNE_OUT),
        (MEASURED, MEASURED, 3, Standing.CORRECTED),
        (MEASURED, MEASURED, None, Standing.REFUSED),
        (SETTLED, replace(MEASURED, estimated=True), None, Standing.REFUSED),
        (SETTLED, None, None, Standing.WAITING),
    ],
)
def test_what_became_of_a_contest(
    settled: MeteredAccount, now: MeteredAccount | None, corrected_by: int | None, standing: Standing
) -> None:
    assert verdict_of(settled, now, corrected_by).standing is standing
