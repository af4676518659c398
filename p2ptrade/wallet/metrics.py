"""What the agent counts: nothing of it tells anything about an order."""

from prometheus_client import CollectorRegistry, Counter


class AgentMetrics:
    """Counters of one agent, in a registry of their own."""

    def __init__(self) -> None:
        """Start at zero."""
        self.registry = CollectorRegistry()
        self.sealed = Counter("p2ptrade_agent_sealed", "Orders with a receipt", registry=self.registry)
        self.refused = Counter("p2ptrade_agent_refused", "Orders that the relay refused", registry=self.registry)
        self.opened = Counter("p2ptrade_agent_opened", "Orders opened with the relay", registry=self.registry)
