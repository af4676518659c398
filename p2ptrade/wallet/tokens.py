"""A participant's energy tokens by slot, and which of them to use for a certificate of 1 MWh."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from eth_typing import ChecksumAddress

from p2ptrade.chain.deployed import Market
from p2ptrade.domain.certificate import CERTIFICATE_WH
from p2ptrade.domain.units import EnergyWh, SlotNumber
from p2ptrade.errors import RefusedError

SLOTS_AT_ONCE: Final = 1_000
"""Retiring a slot's tokens takes 16,000 gas, and a block often holds 30 million."""


@dataclass(frozen=True, slots=True)
class Holding:
    """The tokens of one slot that a holder has, and those that it retired, in Wh."""

    slot: SlotNumber
    energy_wh: EnergyWh
    retired_wh: EnergyWh


def holdings(
    market: Market, holder: ChecksumAddress, first: SlotNumber | None = None, last: SlotNumber | None = None
) -> list[Holding]:
    """Return what `holder` has and retired of every slot from `first` to `last` of which it ever had a token.

    Raises:
        ChainUnreachableError: the node does not answer.
    """
    tokens, block = market.energy_token, market.client.head().number
    came: set[SlotNumber] = set()
    arrivals = ("TransferSingle", "TransferBatch")
    for record in tokens.events(arrivals, first=market.first_block, last=block, where={"to": holder}):
        came.update(record.values["ids"] if record.name == "TransferBatch" else [record.values["id"]])
    slots = sorted(slot for slot in came if (first is None or slot >= first) and (last is None or slot <= last))
    retired: defaultdict[SlotNumber, int] = defaultdict(int)
    for record in tokens.events("Retired", first=market.first_block, last=block, where={"holder": holder}):
        retired[SlotNumber(record.values["slot"])] += record.values["energyWh"]
    balances = tokens.balances(holder, slots, block=block) if slots else []
    return [Holding(slot, energy, EnergyWh(retired[slot])) for slot, energy in zip(slots, balances, strict=True)]


def for_certificate(held: Iterable[Holding], gathered_wh: int = 0) -> dict[SlotNumber, EnergyWh]:
    """Return what to take of each slot for 1 MWh: the largest holdings first, so that the record is short.

    What was gathered before counts.

    Raises:
        RefusedError: there is less.
    """
    chosen: dict[SlotNumber, EnergyWh] = {}
    missing = CERTIFICATE_WH - gathered_wh
    for each in sorted(held, key=lambda holding: (-holding.energy_wh, holding.slot)):
        taken = min(each.energy_wh, missing)
        if taken:
            chosen[each.slot] = EnergyWh(taken)
            missing -= taken
    if missing:
        raise RefusedError(
            f"a certificate needs tokens of {CERTIFICATE_WH} Wh, {CERTIFICATE_WH - missing} Wh are there: "
            "`p2ptrade wallet tokens` lists them"
        )
    return chosen


def in_parts(chosen: Mapping[SlotNumber, EnergyWh]) -> Iterator[dict[SlotNumber, EnergyWh]]:
    """Return what to retire in one transaction after the other, so that each fits a block."""
    slots = sorted(chosen)
    for start in range(0, len(slots), SLOTS_AT_ONCE):
        yield {slot: chosen[slot] for slot in slots[start : start + SLOTS_AT_ONCE]}
