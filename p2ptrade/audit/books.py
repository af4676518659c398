"""The books of a market, proven: every credit and every Wh accounted for, every flow computed again.

`audit_books` reads the chain at one block and returns all differences; money and energy differences are sums of
absolute values, so that two errors cannot cancel.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from p2ptrade.audit.clearings import published_clearings
from p2ptrade.audit.evidence import ChainEvent, Evidence, read_evidence
from p2ptrade.audit.recompute import (
    PublishedClearing,
    PublishedCorrection,
    PublishedSettlement,
    check_clearing,
    check_correction,
    check_settlement,
)
from p2ptrade.audit.replay import (
    ZERO_ADDRESS,
    Difference,
    cash_of,
    credits_of,
    differences,
    minted_by_slot,
    tokens_of,
)
from p2ptrade.chain.contracts.settlement import rules_of
from p2ptrade.chain.contracts.tariffs import SLOTS_PER_DAY
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.settled_pages import page_in
from p2ptrade.chain.settlement_page import unpack_corrections, unpack_slot
from p2ptrade.domain.metered import ClearedSlot
from p2ptrade.domain.settlement import RetailPrices, SettlementRules
from p2ptrade.domain.units import (
    U32_MAX,
    AccountId,
    EnergyWh,
    PriceMicroPerKwh,
    SlotNumber,
    ZoneId,
)
from p2ptrade.errors import ChainError

_SLOTS_PER_WORD: Final = 4

Inputs = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Books:
    """What an audit found; the books are closed if both lists are empty."""

    block_number: int
    clearings: tuple[PublishedClearing, ...]
    settlements: tuple[PublishedSettlement, ...]
    money: tuple[Difference, ...]
    energy: tuple[Difference, ...]

    @property
    def money_difference_micro(self) -> int:
        """Return the money that is not accounted for."""
        return sum(abs(difference.replayed - difference.stored) for difference in self.money)

    @property
    def energy_difference_wh(self) -> int:
        """Return the energy that is not accounted for."""
        return sum(abs(difference.replayed - difference.stored) for difference in self.energy)

    @property
    def closed(self) -> bool:
        """Return whether every credit and every Wh is accounted for."""
        return not self.money and not self.energy


def audit_books(market: Market) -> Books:
    """Return the audit of all that happened in a market so far.

    Raises:
        ChainUnreachableError: the node does not answer.
    """
    return judge(read_evidence(market.client, market.deployment.contracts, market.first_block), _inputs_of(market))


def judge(evidence: Evidence, inputs: Inputs) -> Books:
    """Return what the evidence says; `inputs` gives the input of a transaction by its hash."""
    clearings = tuple(published_clearings(evidence, inputs, _zones(evidence)))
    settlements = tuple(_settlements(evidence, {clearing.slot: clearing.totals for clearing in clearings}, inputs))
    recomputed = [difference for clearing in clearings for difference in check_clearing(clearing)]
    recomputed += [difference for settlement in settlements for difference in check_settlement(settlement)]
    recomputed += [
        difference for correction in _corrections(evidence, settlements) for difference in check_correction(correction)
    ]
    return Books(
        evidence.block_number,
        clearings,
        settlements,
        (*_money(evidence), *recomputed),
        tuple(_energy(evidence, clearings)),
    )


def _inputs_of(market: Market) -> Inputs:
    """Return the function that asks the node for the input data of a transaction."""

    def look_up(transaction_hash: bytes) -> bytes:
        found = market.client.rpc.call("eth_getTransactionByHash", "0x" + transaction_hash.hex())
        if found is None:
            raise ChainError(f"the node has lost transaction 0x{transaction_hash.hex()}: audit with another node")
        return bytes.fromhex(found["input"].removeprefix("0x"))

    return look_up


def _money(evidence: Evidence) -> Iterator[Difference]:
    cash_events = list(evidence.cash_events())
    created = sum(event.created_micro for event in cash_events)
    if created:
        yield Difference("cash made by movements", 0, created)
    yield from differences("cash of account", cash_of(cash_events), evidence.cash)
    held = credits_of(evidence.credits_events())
    yield from differences(
        "credits of", {holder: c for holder, c in held.items() if holder != ZERO_ADDRESS}, evidence.credits
    )
    recorded = sum(
        event.values["amount"] for name in ("DepositRecorded", "Issued") for event in evidence.named("Credits", name)
    )
    redeemed = sum(event.values["amount"] for event in evidence.named("Credits", "Redeemed"))
    yield from differences(
        "credits",
        {"recorded": recorded - redeemed, "in all hands": sum(evidence.credits.values())},
        {"recorded": evidence.credits_supply_micro, "in all hands": evidence.credits_supply_micro},
    )
    backing = sum(amount for holder, amount in evidence.credits.items() if holder == evidence.ledger)
    yield from differences("credits behind", {"cash": sum(evidence.cash.values())}, {"cash": backing})


def _energy(evidence: Evidence, clearings: tuple[PublishedClearing, ...]) -> Iterator[Difference]:
    for clearing in clearings:
        net = sum(int(position.energy_wh) for position in clearing.positions)
        if net:
            yield Difference(f"slot {clearing.slot}: bought less sold", 0, net)
    tokens = list(evidence.token_events())
    held = {key: wh for key, wh in tokens_of(tokens).items() if key[1] != ZERO_ADDRESS}
    yield from differences("energy tokens of", held, evidence.tokens)
    delivered: dict[SlotNumber, int] = {}
    for event in evidence.named("Settlement", "Settled"):
        delivered[SlotNumber(event.values["slot"])] = event.values["deliveredWh"]
    for event in evidence.named("Settlement", "Corrected"):
        slot = SlotNumber(event.values["slot"])
        delivered[slot] = max(delivered.get(slot, 0), event.values["deliveredWh"])
    for slot, minted in minted_by_slot(tokens).items():
        if minted > delivered.get(slot, 0):
            yield Difference(f"slot {slot}: energy tokens beyond delivery", delivered.get(slot, 0), minted)


def _settlements(
    evidence: Evidence, cleared: Mapping[SlotNumber, ClearedSlot], inputs: Inputs
) -> Iterator[PublishedSettlement]:
    pages: defaultdict[SlotNumber, list[ChainEvent]] = defaultdict(list)
    for event in evidence.named("Settlement", "PageSettled"):
        pages[SlotNumber(event.values["slot"])].append(event)
    for event in evidence.named("Settlement", "Settled"):
        slot = SlotNumber(event.values["slot"])
        yield PublishedSettlement(
            slot=slot,
            accounts=unpack_slot([page_in(inputs(page.log.transaction_hash)) for page in pages[slot]]),
            cleared=cleared.get(slot, ClearedSlot()),
            prices=_tariff(evidence, slot),
            rules=_rules(evidence, slot),
            moved=evidence.moved_in({page.log.transaction_hash for page in pages[slot]}),
            at_debt_limit=evidence.at_debt_limit({page.log.transaction_hash for page in pages[slot]}),
        )


def _corrections(evidence: Evidence, settlements: Iterable[PublishedSettlement]) -> Iterator[PublishedCorrection]:
    standing = {each.slot: {account.account: account for account in each.accounts} for each in settlements}
    for event in evidence.named("Settlement", "Corrected"):
        slot, transactions = SlotNumber(event.values["slot"]), {event.log.transaction_hash}
        changes = unpack_corrections(event.values["corrections"])
        yield PublishedCorrection(
            slot=slot,
            version=event.values["version"],
            changes=changes,
            before=standing[slot],
            delivered_wh=EnergyWh(event.values["deliveredWh"]),
            prices=_tariff(evidence, slot),
            rules=_rules(evidence, slot),
            moved=evidence.moved_in(transactions),
            at_debt_limit=evidence.at_debt_limit(transactions),
        )
        standing[slot] = {**standing[slot], **{new.account: new for _, new in changes}}


def _zones(evidence: Evidence) -> dict[AccountId, ZoneId]:
    zones: dict[AccountId, ZoneId] = {}
    for event in evidence.events:
        if event.contract == "Ledger" and event.name in ("AccountOpened", "AccountSet"):
            zones[AccountId(event.values["account"])] = ZoneId(event.values["zone"])
    return zones


def _tariff(evidence: Evidence, slot: SlotNumber) -> RetailPrices:
    """Return the prices of a slot: of the newest list published for its day or an earlier one."""
    day, of_day = divmod(slot, SLOTS_PER_DAY)
    lists = {event.values["day"]: event.values["words"] for event in evidence.named("Tariffs", "TariffPublished")}
    holding = max((listed for listed in lists if listed <= day), default=None)
    if holding is None:
        raise ChainError(f"slot {slot} was settled, but no tariff was published for day {day}")
    lane = lists[holding][of_day // _SLOTS_PER_WORD] >> 64 * (of_day % _SLOTS_PER_WORD)
    return RetailPrices(PriceMicroPerKwh(lane & U32_MAX), PriceMicroPerKwh(lane >> 32 & U32_MAX))


def _rules(evidence: Evidence, slot: SlotNumber) -> SettlementRules:
    """Return the rules that held for a slot: the last ones set for it or an earlier slot."""
    held: tuple[Any, ...] | None = None
    for event in evidence.named("Settlement", "RulesSet"):
        if event.values["fromSlot"] <= slot:
            held = event.values["rules"]
    if held is None:
        raise ChainError(f"slot {slot} was settled, but no rules were set for it")
    return rules_of(held)
