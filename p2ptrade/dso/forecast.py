"""The grid operator's forecasts, made of the profiles of a sample week, which repeats for ever, as for modelled meters.

Either every connection does what it did at the same time yesterday, or it announces what it is going to do. Both err:
the operator reckons with a standard deviation of a share of the forecast, and at least that of small appliances.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import PPM, SLOT_SECONDS, SharePpm, SlotNumber
from p2ptrade.grid import Forecast, Home, Week

DAY_S: Final = 86_400
SECONDS_PER_HOUR: Final = 3600
ERROR_SHARE: Final = SharePpm(200_000)
ERROR_LEAST_WH: Final = 30
ANNOUNCED_ERROR_SHARE: Final = SharePpm(100_000)


class YesterdayForecast:
    """A forecast from the profiles of a sample week; one column a slot, one row a connection."""

    def __init__(
        self, week: Week, *, error_share: SharePpm = ERROR_SHARE, error_least_wh: int = ERROR_LEAST_WH
    ) -> None:
        """Forecast from `week`."""
        self._week = week
        self._net_wh = week.pv_wh.astype(np.int64) - week.consumption_wh
        self._error_share, self._error_least_wh = error_share, error_least_wh

    def forecast(self, slot: SlotNumber) -> Forecast:
        """Return net injections (fed in positive) and their errors in Wh."""
        return self._with_errors(self._net_at(start_of(slot) - DAY_S))

    def _net_at(self, start_s: int) -> NDArray[np.int64]:
        column = (start_s - self._week.start_s) // SLOT_SECONDS % self._week.slots
        net_wh: NDArray[np.int64] = self._net_wh[:, column]
        return net_wh

    def _with_errors(self, net_wh: NDArray[np.int64]) -> Forecast:
        error_wh = np.maximum(np.abs(net_wh) * int(self._error_share) // PPM, self._error_least_wh)
        return Forecast(tuple(net_wh.tolist()), tuple(error_wh.tolist()))


class AnnouncedForecast(YesterdayForecast):
    """What the connections announce for a slot: what they will do, each off by a normal error of its own.

    This stands in for plans of chargers and forecasts of weather. A home with a battery announces that it covers
    what it draws by itself, as far as the battery's power goes, for nobody relies on a draw that a battery may take
    away. The error's standard deviation is `ANNOUNCED_ERROR_SHARE` of what is announced, half of what the operator
    reckons with; the slot's number is its seed.
    """

    def __init__(self, week: Week, homes: Sequence[Home]) -> None:
        """Let `homes`, in the order of the week's rows, announce what they do in it."""
        super().__init__(week)
        self._battery_wh = np.array([home.battery_power_w * SLOT_SECONDS // SECONDS_PER_HOUR for home in homes])

    def forecast(self, slot: SlotNumber) -> Forecast:
        """Return net injections (fed in positive) and their errors in Wh."""
        net_wh = self._net_at(start_of(slot))
        net_wh = net_wh + np.clip(-net_wh, 0, self._battery_wh)
        noise = np.random.default_rng(slot).standard_normal(len(net_wh)) * int(ANNOUNCED_ERROR_SHARE) / PPM
        return self._with_errors(np.rint(net_wh * (1.0 + noise)).astype(np.int64))
