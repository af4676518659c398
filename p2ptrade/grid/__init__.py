"""The electricity network: model, power flow, zones and limits, and the grid operator's decision on a slot.

The whole of it in five calls, all pure but the two that load a file; energy is integer Wh per slot of 900 s,
positive where it is fed into the grid; inside, power is float W.

    network = load_network("simbench-lv-rural3")       # or a path; its hash: topology_hash(network)
    homes = load_homes("simbench-lv-rural3")           # homes[i] is behind network.connections[i]
    plan = propose_zones(network)                      # plan.connection_zone[i] is the zone of connection i
    zones = zone_limits(network, plan, forecast)       # ZoneLimits for GridData(zones, charges)
    decision = decide(network, plan, SlotSchedule(...), grid, round_number=1)

`decide` says `APPROVED` (sign `decision.envelope_root`, zero if nobody is cut), `ANOTHER_ROUND` (clear again
with `decision.grid`, then decide with `round_number + 1`), or `REFUSED` (do not sign; the slot lapses).
Envelopes hold in every case: `envelope_proofs` gives each account its proof. `check_injections` is the bare
AC verdict of one schedule.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from p2ptrade.domain.envelopes import Envelope, envelope_proofs, envelope_root
from p2ptrade.domain.merkle import verify_proof

if TYPE_CHECKING:
    from p2ptrade.grid.decision import Cut, GridDecision, decide
    from p2ptrade.grid.limits import Forecast, zone_limits
    from p2ptrade.grid.network import Connection, Network
    from p2ptrade.grid.network_file import load_network, topology_hash
    from p2ptrade.grid.profiles import Home, HomeProfiles, Week, load_homes
    from p2ptrade.grid.rounds import Outcome
    from p2ptrade.grid.schedule import DEFAULT_RULES, Rules, SlotSchedule
    from p2ptrade.grid.tariffs import load_tariff
    from p2ptrade.grid.verdict import Verdict, Violation, check_injections
    from p2ptrade.grid.zones import ZonePlan, propose_zones, zones_from_cuts

# Loaded when first asked for: a gateway that wants profiles needs no power-flow engine in its memory.
_NAMES_IN: Final = {
    "decision": "Cut GridDecision decide",
    "limits": "Forecast zone_limits",
    "network": "Connection Network",
    "network_file": "load_network topology_hash",
    "profiles": "Home HomeProfiles Week load_homes",
    "rounds": "Outcome",
    "schedule": "DEFAULT_RULES Rules SlotSchedule",
    "tariffs": "load_tariff",
    "verdict": "Verdict Violation check_injections",
    "zones": "ZonePlan propose_zones zones_from_cuts",
}
_MODULE_OF: Final = {name: f"{__name__}.{module}" for module, names in _NAMES_IN.items() for name in names.split()}

__all__ = [
    "DEFAULT_RULES",
    "Connection",
    "Cut",
    "Envelope",
    "Forecast",
    "GridDecision",
    "Home",
    "HomeProfiles",
    "Network",
    "Outcome",
    "Rules",
    "SlotSchedule",
    "Verdict",
    "Violation",
    "Week",
    "ZonePlan",
    "check_injections",
    "decide",
    "envelope_proofs",
    "envelope_root",
    "load_homes",
    "load_network",
    "load_tariff",
    "propose_zones",
    "topology_hash",
    "verify_proof",
    "zone_limits",
    "zones_from_cuts",
]


def __getattr__(name: str) -> Any:
    """Return a name of the facade from the module that defines it (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)
