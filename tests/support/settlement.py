"""Settlement on a test chain: contracts wired to an auction that was told its result, oracles, random slots."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from eth_hash.auto import keccak

from p2ptrade.chain.packing import positions_hash
from p2ptrade.chain.settlement_page import PackedSlot, pack_slot
from p2ptrade.chain.typed_data import ReportMessage, settlement_domain
from p2ptrade.domain.metered import CAPACITY_WH_PER_KW, ClearedSlot, MeteredAccount, SlotTotals
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import ImbalanceRule, RetailPrices, SettlementRules
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm, SlotNumber
from tests.support.auction import NO_RESULT
from tests.support.chain import CHAIN_ID, GENESIS_S, Chain, Contract, Key, Receipt
from tests.support.platform import ESCROW, Platform, pack_entries

SETTLE_WINDOW_S: Final = 7 * 86_400
CORRECTION_WINDOW_S: Final = 30 * 86_400
ORACLES: Final = 4
QUORUM: Final = 3
CAPACITY_KW: Final = 30
PRICES: Final = RetailPrices(PriceMicroPerKwh(300_000), PriceMicroPerKwh(80_000))
FIRST_SLOT: Final = SlotNumber(GENESIS_S // 900 + 2 * 96)
"""First slot of the day after tomorrow, from which on tariffs are published."""

RULES: Final = SettlementRules(
    Deviation(PriceMicroPerKwh(20_000), EnergyWh(50), SharePpm(100_000)),
    breach_micro_per_kwh=PriceMicroPerKwh(500_000),
    quorum=QUORUM,
)


@dataclass(frozen=True)
class SettlementStage:
    """The contracts of settlement, the oracles' keys in rising order of their addresses."""

    platform: Platform
    auction: Contract
    settlement: Contract
    token: Contract
    reputation: Contract
    oracles: tuple[Key, ...]
    rules: SettlementRules
    results: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def chain(self) -> Chain:
        return self.platform.chain

    def clear(self, slot: int, positions: list[Position], cleared: ClearedSlot) -> None:
        """Tell the auction that a slot was cleared, and put what its accounts locked into escrow."""
        totals = (cleared.network_micro, cleared.fee_micro, cleared.rent_micro, cleared.bought_wh)
        result = (positions_hash(positions), *totals, keccak(b"what was relayed"))
        self.results[slot] = result
        self.auction.send("setResult", slot, result, sender=self.platform.admin)
        locked = sum(position.locked_micro for position in positions)
        if locked:
            bank = self.platform.ledger.call("accountOf", self.chain.address("bank"))
            moves = pack_entries((bank, -locked), (ESCROW, locked))
            self.platform.ledger.send("move", moves, sender=self.platform.holder("MARKET"))

    def result(self, slot: int) -> tuple[Any, ...]:
        """Return what a slot was cleared to, as the auction's event would have it."""
        return self.results.get(slot, NO_RESULT)

    def report(self, slot: int, accounts: list[MeteredAccount], packed: PackedSlot, version: int = 1) -> ReportMessage:
        """Return the honest report of a slot."""
        delivered = SlotTotals.of(accounts).delivered_wh
        return ReportMessage(slot, version, b"\7" * 32, packed.data_hash, len(accounts), delivered)

    def signatures(self, report: ReportMessage, signers: tuple[Key, ...] | None = None) -> list[bytes]:
        """Return the signatures of the first `QUORUM` oracles, or of `signers`."""
        digest = report.digest(settlement_domain(CHAIN_ID, self.settlement.address))
        return [key.sign_digest(digest) for key in (self.oracles[:QUORUM] if signers is None else signers)]

    def submit(self, report: ReportMessage, signers: tuple[Key, ...] | None = None) -> Receipt:
        """Send a signed report."""
        return self.settlement.send(
            "submitReport", report.values(), self.signatures(report, signers), sender=self.platform.admin
        )

    def settle(self, report: ReportMessage, packed: PackedSlot) -> list[Receipt]:
        """Settle all pages of a submitted report."""
        return [
            self.settlement.send(
                "settlePage",
                report.values(),
                page,
                list(packed.later_hashes(number)),
                self.result(report.slot),
                sender=self.platform.admin,
            )
            for number, page in enumerate(packed.pages)
        ]

    def settle_at_once(self, report: ReportMessage, packed: PackedSlot) -> Receipt:
        """Report and settle a slot of one page in one transaction."""
        (page,) = packed.pages
        arguments = (report.values(), self.signatures(report), page, self.result(report.slot))
        return self.settlement.send("settleAtOnce", *arguments, sender=self.platform.admin)

    def settle_slot(
        self, slot: int, accounts: list[MeteredAccount], cleared: ClearedSlot, *, records_per_page: int = 800
    ) -> list[Receipt]:
        """Clear, report and settle a slot honestly; return the receipts of the pages."""
        self.clear(slot, [account.position for account in accounts if account.position], cleared)
        self.after(slot)
        packed = pack_slot(accounts, records_per_page)
        report = self.report(slot, accounts, packed)
        if len(packed.pages) == 1:
            return [self.settle_at_once(report, packed)]
        self.submit(report)
        return self.settle(report, packed)

    def after(self, slot: int) -> None:
        """Let time pass until the slot is over, if it is not."""
        end = (slot + 1) * 900
        if self.chain.now_s() < end:
            self.chain.warp_to(end)


def deploy_settlement(platform: Platform, rules: SettlementRules = RULES) -> SettlementStage:
    """Deploy settlement, tokens and reputation, wire them, publish a flat tariff and appoint the oracles."""
    chain = platform.chain
    auction = chain.deploy("ClearedAuction", SETTLE_WINDOW_S)
    token = chain.deploy("EnergyToken", platform.authority, "")
    settlement = chain.deploy(
        "Settlement",
        platform.authority,
        platform.ledger,
        auction,
        platform.tariffs,
        token,
        CORRECTION_WINDOW_S,
        rules_tuple(rules),
    )
    day = GENESIS_S // 86_400
    reputation = chain.deploy("Reputation", platform.authority, platform.ledger, day, QUORUM)
    platform.set_function_roles(token, {"MARKET": ("mint",)})
    platform.grant("MARKET", settlement)
    platform.let_move(settlement)
    platform.grant("SCORER", reputation)
    oracles = tuple(
        sorted((chain.key(f"oracle {number}") for number in range(ORACLES)), key=lambda k: int(k.address, 16))
    )
    for oracle in oracles:
        platform.grant("ORACLE", oracle.address)
    if platform.tariffs.call("lastDay") == 0:
        publish_flat_tariff(platform, day + 2)
    if platform.ledger.call("accountOf", chain.address("bank")) == 0:
        platform.admit("bank", capacity_kw=1, cash_micro=10**14)
    return SettlementStage(platform, auction, settlement, token, reputation, oracles, rules)


def publish_flat_tariff(platform: Platform, day: int, prices: RetailPrices = PRICES) -> None:
    """Publish one price all day, from `day` on."""
    lane = prices.retail | prices.feed_in << 32
    word = sum(lane << 64 * place for place in range(4))
    platform.tariffs.send("publish", day, [word] * 24, sender=platform.holder("RETAILER"))


def rules_tuple(rules: SettlementRules) -> tuple[int, ...]:
    """Return the rules as the contract takes them."""
    return (
        rules.deviation.tolerance,
        rules.deviation.tolerance_share,
        rules.deviation.penalty,
        rules.breach_micro_per_kwh,
        int(rules.imbalance_rule),
        rules.quorum,
        rules.feeder_cap_wh,
        rules.delivery_cap_wh,
    )


def random_slot(random: Random, accounts: list[int], most_wh: int = 5_000) -> tuple[list[MeteredAccount], ClearedSlot]:
    """Return a slot as a clearing leaves it, with a meter value for each account, near its position or not at all."""
    traders = random.sample(accounts, random.randint(0, len(accounts)))
    sellers = traders[: random.randint(0, len(traders))]
    buyers = traders[len(sellers) :]
    energy = {account: random.randint(1, most_wh) for account in traders}
    bought = min(sum(energy[a] for a in buyers), sum(energy[a] for a in sellers))
    sides = _cut(energy, buyers, bought), _cut(energy, sellers, bought)
    price, charge, fee = random.randint(80_000, 300_000), random.randint(0, 40_000), random.randint(0, 5_000)
    positions: dict[int, Position] = {}
    paid = earned = 0
    for account, wh in sides[0].items():
        pays = -(-wh * (price + charge + fee) // 1000)
        paid += pays
        positions[account] = _position(account, wh, pays, 0)
    for account, wh in sides[1].items():
        revenue, collateral = wh * price // 1000, wh * 50
        earned += revenue
        positions[account] = _position(account, -wh, collateral, revenue + collateral)
    network, fee_micro = bought * charge // 1000, bought * fee // 1000
    metered = [_metered(random, account, positions.get(account), most_wh) for account in sorted(accounts)]
    rent = paid - earned - network - fee_micro
    return metered, ClearedSlot(EnergyWh(bought), AmountMicro(network), AmountMicro(fee_micro), AmountMicro(rent))


def random_rules(random: Random) -> SettlementRules:
    """Return rules of any kind."""
    deviation = Deviation(
        PriceMicroPerKwh(random.choice((0, 20_000))),
        EnergyWh(random.choice((0, 100))),
        SharePpm(random.choice((0, 50_000, 1_000_000))),
    )
    return SettlementRules(deviation, PriceMicroPerKwh(500_000), random.choice(list(ImbalanceRule)), QUORUM)


def _cut(energy: dict[int, int], side: list[int], total: int) -> dict[int, int]:
    """Return the energies of a side, the last ones cut so that they come to `total`."""
    left, cut = total, {}
    for account in side:
        wh = min(energy[account], left)
        left -= wh
        if wh:
            cut[account] = wh
    return cut


def _position(account: int, wh: int, locked: int, release: int) -> Position:
    return Position(AccountId(account), EnergyWh(wh), AmountMicro(locked), AmountMicro(release))


def _metered(random: Random, account: int, position: Position | None, most_wh: int) -> MeteredAccount:
    limit = CAPACITY_KW * CAPACITY_WH_PER_KW
    base = position.energy_wh if position else 0
    spread = random.choice((0, 1, 60, most_wh))
    wh = max(-limit, min(limit, base + random.randint(-spread, spread)))
    estimated = random.random() < 0.1
    breach = random.randint(1, 2_000) if random.random() < 0.1 else 0
    return MeteredAccount(AccountId(account), EnergyWh(wh), position, estimated, EnergyWh(breach))
