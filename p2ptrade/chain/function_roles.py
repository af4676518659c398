"""Which function asks for which role, and which contract holds which: the access rules of a deployment."""

from typing import Final

from p2ptrade.chain.contracts.authority import Role

# Contract, role, functions, of the contracts that a market has. A function that is not listed is the admin's alone, or
# open to everybody in the contract.
FUNCTION_ROLES: Final[tuple[tuple[str, Role, tuple[str, ...]], ...]] = (
    ("Credits", Role.TREASURER, ("recordDeposit", "recordPayout")),
    ("Credits", Role.ISSUER, ("issue",)),
    ("Credits", Role.GUARDIAN, ("pause", "unpause")),
    ("Ledger", Role.REGISTRY, ("openAccount", "setAccount")),
    ("Ledger", Role.SCORER, ("setReputationClasses",)),
    ("Ledger", Role.GUARDIAN, ("pause", "unpause")),
    (
        "ParticipantRegistry",
        Role.REGISTRAR,
        ("admit", "admitMany", "suspend", "reinstate", "setConnection", "setGateway"),
    ),
    ("ParticipantRegistry", Role.GUARDIAN, ("pause", "unpause")),
    ("GridLimits", Role.DSO, ("publish", "publishMany", "setTopology")),
    ("Tariffs", Role.RETAILER, ("publish",)),
    ("EnergyToken", Role.MARKET, ("mint",)),
    ("Guarantee", Role.ISSUER, ("pay",)),
)
# Roles that contracts hold, those that a market has.
CONTRACT_ROLES: Final[tuple[tuple[str, Role], ...]] = (
    ("ParticipantRegistry", Role.REGISTRY),
    ("Reputation", Role.SCORER),
    ("Settlement", Role.MARKET),
)
# Contracts that move cash in the ledger, those that a market has. The ledger keeps this list itself (ILedger.setMover).
MOVERS: Final = ("DoubleAuction", "RelayStake", "Settlement", "Rewards", "Demurrage", "Guarantee")
