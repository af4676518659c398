"""What the relay counts: nothing of it tells anything about an order."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """Counters and gauges of one relay, in a registry of their own."""

    def __init__(self) -> None:
        """Start at zero."""
        self.registry = CollectorRegistry()
        self.seals = Counter("p2ptrade_relay_seals", "Seals by outcome", ["outcome"], registry=self.registry)
        self.openings = Counter("p2ptrade_relay_openings", "Openings by outcome", ["outcome"], registry=self.registry)
        self.committed = Counter("p2ptrade_relay_slots_committed", "Slots committed to", registry=self.registry)
        self.cleared = Counter("p2ptrade_relay_slots_cleared", "Slots seen cleared", registry=self.registry)
        self.rounds = Counter("p2ptrade_relay_rounds", "Rounds with the grid operator", registry=self.registry)
        self.head_block = Gauge("p2ptrade_relay_head_block", "Newest block seen", registry=self.registry)
