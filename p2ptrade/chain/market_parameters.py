"""The numbers of a market and the holders of its roles: what a deployment is made from."""

from dataclasses import dataclass, field
from typing import Final

from eth_typing import ChecksumAddress

from p2ptrade.chain.contracts.authority import Role
from p2ptrade.domain.demurrage import Demurrage
from p2ptrade.domain.issuing import IssuingTerms
from p2ptrade.domain.participant import CLASSES
from p2ptrade.domain.settlement import ImbalanceRule, SettlementRules
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import MICRO_PER_CREDIT, AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm
from p2ptrade.errors import ConfigError

_DAY_S: Final = 86_400
# What is free of it where a market has it and says no more: what a home needs for some days.
NO_DEMURRAGE: Final = Demurrage(SharePpm(0), AmountMicro(10 * MICRO_PER_CREDIT))


@dataclass(frozen=True)
class Holders:
    """Who gets which role; `admin` acts with the time lock."""

    admin: ChecksumAddress
    registrar: ChecksumAddress
    treasurer: ChecksumAddress
    relay: ChecksumAddress
    dso: ChecksumAddress
    oracles: tuple[ChecksumAddress, ...]
    retailer: ChecksumAddress
    guardian: ChecksumAddress
    issuer: ChecksumAddress

    def of(self) -> tuple[tuple[Role, ChecksumAddress], ...]:
        """Return every role with its holder, the admin's apart."""
        return (
            (Role.REGISTRAR, self.registrar),
            (Role.TREASURER, self.treasurer),
            (Role.RELAY, self.relay),
            (Role.DSO, self.dso),
            *((Role.ORACLE, oracle) for oracle in self.oracles),
            (Role.RETAILER, self.retailer),
            (Role.GUARDIAN, self.guardian),
            (Role.ISSUER, self.issuer),
        )


def _falling(first: int, last: int) -> tuple[int, ...]:
    """Return one number per reputation class, from `first` for newcomers down to `last` for the best."""
    return tuple(first - (first - last) * step // (CLASSES - 1) for step in range(CLASSES))


@dataclass(frozen=True)
class Parameters:
    """The numbers of a market; amounts in micro-credits, times in seconds, energy in Wh."""

    windows: Windows = field(default_factory=Windows)
    settle_within_s: int = 7 * _DAY_S
    correction_window_s: int = 30 * _DAY_S
    withdrawal_delay_s: int = 4 * 3600
    tariff_notice_s: int = 3600
    admin_delay_s: int = 2 * _DAY_S
    debt_limit_micro: int = 50 * MICRO_PER_CREDIT
    reserve_micro: int = 2 * MICRO_PER_CREDIT
    bonds_micro: tuple[int, ...] = _falling(500_000, 150_000)
    collateral_micro_per_kwh: tuple[int, ...] = _falling(50_000, 15_000)
    relay_stake_micro: int = 100 * MICRO_PER_CREDIT
    challenge_bond_micro: int = MICRO_PER_CREDIT
    claim_time_s: int = _DAY_S
    answer_time_s: int = _DAY_S
    reward_period_days: int = 30
    reward_places: int = 10
    reward_subsidy_micro: int = 100 * MICRO_PER_CREDIT
    issuing: IssuingTerms = field(default_factory=IssuingTerms)
    demurrage: Demurrage = NO_DEMURRAGE
    guarantee_period_days: int = 0  # none
    guarantee_most_micro: int = 20 * MICRO_PER_CREDIT
    rules: SettlementRules = field(
        default_factory=lambda: SettlementRules(
            deviation=Deviation(PriceMicroPerKwh(1_000), EnergyWh(50), SharePpm(100_000)),
            breach_micro_per_kwh=PriceMicroPerKwh(200_000),
            imbalance_rule=ImbalanceRule.OWN_DEVIATION,
            quorum=3,
            feeder_cap_wh=EnergyWh(1_000_000),
            delivery_cap_wh=EnergyWh(1_000_000),
        )
    )

    def __post_init__(self) -> None:
        if len(self.bonds_micro) != CLASSES or len(self.collateral_micro_per_kwh) != CLASSES:
            raise ConfigError(f"bonds and collateral need one number for each of the {CLASSES} reputation classes")
        if max(self.bonds_micro) > self.reserve_micro:
            raise ConfigError(
                f"the largest bond, {max(self.bonds_micro)} micro-credits, must be within the reserve that stays in "
                f"an active account, {self.reserve_micro}"
            )
        if self.demurrage.is_on and self.demurrage.free_micro < self.reserve_micro:
            raise ConfigError(
                f"demurrage must leave the reserve of an active account, {self.reserve_micro} micro-credits, "
                f"not only {self.demurrage.free_micro}"
            )


@dataclass(frozen=True)
class Plan:
    """One market to be deployed: its parameters, the holders of its roles, and the first day of reputation."""

    parameters: Parameters
    holders: Holders
    first_day: int
