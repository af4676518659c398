"""What a gateway counts; no single home's energy is in it."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class GatewayMetrics:
    """Counters of one gateway, in a registry of their own."""

    def __init__(self) -> None:
        """Start at zero."""
        registry = self.registry = CollectorRegistry()
        self.readings = Counter("p2ptrade_gateway_readings", "Readings signed and kept", registry=registry)
        self.replaced = Counter(
            "p2ptrade_gateway_replaced", "Estimates that were measured afterwards", registry=registry
        )
        self.findings = Counter("p2ptrade_gateway_findings", "Odd readings by rule", ["rule"], registry=registry)
        self.meters_silent = Counter("p2ptrade_gateway_meters_silent", "Meters that did not answer", registry=registry)
        self.envelopes_missing = Counter(
            "p2ptrade_gateway_envelopes_missing", "Slots whose envelopes could not be had", registry=registry
        )
        self.sent = Counter("p2ptrade_gateway_sent", "Readings acknowledged", ["oracle"], registry=registry)
        self.refused = Counter("p2ptrade_gateway_refused", "Readings refused", ["oracle"], registry=registry)
        self.waiting = Gauge("p2ptrade_gateway_oracle_away", "1 while an oracle is away", ["oracle"], registry=registry)
