"""The congestion fee: what redispatch costs, recovered from those who load the binding elements, to the last unit.

The cost is first divided over the binding elements by their share of the dual cost, then over the pairs of seller and
buyer by their positive contributions max(0, h x e); counter-flow pays nothing and earns nothing. Only the cost is
recovered: the dual value is a signal, not a revenue (Li et al., Power System Technology, 2018, section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from p2ptrade.domain.units import WH_PER_KWH, AmountMicro, EnergyWh, PriceMicroPerKwh
from p2ptrade.errors import InputError
from p2ptrade.grid.shares import split_exactly


@dataclass(frozen=True, slots=True)
class Use:
    """One trade's use of the binding elements: `effect[l]` is its flow on element l per unit of energy, signed."""

    seller: int
    buyer: int
    energy_wh: EnergyWh
    effect: tuple[float, ...]


def redispatch_cost_rounded_up(cut: EnergyWh, bought_at: PriceMicroPerKwh, saved_at: PriceMicroPerKwh) -> AmountMicro:
    """Return what it costs to buy `cut` on the far side and to save it on the near side of a congested element."""
    return AmountMicro(-(-cut * (bought_at - saved_at) // WH_PER_KWH))


def congestion_fees(cost: AmountMicro, element_weight: Sequence[float], uses: Sequence[Use]) -> tuple[AmountMicro, ...]:
    """Return the fee of each use; they sum to `cost` exactly.

    `element_weight` is each binding element's share of the dual cost (dual value times relief needed). Uses of the same
    pair count as one, so that splitting a trade changes nothing.

    Raises:
        InputError: nobody loads an element that has a weight.
    """
    pairs = sorted({(use.seller, use.buyer) for use in uses})
    total = [Fraction(0)] * len(pairs)
    for element, part in enumerate(split_exactly(cost, element_weight)):
        if part == 0:
            continue
        shares = _contributions(pairs, uses, element)
        if not any(shares):
            raise InputError(f"the binding element number {element} has a cost, but nobody loads it")
        for pair, amount in enumerate(split_exactly(part, shares)):
            total[pair] += amount
    return _within_pairs(pairs, [int(amount) for amount in total], uses)


def _contributions(pairs: Sequence[tuple[int, int]], uses: Sequence[Use], element: int) -> list[Fraction]:
    by_pair = dict.fromkeys(pairs, Fraction(0))
    for use in uses:
        by_pair[use.seller, use.buyer] += max(Fraction(0), Fraction(use.effect[element]) * use.energy_wh)
    return [by_pair[pair] for pair in pairs]


def _within_pairs(
    pairs: Sequence[tuple[int, int]], amounts: Sequence[int], uses: Sequence[Use]
) -> tuple[AmountMicro, ...]:
    """Return each pair's amount divided over its uses by energy."""
    fees = [AmountMicro(0)] * len(uses)
    for pair, amount in zip(pairs, amounts, strict=True):
        own = [number for number, use in enumerate(uses) if (use.seller, use.buyer) == pair]
        for number, share in zip(own, split_exactly(amount, [uses[n].energy_wh for n in own]), strict=True):
            fees[number] = AmountMicro(share)
    return tuple(fees)
