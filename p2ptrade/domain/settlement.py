"""What every account pays and receives for a slot once it is metered. The contract computes the same, to the unit.

With c the position (bought positive) and m the metered net energy (withdrawn positive) of an account, its imbalance is
d = m - c: a shortage is bought from the retailer, a surplus sold to it. What deviates beyond a tolerance costs a
penalty, and so does energy outside the signed envelope; neither does while a value is estimated. Imbalance, penalties
and whatever rounding leaves over are the retailer's other side, so that all flows of a slot sum to zero.

Amounts that an account owes are rounded up, amounts that it gets are rounded down, each once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from p2ptrade.domain.metered import NO_ENERGY, NO_MONEY, ClearedSlot, MeteredAccount, SlotTotals
from p2ptrade.domain.money import cost_rounded_down, cost_rounded_up
from p2ptrade.domain.position import Position
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import U32_MAX, AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm
from p2ptrade.errors import BooksDoNotCloseError, InputError

NO_PRICE: Final = PriceMicroPerKwh(0)
NO_CAP: Final = EnergyWh(2**56 - 1)


class SystemAccount(IntEnum):
    """Ledger accounts that belong to a function of the platform; participants begin at 16."""

    ESCROW = 1
    DSO = 2
    CONGESTION_RENT = 3
    OPERATOR = 4
    RETAILER = 5
    BONDS = 6
    STAKES = 7
    REWARDS = 8
    GUARANTEE = 9


class ImbalanceRule(IntEnum):
    """How the price of an imbalance is found; the numbers are those of the contract.

    OWN_DEVIATION: shortage at the retail tariff, surplus at the feed-in tariff, each account by itself.
    MATCHED_SIDES: of the traded energy only the smaller of what sellers delivered and buyers took counts as traded,
    shared pro rata; the rest of each position is unwound at the price it traded at.
    ONE_PRICE: shortage and surplus at one price: retail if all accounts together withdrew, else feed-in.
    """

    OWN_DEVIATION = 0
    MATCHED_SIDES = 1
    ONE_PRICE = 2


@dataclass(frozen=True, slots=True)
class RetailPrices:
    """The retailer's prices in one slot: what it charges and what it pays per kWh."""

    retail: PriceMicroPerKwh
    feed_in: PriceMicroPerKwh

    def __post_init__(self) -> None:
        if not 0 <= self.feed_in <= self.retail <= U32_MAX:
            raise InputError(f"need 0 <= feed-in <= retail <= {U32_MAX}, not {self.feed_in} and {self.retail}")


@dataclass(frozen=True, slots=True)
class SettlementRules:
    """The rules of a market for settlement: deviation terms, breach penalty, imbalance rule, quorum and caps."""

    deviation: Deviation
    breach_micro_per_kwh: PriceMicroPerKwh = NO_PRICE
    imbalance_rule: ImbalanceRule = ImbalanceRule.OWN_DEVIATION
    quorum: int = 3
    feeder_cap_wh: EnergyWh = NO_CAP
    delivery_cap_wh: EnergyWh = NO_CAP

    def __post_init__(self) -> None:
        if not 1 <= self.quorum <= 255:
            raise InputError(f"the quorum must be from 1 to 255 signatures, not {self.quorum}")


DEFAULT_RULES: Final = SettlementRules(Deviation(PriceMicroPerKwh(0), EnergyWh(0), SharePpm(0)))


@dataclass(frozen=True, slots=True)
class AccountSettlement:
    """What one account gets (or, negative, pays) in a slot, in micro-credits, and the energy tokens minted to it."""

    account: AccountId
    imbalance_micro: AmountMicro
    unwound_micro: AmountMicro
    deviation_penalty_micro: AmountMicro
    breach_penalty_micro: AmountMicro
    released_micro: AmountMicro
    minted_wh: EnergyWh = NO_ENERGY

    @property
    def retail_micro(self) -> AmountMicro:
        """Return what is between the account and the retailer."""
        return AmountMicro(
            self.imbalance_micro + self.unwound_micro - self.deviation_penalty_micro - self.breach_penalty_micro
        )

    @property
    def net_micro(self) -> AmountMicro:
        """Return the one amount by which the account's cash changes."""
        return AmountMicro(self.retail_micro + self.released_micro)


@dataclass(frozen=True, slots=True)
class SlotSettlement:
    """A settled slot; `flows` has every account and every system account that is touched, and sums to zero."""

    accounts: tuple[AccountSettlement, ...]
    totals: SlotTotals
    cleared: ClearedSlot
    flows: dict[int, int] = field(repr=False)

    @property
    def minted_wh(self) -> EnergyWh:
        """Return the energy tokens minted in the slot."""
        return EnergyWh(sum(account.minted_wh for account in self.accounts))


def settle_slot(
    accounts: Sequence[MeteredAccount],
    cleared: ClearedSlot,
    prices: RetailPrices,
    rules: SettlementRules = DEFAULT_RULES,
) -> SlotSettlement:
    """Return the settlement of a slot whose accounts come in strictly rising order.

    Raises:
        InputError: the accounts do not rise strictly.
        BooksDoNotCloseError: the positions do not add up to what was cleared.
    """
    _require_rising(accounts)
    totals = SlotTotals.of(accounts)
    bought = sum(account.position.bought_wh for account in accounts if account.position)
    if bought != cleared.bought_wh:
        raise BooksDoNotCloseError(f"the positions bought {bought} Wh, the clearing {cleared.bought_wh} Wh")
    settled = tuple(_settle_all(accounts, totals, cleared, prices, rules))
    return SlotSettlement(settled, totals, cleared, _flows(settled, cleared))


def settle_correction(
    before: MeteredAccount, after: MeteredAccount, prices: RetailPrices, rules: SettlementRules = DEFAULT_RULES
) -> AmountMicro:
    """Return what a corrected account gets (or, negative, pays back), the retailer being the other side.

    Whatever the market's imbalance rule, a correction is priced at the account's own deviation: nobody else's
    settlement changes.
    """
    own = SettlementRules(rules.deviation, rules.breach_micro_per_kwh)
    old, new = (settle_account(reading, prices, own).retail_micro for reading in (before, after))
    return AmountMicro(new - old)


def settle_account(
    metered: MeteredAccount,
    prices: RetailPrices,
    rules: SettlementRules,
    traded_wh: EnergyWh = NO_ENERGY,
    minted_wh: EnergyWh = NO_ENERGY,
) -> AccountSettlement:
    """Return the settlement of one account; `traded_wh` is what counts as traded under MATCHED_SIDES.

    `prices` are those for shortage and surplus, in the slots of retail and feed-in.
    """
    position = metered.position
    imbalance = metered.imbalance_wh
    unwound = deviation = breach = NO_MONEY
    if not metered.estimated:
        if position is not None:
            beyond = max(0, abs(imbalance) - rules.deviation.tolerated(position.energy_wh))
            deviation = cost_rounded_up(EnergyWh(beyond), rules.deviation.penalty)
        breach = cost_rounded_up(metered.breach_wh, rules.breach_micro_per_kwh)
    if position is not None and rules.imbalance_rule is ImbalanceRule.MATCHED_SIDES:
        unwound = _unwind(position, traded_wh)
        imbalance = EnergyWh(metered.metered_wh - (traded_wh if position.energy_wh > 0 else -traded_wh))
    return AccountSettlement(
        metered.account,
        _imbalance_micro(imbalance, prices),
        unwound,
        deviation,
        breach,
        position.release_micro if position else NO_MONEY,
        minted_wh,
    )


def prices_of_imbalance(totals: SlotTotals, prices: RetailPrices, rule: ImbalanceRule) -> RetailPrices:
    """Return the prices of shortage and surplus in a slot, in the places of retail and feed-in."""
    if rule is not ImbalanceRule.ONE_PRICE:
        return prices
    one = prices.retail if totals.net_wh > 0 else prices.feed_in
    return RetailPrices(one, one)


def _settle_all(
    accounts: Sequence[MeteredAccount],
    totals: SlotTotals,
    cleared: ClearedSlot,
    prices: RetailPrices,
    rules: SettlementRules,
) -> Iterator[AccountSettlement]:
    """Settle one account after the other; running totals share out what counts as traded and the minted tokens."""
    priced = prices_of_imbalance(totals, prices, rules.imbalance_rule)
    given = _Share(totals.matched_wh, totals.given_wh)
    taken = _Share(totals.matched_wh, totals.taken_wh)
    minted = _Share(totals.delivered_wh, cleared.bought_wh)
    for metered in accounts:
        position = metered.position
        if position is None:
            yield settle_account(metered, priced, rules)
        elif position.energy_wh > 0:
            traded, tokens = taken.next(metered.taken_wh), minted.next(position.bought_wh)
            yield settle_account(metered, priced, rules, traded, tokens)
        else:
            yield settle_account(metered, priced, rules, given.next(metered.given_wh))


class _Share:
    """Shares an amount out pro rata by running totals, floored: the parts add up exactly."""

    __slots__ = ("_amount", "_running", "_whole")

    def __init__(self, amount: int, whole: int) -> None:
        self._amount, self._whole, self._running = amount, whole, 0

    def next(self, part: int) -> EnergyWh:
        """Return the share of the next part."""
        before, self._running = self._running, self._running + part
        if self._whole == 0:
            return EnergyWh(0)
        return EnergyWh(self._amount * self._running // self._whole - self._amount * before // self._whole)


def _imbalance_micro(imbalance_wh: EnergyWh, prices: RetailPrices) -> AmountMicro:
    if imbalance_wh > 0:
        return AmountMicro(-cost_rounded_up(imbalance_wh, prices.retail))
    return cost_rounded_down(EnergyWh(-imbalance_wh), prices.feed_in)


def _unwind(position: Position, traded_wh: EnergyWh) -> AmountMicro:
    """Return what a buyer gets back (rounded down) or a seller returns (rounded up) for what is not traded."""
    if position.energy_wh > 0:
        bought = position.bought_wh
        return AmountMicro(position.locked_micro * (bought - traded_wh) // bought)
    sold = position.sold_wh
    if sold == 0:
        return NO_MONEY
    return AmountMicro(-position.revenue_micro * (sold - traded_wh) // sold)


def _flows(settled: Sequence[AccountSettlement], cleared: ClearedSlot) -> dict[int, int]:
    """Return every cash change of the slot by account.

    Raises:
        BooksDoNotCloseError: they do not sum to zero.
    """
    flows: dict[int, int] = {account.account: net for account in settled if (net := account.net_micro)}
    charges = {
        SystemAccount.DSO: cleared.network_micro,
        SystemAccount.OPERATOR: cleared.fee_micro,
        SystemAccount.CONGESTION_RENT: cleared.rent_micro,
    }
    released = sum(account.released_micro for account in settled)
    system = {
        **charges,
        SystemAccount.RETAILER: -sum(account.retail_micro for account in settled),
        SystemAccount.ESCROW: -released - sum(charges.values()),
    }
    flows.update({int(account): amount for account, amount in system.items() if amount})
    if sum(flows.values()):
        raise BooksDoNotCloseError(f"the flows of the slot sum to {sum(flows.values())} micro-credits")
    return flows


def _require_rising(accounts: Sequence[MeteredAccount]) -> None:
    last = -1
    for account in accounts:
        if account.account <= last:
            raise InputError(f"accounts must rise strictly: {account.account} comes after {last}")
        last = account.account
