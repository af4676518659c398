"""An account's statement: every movement of its cash with what caused it, rebuilt from the ledger's events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from p2ptrade.chain.contracts.base import ContractWrapper, EventRecord
from p2ptrade.chain.contracts.ledger import moved_entries
from p2ptrade.chain.deployed import Market
from p2ptrade.domain.units import AccountId, AmountMicro

# Events of the market's contracts that say why a transaction moved cash.
_AUCTION_REASONS: Final = {
    "Cleared": "clearing of slot {slot}",
    "PageFilled": "clearing of slot {slot}",
    "Refunded": "refund of slot {slot}",
}
_SETTLEMENT_REASONS: Final = {
    "PageSettled": "settlement of slot {slot}",
    "Corrected": "correction of slot {slot}",
}
_REWARD_REASONS: Final = {"PeriodPaid": "reward of period {period}"}
_GUARANTEE_REASONS: Final = {"GuaranteePaid": "guarantee of period {period}"}
_DEMURRAGE_REASONS: Final = {"Collected": "demurrage up to day {day}"}


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of an account's cash: what it came to, why, and the transaction that proves it."""

    block_number: int
    transaction_hash: bytes
    reason: str
    amount_micro: AmountMicro
    cash_after_micro: AmountMicro


def movements(market: Market, account: AccountId) -> list[Movement]:
    """Return all movements of an account's cash, the first one first."""
    names = ("Deposited", "Withdrawn")
    own = market.ledger.events(names, first=market.first_block, where={"account": account})
    moved = market.ledger.events("Moved", first=market.first_block)
    records = sorted([*own, *moved], key=lambda record: (record.log.block_number, record.log.index))
    reasons = _reasons(market)
    cash = 0
    found: list[Movement] = []
    for record in records:
        for amount in _amounts(record, account):
            cash += amount
            reason = _reason(record, reasons)
            found.append(
                Movement(
                    record.log.block_number, record.log.transaction_hash, reason, AmountMicro(amount), AmountMicro(cash)
                )
            )
    return found


def _amounts(record: EventRecord, account: AccountId) -> list[int]:
    """Return by how much an event changed the account's cash; one event may do so more than once."""
    match record.name:
        case "Deposited":
            return [int(record.values["amount"])]
        case "Withdrawn":
            return [-int(record.values["amount"])]
    return [amount for moved, amount in moved_entries(record.values["entries"]) if moved == account]


def _reason(record: EventRecord, reasons: Mapping[bytes, str]) -> str:
    if record.name != "Moved":
        return "deposit" if record.name == "Deposited" else "withdrawal"
    return reasons.get(record.log.transaction_hash, "movement by the market")


def _reasons(market: Market) -> dict[bytes, str]:
    """Return why each transaction of the market moved cash, by its hash."""
    reasons: dict[bytes, str] = {}
    speaking: list[tuple[ContractWrapper, Mapping[str, str]]] = [
        (market.auction, _AUCTION_REASONS),
        (market.settlement, _SETTLEMENT_REASONS),
        (market.rewards, _REWARD_REASONS),
    ]
    if market.demurrage is not None:
        speaking.append((market.demurrage, _DEMURRAGE_REASONS))
    if market.guarantee is not None:
        speaking.append((market.guarantee, _GUARANTEE_REASONS))
    for contract, texts in speaking:
        for name, text in texts.items():
            for record in contract.events(name, first=market.first_block):
                reasons.setdefault(record.log.transaction_hash, text.format(**record.values))
    return reasons
