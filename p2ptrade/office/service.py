"""The acts of registrar, treasurer, retailer and relay operator, each done once however often it is asked for.

Every act has a name in the outbox of the key that does it, so that a repeated or interrupted call changes nothing; the
contracts refuse a second admission of an owner and a second use of a deposit's reference besides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak
from eth_typing import ChecksumAddress

from p2ptrade.chain.contracts.participant_registry import Admission
from p2ptrade.chain.contracts.tariffs import SLOTS_PER_DAY
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.outbox import Outbox
from p2ptrade.domain.settlement import RetailPrices
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.tariff import Tariff
from p2ptrade.domain.units import AccountId, AmountMicro, SlotNumber
from p2ptrade.errors import InputError, RefusedError

ADMISSIONS_AT_ONCE: Final = 100
_GAS_OF_ONE_ACT: Final = 250_000


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money that arrived outside: who gets the credits, how many, and the reference of the payment."""

    holder: ChecksumAddress
    amount_micro: AmountMicro
    reference: str

    @property
    def reference_hash(self) -> bytes:
        """Return what the chain keeps of the reference, which may name a person."""
        return keccak(self.reference.encode())


def admit(market: Market, registrar: Outbox, admissions: Sequence[Admission]) -> Mapping[ChecksumAddress, AccountId]:
    """Admit participants who are not yet, and return the account of every owner.

    Raises:
        TransactionRevertedError: the contract refuses one, and with it its whole batch.
    """
    known = {owner.owner: market.ledger.account_of(owner.owner) for owner in admissions}
    new = [admission for admission in admissions if known[admission.owner] is None]
    for start in range(0, len(new), ADMISSIONS_AT_ONCE):
        batch = new[start : start + ADMISSIONS_AT_ONCE]
        data = market.registry.admit_many_data(batch)
        intent = f"admit/{keccak(data).hex()[:16]}"
        registrar.submit(intent, market.registry.address, data)
        registrar.wait(intent)
    accounts = {admission.owner: market.ledger.account_of(admission.owner) for admission in admissions}
    return {owner: account for owner, account in accounts.items() if account is not None}


def record_deposits(market: Market, treasurer: Outbox, deposits: Iterable[Deposit]) -> None:
    """Give credits for money that arrived, one to one.

    Raises:
        TransactionRevertedError: a reference was used before, or the holder is not admitted.
    """
    sent = []
    for deposit in deposits:
        call = (deposit.holder, deposit.amount_micro, deposit.reference_hash)
        data = market.credits.call_data("recordDeposit", *call)
        intent = f"deposit/{deposit.reference_hash.hex()[:16]}"
        treasurer.submit(intent, market.credits.address, data, gas_limit=_GAS_OF_ONE_ACT)
        sent.append(intent)
    for intent in sent:
        treasurer.wait(intent)


def publish_tariff(market: Market, retailer: Outbox, tariff: Tariff, days: Iterable[int]) -> list[int]:
    """Publish the prices of UTC days (epoch seconds / 86400) that have none yet, and return those days.

    Raises:
        TransactionRevertedError: a day is too near or lies before one that was published.
    """
    last = market.tariffs.last_day()
    missing = [day for day in sorted(days) if day > last]
    for day in missing:
        slots = (start_of(SlotNumber(day * SLOTS_PER_DAY + of_day)) for of_day in range(SLOTS_PER_DAY))
        prices = [RetailPrices(tariff.retail_price(start), tariff.feed_in_price(start)) for start in slots]
        intent = f"tariff/{day}"
        retailer.submit(intent, market.tariffs.address, market.tariffs.publish_data(day, prices))
        retailer.wait(intent)
    return missing


def pay_in(market: Market, holder: Outbox, account: AccountId, amount_micro: AmountMicro, name: str) -> list[str]:
    """Turn credits of the holder into cash of an account; `name` makes the act one. Return what to wait for.

    Raises:
        RefusedError: the holder has fewer credits.
    """
    held = market.credits.balance(holder.sender)
    approval, payment = f"approve/{account}/{name}", f"pay-in/{account}/{name}"
    if holder.find(payment) is None and held < amount_micro:
        raise RefusedError(
            f"{holder.sender} holds {held} micro-credits, {amount_micro} are needed: "
            "the treasurer records a deposit first, `p2ptrade office credit`"
        )
    credits_, ledger = market.credits, market.ledger
    allow = credits_.call_data("approve", ledger.address, amount_micro)
    holder.submit(approval, credits_.address, allow, gas_limit=_GAS_OF_ONE_ACT)
    deposit = ledger.call_data("deposit", account, amount_micro)
    holder.submit(payment, ledger.address, deposit, gas_limit=_GAS_OF_ONE_ACT)
    return [approval, payment]


def stake(market: Market, relay: Outbox, amount_micro: AmountMicro, name: str) -> None:
    """Put cash of the relay's account at stake, so that it may commit.

    Raises:
        InputError: the key is not the relay's.
        TransactionRevertedError: its account does not hold as much.
    """
    state = market.relay_stake.relay()
    if state.relay != relay.sender:
        raise InputError(f"{relay.sender} is not the relay of this market; {state.relay} is")
    intent = f"stake/{name}"
    relay.submit(intent, market.relay_stake.address, market.relay_stake.call_data("stake", amount_micro))
    relay.wait(intent)
