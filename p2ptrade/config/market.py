"""The plan of a deployment as the settings describe it; on a development chain missing holders are filled in."""

from typing import Final

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.market_parameters import Holders, Parameters, Plan
from p2ptrade.config.keys import dev_key
from p2ptrade.config.sections import DeploySettings, HolderSettings, IssuingSettings, TermsSettings
from p2ptrade.domain.demurrage import Demurrage
from p2ptrade.domain.issuing import IssuingTerms, Terms
from p2ptrade.domain.settlement import ImbalanceRule, SettlementRules
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm
from p2ptrade.errors import ConfigError

# Accounts of the development mnemonic that hold the roles of a development market; account 0 deploys.
DEV_ACCOUNTS: Final = {
    "admin": 1,
    "registrar": 2,
    "treasurer": 3,
    "relay": 4,
    "dso": 5,
    "retailer": 6,
    "guardian": 7,
    "issuer": 8,
}
DEV_ORACLES: Final = (10, 11, 12, 13)
_DAY_S: Final = 86_400


def deployment_plan(settings: DeploySettings, now_s: int) -> Plan:
    """Return the plan that the settings describe, begun at `now_s`.

    Raises:
        ConfigError: a role has no holder, or numbers do not fit each other.
    """
    windows, rules = settings.windows, settings
    parameters = Parameters(
        windows=Windows(windows.limits_lead_s, windows.gate_lead_s, windows.open_lead_s, windows.clear_lead_s),
        settle_within_s=settings.settle_within_s,
        correction_window_s=settings.correction_window_s,
        withdrawal_delay_s=settings.withdrawal_delay_s,
        tariff_notice_s=settings.tariff_notice_s,
        admin_delay_s=settings.admin_delay_s,
        debt_limit_micro=settings.debt_limit_micro,
        reserve_micro=settings.reserve_micro,
        relay_stake_micro=settings.relay_stake_micro,
        challenge_bond_micro=settings.challenge_bond_micro,
        claim_time_s=settings.claim_time_s,
        answer_time_s=settings.answer_time_s,
        reward_period_days=settings.reward_period_days,
        reward_places=settings.reward_places,
        reward_subsidy_micro=settings.reward_subsidy_micro,
        issuing=_issuing(settings.issuing),
        demurrage=Demurrage(SharePpm(settings.demurrage_ppm_per_day), AmountMicro(settings.demurrage_free_micro)),
        guarantee_period_days=settings.guarantee_period_days,
        guarantee_most_micro=settings.guarantee_most_micro,
        rules=SettlementRules(
            deviation=Deviation(
                PriceMicroPerKwh(rules.deviation_micro_per_kwh),
                EnergyWh(rules.tolerance_wh),
                SharePpm(rules.tolerance_ppm),
            ),
            breach_micro_per_kwh=PriceMicroPerKwh(rules.breach_micro_per_kwh),
            imbalance_rule=ImbalanceRule[rules.imbalance_rule.upper()],
            quorum=rules.quorum,
            feeder_cap_wh=EnergyWh(rules.feeder_cap_wh),
            delivery_cap_wh=EnergyWh(rules.delivery_cap_wh),
        ),
    )
    holders = _holders(settings.holders)
    if settings.quorum > len(set(holders.oracles)):
        raise ConfigError(f"deploy.quorum is {settings.quorum}, but there are only {len(set(holders.oracles))} oracles")
    return Plan(parameters, holders, first_day=now_s // _DAY_S)


def _issuing(settings: IssuingSettings) -> IssuingTerms:
    def terms(rule: TermsSettings) -> Terms:
        return Terms(AmountMicro(rule.rate_micro), AmountMicro(rule.cap_micro_per_day))

    return IssuingTerms(
        terms(settings.registration),
        terms(settings.clean_energy),
        terms(settings.oracle_work),
        terms(settings.validator_work),
    )


def _holders(settings: HolderSettings) -> Holders:
    def holder(role: str) -> ChecksumAddress:
        address: str | None = getattr(settings, role)
        if address is not None:
            return to_checksum_address(address)
        if settings.dev:
            return dev_key(DEV_ACCOUNTS[role]).address
        raise ConfigError(f"deploy.holders.{role} is missing: name its address, or set deploy.holders.dev = true")

    oracles = tuple(to_checksum_address(address) for address in settings.oracles)
    if not oracles and settings.dev:
        oracles = tuple(dev_key(index).address for index in DEV_ORACLES)
    return Holders(oracles=oracles, **{role: holder(role) for role in DEV_ACCOUNTS})
