"""Handing readings to one oracle until it has them all: store and forward, in order, at least once.

The oracle knows a reading by meter point and sequence number, so sending one twice changes nothing. An oracle that is
away is asked again after ever more steps, and does not hold up the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.errors import InputError, PeerUnreachableError
from p2ptrade.gateway.metrics import GatewayMetrics
from p2ptrade.gateway.ports import Ack, Oracle, ReadingStore
from p2ptrade.store.gateway import NumberedReading, Refusal

BATCH: Final = 2048
STEPS_SKIPPED_MAX: Final = 32

_log = structlog.get_logger(__name__)


@dataclass
class Uplink:
    """The way to one oracle."""

    oracle: Oracle
    store: ReadingStore
    metrics: GatewayMetrics
    checkpoint: Checkpoint = pass_by
    _skip: int = 0
    _backoff: int = 0

    def step(self) -> None:
        """Send what waits; do nothing this time if the oracle was away and it is not time to ask again."""
        if self._skip > 0:
            self._skip -= 1
            return
        while batch := self.store.waiting(self.oracle.url, BATCH):
            try:
                acks = self.oracle.send([each.signed for each in batch])
            except (PeerUnreachableError, InputError) as error:
                self._away(error)
                return
            self.checkpoint("gateway.acknowledged")
            if not _all_answered(batch, acks):
                self._away(PeerUnreachableError(f"the oracle at {self.oracle.url} left readings unanswered"))
                return
            self._keep(batch, acks)
        self._backoff = 0
        self.metrics.waiting.labels(self.oracle.url).set(0)

    def _keep(self, batch: Sequence[NumberedReading], acks: Sequence[Ack]) -> None:
        url = self.oracle.url
        refusals = [Refusal(url, ack.account, ack.sequence, ack.refused) for ack in acks if ack.refused is not None]
        self.store.acknowledge(url, batch[-1].number, refusals)
        self.metrics.sent.labels(url).inc(len(batch) - len(refusals))
        self.metrics.refused.labels(url).inc(len(refusals))
        for each in refusals:
            _log.error("reading refused", oracle=url, account=each.account, sequence=each.sequence, reason=each.reason)

    def _away(self, error: Exception) -> None:
        if self._backoff == 0:
            _log.warning("oracle away", oracle=self.oracle.url, reason=str(error))
        self._backoff = min(max(1, 2 * self._backoff), STEPS_SKIPPED_MAX)
        self._skip = self._backoff
        self.metrics.waiting.labels(self.oracle.url).set(1)


def _all_answered(batch: Sequence[NumberedReading], acks: Sequence[Ack]) -> bool:
    """Return whether every reading of the batch has an answer."""
    answered = {(ack.account, ack.sequence) for ack in acks}
    sent = {(each.signed.reading.account, each.signed.reading.sequence) for each in batch}
    return sent <= answered
