"""What an oracle counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_DELAYS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400)


class OracleMetrics:
    """Counters and gauges of one oracle, in a registry of their own."""

    def __init__(self) -> None:
        """Start at zero."""
        self.registry = CollectorRegistry()
        registry = self.registry
        self.readings = Counter("p2ptrade_oracle_readings", "Readings by outcome", ["outcome"], registry=registry)
        self.signed = Counter("p2ptrade_oracle_reports_signed", "Reports signed", registry=registry)
        self.settled = Counter("p2ptrade_oracle_slots_settled", "Slots seen settled", registry=registry)
        self.stale = Counter("p2ptrade_oracle_slots_stale", "Slots that nobody settled in time", registry=registry)
        self.disagreed = Counter(
            "p2ptrade_oracle_disagreements", "Peers' reports that differ from our own", ["peer"], registry=registry
        )
        self.estimated = Counter("p2ptrade_oracle_estimates", "Accounts settled with an estimate", registry=registry)
        self.payment_delay = Histogram(
            "p2ptrade_oracle_payment_delay_seconds",
            "From the end of a slot, when meters are read, to its settlement, for slots that were waited for",
            buckets=_DELAYS_S,
            registry=registry,
        )
        self.waiting = Gauge("p2ptrade_oracle_slots_waiting", "Slots that are over and not settled", registry=registry)
        self.head_block = Gauge("p2ptrade_oracle_head_block", "Newest block seen", registry=registry)
