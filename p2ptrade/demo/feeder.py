"""The feeder in a slot that is over: an AC power flow of what every connection was metered to inject."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.settled_pages import settled_accounts
from p2ptrade.demo.day import FeederState
from p2ptrade.demo.world import World
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import PPM, SLOT_SECONDS, AccountId, SlotNumber
from p2ptrade.grid import check_injections

_SECONDS_PER_HOUR: Final = 3600


def metered_of(market: Market, slot: SlotNumber) -> dict[AccountId, int]:
    """Return the metered net energy of every account in a settled slot, in Wh, withdrawn positive."""
    accounts = settled_accounts(market.settlement, slot, first=market.first_block)
    return {account.account: int(account.metered_wh) for account in accounts}


def feeder_state(
    world: World, slot: SlotNumber, metered: Mapping[AccountId, int], homes: Mapping[AccountId, int]
) -> FeederState:
    """Return the feeder's state under metered energies; homes that take no part follow their profiles."""
    verdict = check_injections(world.network, injections_w(world, slot, metered, homes))
    loading_ppm = round(verdict.highest_loading.value * PPM)
    return FeederState(verdict.lowest_voltage.value, verdict.highest_voltage.value, loading_ppm)


def injections_w(
    world: World, slot: SlotNumber, metered: Mapping[AccountId, int], homes: Mapping[AccountId, int]
) -> NDArray[np.float64]:
    """Return what every connection injects in W when the homes withdraw these energies in Wh."""
    week = world.profiles.week(world.scenario.week)
    column = week.column(start_of(slot))
    injected_wh = (week.pv_wh[:, column] - week.consumption_wh[:, column]).astype(np.float64)
    for account, number in homes.items():
        injected_wh[number] = -metered[account]
    return injected_wh * _SECONDS_PER_HOUR / SLOT_SECONDS
