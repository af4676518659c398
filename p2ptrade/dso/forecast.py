"""The grid operator's forecast: every connection does what it did at the same time yesterday, give or take.

What it did is in the profiles of a sample week, which repeats for ever, as it does for the modelled meters. The error
has a standard deviation of a share of the forecast, and at least that of a household's small appliances.
"""

from typing import Final

import numpy as np

from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import PPM, SLOT_SECONDS, SharePpm, SlotNumber
from p2ptrade.grid import Forecast, Week

DAY_S: Final = 86_400
ERROR_SHARE: Final = SharePpm(200_000)
ERROR_LEAST_WH: Final = 30


class YesterdayForecast:
    """A forecast from the profiles of a sample week; one column a slot, one row a connection."""

    def __init__(
        self, week: Week, *, error_share: SharePpm = ERROR_SHARE, error_least_wh: int = ERROR_LEAST_WH
    ) -> None:
        """Forecast from `week`."""
        self._week = week
        self._net_wh = week.pv_wh - week.consumption_wh
        self._error_share, self._error_least_wh = error_share, error_least_wh

    def forecast(self, slot: SlotNumber) -> Forecast:
        """Return net injections (fed in positive) and their errors in Wh."""
        column = (start_of(slot) - DAY_S - self._week.start_s) // SLOT_SECONDS % self._week.slots
        net_wh = self._net_wh[:, column].astype(np.int64)
        error_wh = np.maximum(np.abs(net_wh) * int(self._error_share) // PPM, self._error_least_wh)
        return Forecast(tuple(net_wh.tolist()), tuple(error_wh.tolist()))
