"""The base contracts deployed and wired as a real deployment does it, for contract tests to build on."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from eth_typing import ChecksumAddress

from tests.support.chain import Chain, Contract, Receipt

ROLES: Final = {
    "ADMIN": 0,
    "REGISTRAR": 1,
    "TREASURER": 2,
    "RELAY": 3,
    "DSO": 4,
    "ORACLE": 5,
    "RETAILER": 6,
    "GUARDIAN": 7,
    "MARKET": 8,
    "ISSUER": 9,
    "REGISTRY": 10,
    "SCORER": 11,
}

# contract -> role -> functions; what is not listed only the admin may call
FUNCTION_ROLES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Ledger": {
        "REGISTRY": ("openAccount", "setAccount"),
        "SCORER": ("setReputationClasses",),
        "GUARDIAN": ("pause", "unpause"),
        "ADMIN": ("setSystemOwner", "setMover"),
    },
    "ParticipantRegistry": {
        "REGISTRAR": ("admit", "admitMany", "suspend", "reinstate", "setConnection", "setGateway"),
        "GUARDIAN": ("pause", "unpause"),
    },
    "Credits": {
        "TREASURER": ("recordDeposit", "recordPayout"),
        "ISSUER": ("issue",),
        "GUARDIAN": ("pause", "unpause"),
        "ADMIN": ("setIssuingTerms", "setSystemHolder", "setRegistry"),
    },
    "GridLimits": {"DSO": ("publish", "publishMany", "setTopology")},
    "Tariffs": {"RETAILER": ("publish",)},
}

ESCROW, DSO, CONGESTION_RENT, OPERATOR, RETAILER, BONDS, STAKES, REWARDS, GUARANTEE = range(1, 10)
FIRST_PARTICIPANT: Final = 16
CREDIT: Final = 1_000_000
WITHDRAWAL_DELAY_S: Final = 4 * 3600
DEBT_LIMIT: Final = 50 * CREDIT
RESERVE: Final = 2 * CREDIT
LEAD_S: Final = 3600
NOTICE_S: Final = 12 * 3600
MAX_U256: Final = 2**256 - 1
_MOVED: Final = Struct(">Iq")  # an entry of the ledger's event


@dataclass(frozen=True)
class Platform:
    """The base contracts, and an address for each role (`platform.holder("MARKET")`)."""

    chain: Chain
    authority: Contract
    credits: Contract
    ledger: Contract
    registry: Contract
    grid_limits: Contract
    tariffs: Contract
    admin: ChecksumAddress

    def holder(self, role: str) -> ChecksumAddress:
        """Return the address that holds a role."""
        return self.admin if role == "ADMIN" else self.chain.address(f"holder of {role}")

    def grant(self, role: str, holder: str | Contract) -> None:
        """Give a role to another address."""
        address = holder.address if isinstance(holder, Contract) else holder
        self.authority.send("grantRole", ROLES[role], address, 0, sender=self.admin)

    def let_move(self, mover: str | Contract) -> None:
        """Let a contract, or an address, move cash in the ledger."""
        self.ledger.send("setMover", mover, True, sender=self.admin)

    def set_function_roles(self, contract: Contract, roles: dict[str, tuple[str, ...]]) -> None:
        """Say which role may call which functions of a contract."""
        for role, functions in roles.items():
            selectors = [contract.abi.function(name).selector for name in functions]
            self.authority.send("setTargetFunctionRole", contract, selectors, ROLES[role], sender=self.admin)

    def admit(self, name: str, *, zone: int = 0, capacity_kw: int = 30, cash_micro: int = 0) -> int:
        """Admit the participant `name`, pay in cash, and return its account."""
        return self.admit_many([name], zone=zone, capacity_kw=capacity_kw, cash_micro=cash_micro)[0]

    def admit_many(
        self, names: list[str], *, zone: int | list[int] = 0, capacity_kw: int = 30, cash_micro: int = 0
    ) -> list[int]:
        """Admit participants in one transaction, pay in cash for each, and return their accounts."""
        zones = zone if isinstance(zone, list) else [zone] * len(names)
        admissions = [
            (
                self.chain.address(name),
                zone_,
                capacity_kw,
                self.meter_point(name),
                self.chain.address(f"gateway of {name}"),
            )
            for name, zone_ in zip(names, zones, strict=True)
        ]
        first = self.ledger.call("lastAccount") + 1
        self.registry.send("admitMany", admissions, sender=self.holder("REGISTRAR"))
        accounts = list(range(first, first + len(names)))
        if cash_micro:
            self.fund(first, cash_micro * len(accounts))
        if cash_micro and len(accounts) > 1:
            shares = [(account, cash_micro) for account in accounts[1:]]
            moves = pack_entries((first, -cash_micro * len(shares)), *shares)
            self.ledger.send("move", moves, sender=self.holder("MARKET"))
        return accounts

    @staticmethod
    def meter_point(name: str) -> bytes:
        """Return the salted hash that stands for the meter point of `name`."""
        return f"meter point of {name}".encode()[-32:].ljust(32, b"\1")

    def mint(self, to: str, amount: int) -> None:
        """Record a deposit of money for `to`."""
        reference = self.credits.call("totalDeposited").to_bytes(32, "big")
        self.credits.send("recordDeposit", to, amount, reference, sender=self.holder("TREASURER"))

    def fund(self, account: int, amount: int) -> Receipt:
        """Pay `amount` of fresh credits into an account."""
        self.mint(self.holder("TREASURER"), amount)
        return self.ledger.send("deposit", account, amount, sender=self.holder("TREASURER"))

    def cash(self, account: int) -> int:
        """Return the cash of an account."""
        return int(self.ledger.call("cashOf", account))


def deploy_platform(chain: Chain) -> Platform:
    """Deploy the base contracts, wire them, and give each role to one address."""
    admin = chain.address("admin")
    authority = chain.deploy("Authority", admin)
    credits_ = chain.deploy("Credits", authority)
    ledger = chain.deploy("Ledger", authority, credits_, WITHDRAWAL_DELAY_S, DEBT_LIMIT, RESERVE)
    registry = chain.deploy("ParticipantRegistry", authority, ledger)
    platform = Platform(
        chain,
        authority,
        credits_,
        ledger,
        registry,
        chain.deploy("GridLimits", authority, LEAD_S),
        chain.deploy("Tariffs", authority, NOTICE_S),
        admin,
    )
    for contract in (credits_, ledger, registry, platform.grid_limits, platform.tariffs):
        platform.set_function_roles(contract, FUNCTION_ROLES[contract.abi.name])
    for role in ROLES:
        if role not in ("ADMIN", "REGISTRY"):
            platform.grant(role, platform.holder(role))
    platform.grant("REGISTRY", registry)
    platform.let_move(platform.holder("MARKET"))
    credits_.send("setRegistry", registry, sender=admin)
    for holder in (ledger.address, platform.holder("TREASURER"), platform.holder("DSO"), platform.holder("RETAILER")):
        credits_.send("setSystemHolder", holder, True, sender=admin)
    for account, role in ((DSO, "DSO"), (RETAILER, "RETAILER")):
        ledger.send("setSystemOwner", account, platform.holder(role), sender=admin)
    credits_.send("approve", ledger, MAX_U256, sender=platform.holder("TREASURER"))
    return platform


def pack_entries(*moves: tuple[int, int]) -> list[int]:
    """Return ledger entries of (account, delta)."""
    return [account << 64 | delta & (2**64 - 1) for account, delta in moves]


def unpack_moved(entries: bytes) -> list[tuple[int, int]]:
    """Return the (account, delta) that an event says took effect."""
    return list(_MOVED.iter_unpack(entries))


def pack_accounts(accounts: list[int]) -> bytes:
    """Return account numbers as the contracts take them."""
    return b"".join(account.to_bytes(4, "big") for account in accounts)
