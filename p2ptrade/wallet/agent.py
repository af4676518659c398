"""The agent: bids and opens for one or many homes by itself, by the strategy of `strategy` and nothing else.

A step looks at the chain's clock, seals for the slots whose limits are published and whose gate is still open, and
opens what it sealed once the gate has closed. Orders are remembered by the wallet's store and the same forecast gives
the same order, so an agent may be killed anywhere and started again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from p2ptrade.chain.client import BlockHead
from p2ptrade.domain.sealed import OwnOrder
from p2ptrade.domain.slot import Windows, slot_at
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.errors import PeerUnreachableError, RefusedError
from p2ptrade.wallet.metrics import AgentMetrics
from p2ptrade.wallet.planning import PlannedHome
from p2ptrade.wallet.strategy import Intention, SlotPrices, intend
from p2ptrade.wallet.trader import Trader

SLOTS_AHEAD: Final = 4
# An own transaction needs a block or two: openings that the relay did not take go to the chain this early.
DIRECT_LEAD_S: Final = 120

_log = structlog.get_logger(__name__)


class AgentChain(Protocol):
    """What the agent reads from the chain."""

    def head(self) -> BlockHead:
        """Return the newest block, whose time is chain time."""
        ...

    def prices(self, slot: SlotNumber) -> SlotPrices | None:
        """Return tariffs and charge of a slot, or nothing while they are not all published."""
        ...


class DirectPath(Protocol):
    """The way past the relay: own transactions."""

    def open(self, order: OwnOrder) -> None:
        """Open an order on the chain, once."""
        ...


@dataclass
class Agent:
    """The agent's state and its step; `seal_margin_s` before a gate it seals no more for its slot."""

    chain: AgentChain
    trader: Trader
    homes: Sequence[PlannedHome]
    windows: Windows
    direct: DirectPath | None = None
    seal_margin_s: int = 45
    metrics: AgentMetrics = field(default_factory=AgentMetrics)
    _sealed: set[SlotNumber] = field(default_factory=set)
    _opened: set[SlotNumber] = field(default_factory=set)
    _seen: BlockHead | None = None

    def step(self) -> None:
        """Open what can be opened, then seal what can be sealed.

        Raises:
            ChainUnreachableError, PeerUnreachableError: somebody does not answer; the next step goes on.
        """
        head = self.chain.head()
        if head == self._seen:
            return  # nothing that a slot waits for can have happened
        self._seen = None
        now_s = head.time_s
        done = [self._open(slot, now_s) for slot in self._slots_to_open(now_s)]
        for slot in self._slots_to_seal(now_s):
            self._seal(slot)
        self._seen = head if all(done) else None
        oldest = slot_at(now_s)
        self._sealed = {slot for slot in self._sealed if slot >= oldest}
        self._opened = {slot for slot in self._opened if slot >= oldest}

    def intentions(self, slot: SlotNumber, prices: SlotPrices) -> Mapping[AccountId, Intention]:
        """Return what each home wants to trade in a slot."""
        wanted = {home.account: intend(home.planned_wh(slot), prices, home.share) for home in self.homes}
        return {account: intention for account, intention in wanted.items() if intention is not None}

    def _slots_to_seal(self, now_s: int) -> list[SlotNumber]:
        """Return the slots whose gate is open, the first to close first."""
        first = slot_at(now_s + self.windows.gate_lead_s + self.seal_margin_s) + 1
        return [SlotNumber(slot) for slot in range(first, first + SLOTS_AHEAD) if slot not in self._sealed]

    def _slots_to_open(self, now_s: int) -> list[SlotNumber]:
        """Return the slots between their gate and the end of their clearing, the most urgent first."""
        first = slot_at(now_s + self.windows.clear_lead_s) + 1
        last = slot_at(now_s + self.windows.gate_lead_s)
        return [SlotNumber(slot) for slot in range(first, last + 1) if slot not in self._opened]

    def _seal(self, slot: SlotNumber) -> None:
        prices = self.chain.prices(slot)
        if prices is None:
            return
        try:
            answers = self.trader.seal(slot, self.intentions(slot, prices))
        except RefusedError as error:
            _log.warning("not sealed", slot=slot, reason=str(error))
            return
        self._sealed.add(slot)
        refused = [answer for answer in answers if answer.refused is not None]
        self.metrics.sealed.inc(len(answers) - len(refused))
        self.metrics.refused.inc(len(refused))
        for answer in refused:
            _log.warning("seal refused", slot=slot, account=answer.order.account, reason=answer.refused)
        _log.info("sealed", slot=slot, sealed=len(answers) - len(refused), refused=len(refused))

    def _open(self, slot: SlotNumber, now_s: int) -> bool:
        """Open the orders of a slot, and return whether none is left that may be tried again."""
        try:
            results = self.trader.open(slot)
            left = [order for order, refused in results if refused is not None]
        except (RefusedError, PeerUnreachableError) as error:
            left = [order for order in self.trader.live(slot) if not order.opened]
            _log.warning("not opened with the relay", slot=slot, reason=str(error))
            results = []
        self.metrics.opened.inc(len(results) - len(left) if results else 0)
        if results:
            _log.info("handed over", slot=slot, accepted=len(results) - len(left), refused=len(left))
        if not left:
            self._opened.add(slot)
        elif self.direct is not None and now_s >= self.windows.openings_due(slot) - DIRECT_LEAD_S:
            self._open_directly(slot, left)
        return slot in self._opened

    def _open_directly(self, slot: SlotNumber, orders: Sequence[OwnOrder]) -> None:
        assert self.direct is not None  # the caller has looked
        for order in orders:
            try:
                self.direct.open(order)
            except RefusedError as error:
                _log.error("not opened on the chain", slot=slot, account=order.account, reason=str(error))
        self._opened.add(slot)
