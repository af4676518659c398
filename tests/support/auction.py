"""The auction on the base contracts, with a relay, a DSO and traders, for contract tests to play slots on.

    market = deploy_market(platform)
    traders = market.admit([0, 0], cash_micro=50 * CREDIT)
    slot = market.new_slot()
    slot.relay(traders[0], Side.BID, [(1000, 250_000)])
    slot.relay(traders[1], Side.OFFER, [(1000, 150_000)])
    slot.seal_and_close()
    receipt = slot.clear()

`Slot.expected` is what Python says of the same book, from the same public data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eth_hash.auto import keccak

from p2ptrade.chain.packing import (
    BookRecord,
    OpenedRecord,
    OwnSeal,
    SealEntry,
    SupersededRecord,
    UnopenedRecord,
    pack_book,
    pack_entries,
    pack_strangers,
    running_hash,
    ticket,
)
from p2ptrade.chain.typed_data import (
    Domain,
    OrderMessage,
    ReceiptMessage,
    VerdictMessage,
    auction_domain,
    prices_hash,
    sign,
)
from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.money import buyer_pays_rounded_up, cost_rounded_up, seller_receives_rounded_down
from p2ptrade.domain.order import Side, Step, VoidReason
from p2ptrade.domain.participant import AccountState, CoverRules
from p2ptrade.domain.position import Position
from p2ptrade.domain.units import (
    SLOT_SECONDS,
    AccountId,
    AmountMicro,
    EnergyWh,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
    SlotNumber,
)
from p2ptrade.market import clear
from p2ptrade.transport.book_reading import BookContext, read_book
from tests.support.chain import CHAIN_ID, Chain, Contract, Key, Receipt
from tests.support.platform import CREDIT, RETAILER, Platform, pack_accounts
from tests.support.platform import pack_entries as pack_moves

LEADS: Final = (3600, 1800, 1200, 600)
SETTLE_S: Final = 7 * 86_400
BONDS: Final = tuple(CREDIT * 8 // (8 + rank) for rank in range(8))
COLLATERAL: Final = tuple(100_000 - 10_000 * rank for rank in range(8))
STAKE: Final = 100 * CREDIT
CHALLENGE_BOND: Final = CREDIT
CLAIM_S: Final = 86_400
ANSWER_S: Final = 3600
NO_CHARGES: Final = Charges(*(PriceMicroPerKwh(0),) * 4)
# The result of a slot that was not cleared.
NO_RESULT: Final = (bytes(32), 0, 0, 0, 0, bytes(32))
# The phases of a slot as the contract numbers them.
SEALING, OPENING, CLEARING, LAPSED, CLEARED, SETTLING, REFUNDED = range(7)


@dataclass(frozen=True)
class Trader:
    """A participant with its key."""

    name: str
    key: Key
    account: int


@dataclass(frozen=True)
class Expected:
    """What Python says that a book comes to."""

    prices: tuple[PriceHalfMicroPerKwh, ...]
    positions: tuple[Position, ...]
    voids: tuple[tuple[AccountId, VoidReason], ...]
    forfeited: dict[int, int]
    network_micro: int
    fee_micro: int
    rent_micro: int
    bought_wh: int

    @property
    def escrow_micro(self) -> int:
        return sum(position.locked_micro for position in self.positions)


@dataclass
class Market:
    """The auction contract and who plays around it."""

    platform: Platform
    stake: Contract
    auction: Contract
    relay: Key
    dso: Key
    relay_account: int
    rules: CoverRules
    _names: int = 0
    _salts: int = 0

    @property
    def chain(self) -> Chain:
        return self.platform.chain

    @property
    def domain(self) -> Domain:
        return auction_domain(CHAIN_ID, self.auction.address)

    def admit(self, zones: Sequence[int], *, cash_micro: int = 100 * CREDIT, prefix: str = "trader") -> list[Trader]:
        """Admit a trader for every zone given, each with the same cash."""
        if not zones:
            return []
        names = [f"{prefix} {self._names + index}" for index in range(len(zones))]
        self._names += len(zones)
        accounts: list[int] = []
        for start in range(0, len(zones), 250):
            part = slice(start, start + 250)
            accounts += self.platform.admit_many(names[part], zone=list(zones[part]))
        self.give(dict.fromkeys(accounts, cash_micro))
        return [Trader(name, self.chain.key(name), account) for name, account in zip(names, accounts, strict=True)]

    def give(self, amounts: dict[int, int]) -> None:
        """Give cash to accounts in few transactions, or take it away; the retailer's account is the other side."""
        total = sum(amounts.values())
        if total > 0:
            self.platform.fund(RETAILER, total)
        items = [(account, amount) for account, amount in amounts.items() if amount]
        for start in range(0, len(items), 500):
            part = items[start : start + 500]
            moves = pack_moves((RETAILER, -sum(amount for _, amount in part)), *part)
            self.platform.ledger.send("settle", moves, sender=self.platform.holder("MARKET"))

    def accounts(self, numbers: Iterable[int]) -> dict[AccountId, AccountState]:
        """Return accounts as they are on the chain now."""
        listed = sorted(set(numbers))
        words = self.platform.ledger.call("words", pack_accounts(listed)) if listed else []
        return {
            AccountId(number): AccountState.from_word(word) for number, word in zip(listed, words, strict=True) if word
        }

    def next_salt(self) -> bytes:
        """Return a salt that was not used before."""
        self._salts += 1
        return keccak(self._salts.to_bytes(32, "big"))[:16]

    def new_slot(self, grid: GridData | None = None, *, ahead_s: int = 7200) -> Slot:
        """Return a slot whose gate is still open, with its grid data published."""
        return self._published((self.chain.now_s() + ahead_s) // SLOT_SECONDS + 1, grid)

    def slot_after(self, slot: Slot) -> Slot:
        """Return the slot that comes next, with its grid data published."""
        return self._published(slot.number + 1, None)

    def _published(self, number: int, grid: GridData | None) -> Slot:
        slot = Slot(self, SlotNumber(number), grid or one_zone())
        self.platform.grid_limits.send("publish", number, slot.grid.pack(), sender=self.platform.holder("DSO"))
        return slot


@dataclass
class Slot:
    """One slot of the market, played step by step; steps can be left out or done wrongly."""

    market: Market
    number: SlotNumber
    grid: GridData
    relayed: dict[int, tuple[OrderMessage, bytes]] = field(default_factory=dict)
    own: list[tuple[Trader, OrderMessage]] = field(default_factory=list)
    unopened: set[int] = field(default_factory=set)
    signatures: dict[int, bytes] = field(default_factory=dict)
    cleared_by: Receipt | None = None

    @property
    def start_s(self) -> int:
        return self.number * SLOT_SECONDS

    @property
    def gate_s(self) -> int:
        return self.start_s - LEADS[1]

    @property
    def open_until_s(self) -> int:
        return self.start_s - LEADS[2]

    @property
    def clear_until_s(self) -> int:
        return self.start_s - LEADS[3]

    @property
    def auction(self) -> Contract:
        return self.market.auction

    # ------------------------------------------------------------------------------------------------------- sealing

    def order(self, trader: Trader, side: Side, steps: Sequence[tuple[int, int]]) -> OrderMessage:
        """Return an order of a trader; steps are (Wh, micro per kWh)."""
        domain_steps = tuple(Step(EnergyWh(energy), PriceMicroPerKwh(price)) for energy, price in steps)
        return OrderMessage(self.number, trader.account, side, domain_steps, self.market.next_salt())

    def relay(self, trader: Trader, side: Side, steps: Sequence[tuple[int, int]]) -> OrderMessage:
        """Hand a sealed order to the relay."""
        order = self.order(trader, side, steps)
        self.signatures[trader.account] = sign(order, self.market.domain, trader.key)
        self.relayed[trader.account] = (order, self.signatures[trader.account])
        return order

    def seal(self, trader: Trader, side: Side, steps: Sequence[tuple[int, int]]) -> Receipt:
        """Seal by an own transaction."""
        order = self.order(trader, side, steps)
        self.own.append((trader, order))
        digest = order.digest(self.market.domain)
        return self.auction.send("seal", self.number, digest, sender=trader.key.address)

    def entries(self) -> bytes:
        """Return the relay's list of seals."""
        return pack_entries(SealEntry(AccountId(account), self.ticket(account)) for account in sorted(self.relayed))

    def ticket(self, account: int) -> bytes:
        """Return what the relay commits to for an account."""
        order, signature = self.relayed[account]
        return ticket(order.digest(self.market.domain), signature)

    def root(self) -> bytes:
        """Return what the relay commits to; zero if nothing was relayed."""
        return running_hash([self.entries()]) if self.relayed else bytes(32)

    def commit(self) -> Receipt:
        """Let the relay commit."""
        sender = self.market.relay.address
        return self.auction.send("commit", self.number, self.root(), len(self.relayed), sender=sender)

    def strangers(self) -> bytes:
        """Return the own seals of senders without an account, whom this calls account 0."""
        domain = self.market.domain
        seals = {
            arrival: OwnSeal(trader.key.address, order.digest(domain))
            for arrival, (trader, order) in enumerate(self.own)
            if trader.account == 0
        }
        return pack_strangers(seals)

    def seal_and_close(self) -> None:
        """Commit what was relayed and close the gate; wait out the openings if one is withheld."""
        if self.relayed:
            self.commit()
        self.market.chain.warp_to(self.open_until_s if self.unopened else self.gate_s)

    # ------------------------------------------------------------------------------------------------------ clearing

    def records(self) -> list[BookRecord]:
        """Return the records of the book."""
        domain = self.market.domain
        own: dict[int, list[tuple[int, OrderMessage]]] = {}
        for arrival, (trader, order) in enumerate(self.own):
            if trader.account != 0:
                own.setdefault(trader.account, []).append((arrival, order))
        records: list[BookRecord] = []
        for account in sorted(self.relayed.keys() | own.keys()):
            seals = own.get(account, [])
            if account in self.relayed:
                order, signature = self.relayed[account]
                replaced = SupersededRecord(AccountId(account), self.ticket(account))
                records.append(replaced if seals else self._record(order, signature, None))
            for arrival, order in seals[:-1]:
                records.append(SupersededRecord(AccountId(account), order.digest(domain), arrival))
            for arrival, order in seals[-1:]:
                records.append(self._record(order, None, arrival))
        return records

    def _record(self, order: OrderMessage, signature: bytes | None, arrival: int | None) -> BookRecord:
        account = AccountId(order.account)
        if order.account in self.unopened:
            sealed = order.digest(self.market.domain) if signature is None else order.terms_hash
            return UnopenedRecord(account, sealed, signature, arrival)
        steps = tuple((step.energy_wh, step.limit_price_micro_per_kwh) for step in order.steps)
        return OpenedRecord(account, order.side, steps, order.salt, signature, arrival)

    def book(self) -> bytes:
        """Return the book as one page."""
        pages = pack_book(self.records(), page_bytes=2**30)
        return pages[0] if pages else b""

    def expected(self, book: bytes | None = None, grid: GridData | None = None) -> Expected:
        """Return what Python says of the book, with the accounts as they are now."""
        grid = grid or self.grid
        page = self.book() if book is None else book
        accounts = self.market.accounts([*self.relayed, *(trader.account for trader, _ in self.own)])
        context = BookContext(self.number, self.market.domain, accounts, self.market.rules, grid)
        return expected_of(page, context)

    def submission(self, *, book: bytes | None = None, grid: GridData | None = None, **changes: Any) -> list[Any]:
        """Return what clears the slot, signed by the DSO; `changes` are made before the signature, but for its own."""
        page = self.book() if book is None else book
        kept = grid or self.grid
        fields: dict[str, Any] = {
            "slot": self.number,
            "book": page,
            "prices": None,
            "gridData": kept.pack(),
            "published": b"" if grid is None else self.grid.pack(),
            "envelopeRoot": bytes(32),
            "strangers": self.strangers(),
            "verdict": None,
        }
        fields.update(changes)
        if fields["prices"] is None:
            fields["prices"] = list(self.expected(page, kept).prices)
        if fields["verdict"] is None:
            fields["verdict"] = self.verdict(list(fields.values()), self.market.dso)
        return list(fields.values())

    def verdict(self, submission: list[Any], key: Key) -> bytes:
        """Return a signature over a submission."""
        return key.sign_digest(self.verdict_digest(submission))

    def verdict_digest(self, submission: list[Any]) -> bytes:
        """Return what the DSO signs of a submission."""
        number, book, prices, grid_data, _, envelope_root, *_ = submission
        message = VerdictMessage(number, running_hash([book]), prices_hash(prices), keccak(grid_data), envelope_root)
        return message.digest(self.market.domain)

    def clear(self, submission: list[Any] | None = None, **changes: Any) -> Receipt:
        """Clear the slot; anybody may."""
        fields = self.submission(**changes) if submission is None else submission
        self.cleared_by = self.auction.send("clear", tuple(fields), sender=self.market.chain.address("anybody"))
        return self.cleared_by

    @property
    def result(self) -> tuple[Any, ...]:
        """What the slot was cleared to, as the event has it: callers of the contract show it again."""
        return NO_RESULT if self.cleared_by is None else tuple(self.cleared_by.event(self.auction, "Cleared")["result"])

    def receipt(self, order: OrderMessage, received_at: int, key: Key | None = None) -> bytes:
        """Return the relay's receipt for a seal."""
        message = ReceiptMessage(self.number, order.account, order.digest(self.market.domain), received_at)
        return sign(message, self.market.domain, key or self.market.relay)


def expected_of(page: bytes, context: BookContext) -> Expected:
    """Return what Python says of one page."""
    read = read_book([page], context)
    clearing = clear(read.book)
    grid, rules = context.grid, context.rules
    charge = grid.charges.total_micro_per_kwh
    positions = []
    buyers_pay = sellers_get = 0
    for order, energy in zip(read.orders, clearing.order_energy_wh.tolist(), strict=True):
        if energy == 0:
            continue
        price = clearing.prices[order.zone]
        if order.side is Side.BID:
            pays = buyer_pays_rounded_up(EnergyWh(energy), price, charge)
            buyers_pay += pays
            positions.append(Position(order.account, energy, pays, AmountMicro(0)))
        else:
            revenue = seller_receives_rounded_down(EnergyWh(energy), price)
            collateral = cost_rounded_up(EnergyWh(energy), rules.collateral_price(context.accounts[order.account]))
            sellers_get += revenue
            positions.append(Position(order.account, -energy, collateral, AmountMicro(revenue + collateral)))
    bought = clearing.volume_wh
    network = bought * grid.charges.network_micro_per_kwh // 1000
    fee = bought * grid.charges.fee_micro_per_kwh // 1000
    forfeited = {
        number: max(0, min(rules.bond(context.accounts[number]), context.accounts[number].cash_micro))
        for number, reason in read.voids
        if reason is VoidReason.UNOPENED
    }
    return Expected(
        clearing.prices,
        tuple(positions),
        read.voids,
        {number: bond for number, bond in forfeited.items() if bond},
        network,
        fee,
        buyers_pay - sellers_get - network - fee,
        bought,
    )


def priced_slot(market: Market, slot: Slot | None = None) -> Slot:
    """Return a slot, a new one unless told, of four relayed orders that trade, sealed and closed."""
    slot = slot or market.new_slot()
    for number, trader in enumerate(market.admit([0] * 4)):
        slot.relay(trader, Side(number % 2), [(500, 200_000 - 50_000 * (number % 2))])
    slot.seal_and_close()
    return slot


def one_zone(charges: Charges = NO_CHARGES) -> GridData:
    """Return grid data of a single zone."""
    return GridData((ROOT,), charges)


def star(limits: Sequence[tuple[int, int]], charges: Charges = NO_CHARGES) -> GridData:
    """Return grid data of a root with one child per (import, export) limit in Wh."""
    below = [ZoneLimits(ROOT.parent, EnergyWh(imports), EnergyWh(exports)) for imports, exports in limits]
    return GridData((ROOT, *below), charges)


def deploy_market(platform: Platform, *, relay_name: str = "relay", collateral: Sequence[int] = COLLATERAL) -> Market:
    """Deploy relay stake and auction, appoint relay and DSO, and let the relay stake."""
    chain, admin = platform.chain, platform.admin
    relay, dso = chain.key(relay_name), chain.key("dso")
    stake = chain.deploy("RelayStake", platform.authority, platform.ledger, STAKE, CHALLENGE_BOND, CLAIM_S, ANSWER_S)
    auction = chain.deploy(
        "DoubleAuction",
        platform.authority,
        platform.ledger,
        platform.grid_limits,
        stake,
        (*LEADS, SETTLE_S),
        list(BONDS),
        list(collateral),
    )
    for contract in (stake, auction):
        platform.let_move(contract)
    auction.send("appointSettlement", platform.holder("MARKET"), sender=admin)
    account = platform.admit(relay_name, cash_micro=2 * STAKE)
    stake.send("appoint", relay, account, sender=admin)
    stake.send("stake", STAKE, sender=relay.address)
    auction.send("appointDso", dso, sender=admin)
    rules = CoverRules(tuple(map(int, BONDS)), tuple(map(int, collateral)))  # type: ignore[arg-type]
    return Market(platform, stake, auction, relay, dso, account, rules)
