"""Whose turn it is: rotating, and taken over by one oracle after the other while nothing happens."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Which of the oracles this one is, and how long it leaves the turn to each one before it, in seconds."""

    index: int
    oracles: int
    takeover_s: float

    def turn_after_s(self, number: int) -> float:
        """Return how long after a quorum is there this oracle waits before it sends slot or day `number` itself."""
        return ((self.index - number) % max(self.oracles, 1)) * self.takeover_s
