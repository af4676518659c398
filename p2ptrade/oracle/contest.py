"""Contests of settled slots: which contested readings are better than those in use, and what became of a contest. Pure.

A participant names a signed reading of its meter point at the end of a settled slot. It bears the contest out if it is
the reading in use and the slot was settled with another energy than it shows, or if it is better than the one in use:
signed by the gateway that is registered now, of higher quality, and possible beside its neighbours. Two readings of the
same quality that say different things prove that the gateway contradicts itself; then neither is better.
"""

from dataclasses import dataclass
from enum import StrEnum

from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.reading import SignedReading
from p2ptrade.oracle.better import Neighbours, why_not_better
from p2ptrade.oracle.facts import Contest


class Standing(StrEnum):
    """What became of a contest."""

    WAITING = "waiting"
    REFUSED = "refused"
    BORNE_OUT = "borne out"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an oracle says of a contest, and why."""

    standing: Standing
    reason: str


def why_not_used(
    contested: SignedReading, contest: Contest, around: Neighbours, *, capacity_kw: int, now_s: int
) -> str | None:
    """Return why a contested reading does not take the place of the one in use, or nothing if it does or is that one.

    That it is signed by the registered gateway is not looked at here.
    """
    reading, in_use = contested.reading, around.in_use
    if (reading.account, reading.slot) != (contest.account, contest.slot):
        return (
            f"the reading is of account {reading.account} at the end of slot {reading.slot}, "
            f"not of account {contest.account} and slot {contest.slot}"
        )
    if in_use is not None and in_use.digest == contested.digest:
        return None
    return why_not_better(contested, around, capacity_kw=capacity_kw, now_s=now_s)


def verdict_of(settled: MeteredAccount, now: MeteredAccount | None, corrected_by: int | None) -> Verdict:
    """Return what follows from a contested reading that is in use.

    `settled` is the account as the chain has it, `now` as the readings in use show it (nothing if they do not show
    it), `corrected_by` the version that corrected the account after the contest, if one did.
    """
    if now is None:
        return Verdict(
            Standing.WAITING, "the energy of the slot needs a reading at its start, too, that can be believed"
        )
    if corrected_by is not None and _says(settled) == _says(now):
        return Verdict(Standing.CORRECTED, f"version {corrected_by} of the settlement has {now.metered_wh} Wh")
    if _says(settled) == _says(now):
        return Verdict(Standing.REFUSED, f"the slot was settled with what this reading shows, {now.metered_wh} Wh")
    if now.estimated:
        return Verdict(Standing.REFUSED, "with this reading the energy of the slot would still be an estimate")
    return Verdict(
        Standing.BORNE_OUT, f"the readings show {now.metered_wh} Wh, the slot was settled with {settled.metered_wh} Wh"
    )


def _says(account: MeteredAccount) -> tuple[int, int, bool]:
    return account.metered_wh, account.breach_wh, account.estimated
