"""Orders are written down before they are sealed, sealed once, and opened only after the gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.packing import ticket
from p2ptrade.chain.typed_data import OrderMessage, ReceiptMessage, auction_domain, order_digest, sign
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, PriceMicroPerKwh, SlotNumber
from p2ptrade.errors import PeerUnreachableError, RefusedError
from p2ptrade.store import Database
from p2ptrade.store.wallet import WalletTable
from p2ptrade.transport.schemas.market import (
    OpeningMessage,
    OpeningOutcome,
    OpeningOutcomes,
    OpeningsMessage,
    SealMessage,
    SealOutcome,
    SealOutcomes,
    SealsMessage,
)
from p2ptrade.transport.schemas.market import (
    ReceiptMessage as WireReceipt,
)
from p2ptrade.wallet.salts import Salts
from p2ptrade.wallet.strategy import Intention
from p2ptrade.wallet.trader import Trader, recovered

SLOT = SlotNumber(1_979_000)
DOMAIN = auction_domain(1337, to_checksum_address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
RELAY = SigningKey.from_secret(b"\x07" * 32)
THIEF = SigningKey.from_secret(b"\x08" * 32)
KEYS = {AccountId(number): SigningKey.from_secret(bytes([number]) * 32) for number in (16, 17)}
BID = Intention(Side.BID, (Step(EnergyWh(1_234), PriceMicroPerKwh(98_765)),))
OFFER = Intention(Side.OFFER, (Step(EnergyWh(500), PriceMicroPerKwh(80_000)),))


@dataclass
class FakeRelay:
    """Gives receipts with its key, or does not answer."""

    key: SigningKey = RELAY
    answers: bool = True
    seals: list[SealMessage] = field(default_factory=list)
    openings: list[OpeningMessage] = field(default_factory=list)
    refuse: Sequence[int] = ()
    on_disk_when_called: list[int] = field(default_factory=list)
    store: WalletTable | None = None

    def send_seals(self, slot: SlotNumber, seals: SealsMessage) -> SealOutcomes:
        assert self.store is not None
        self.on_disk_when_called.append(len(self.store.orders()))
        self.seals += seals.seals
        if not self.answers:
            raise PeerUnreachableError("the relay did not answer")
        return SealOutcomes(outcomes=tuple(self._answer(slot, seal) for seal in seals.seals))

    def _answer(self, slot: SlotNumber, seal: SealMessage) -> SealOutcome:
        if seal.account in self.refuse:
            return SealOutcome(account=seal.account, refused="not active")
        digest = order_digest(DOMAIN, slot, seal.account, seal.terms_hash)
        signature = sign(ReceiptMessage(slot, seal.account, digest, 5), DOMAIN, self.key)
        receipt = WireReceipt(account=seal.account, digest=digest, received_at_s=5, signature=signature)
        return SealOutcome(account=seal.account, receipt=receipt)

    def send_openings(self, slot: SlotNumber, openings: OpeningsMessage) -> OpeningOutcomes:
        self.openings += openings.openings
        return OpeningOutcomes(
            outcomes=tuple(
                OpeningOutcome(
                    account=each.account,
                    accepted=each.account not in self.refuse,
                    refused="no" if each.account in self.refuse else None,
                )
                for each in openings.openings
            )
        )


def trader_on(folder: Path, relay: FakeRelay) -> Trader:
    relay.store = WalletTable(Database.open(folder / "wallet.sqlite"), "1337:0x5F")
    return Trader(relay, relay.store, DOMAIN, RELAY.address, KEYS)


def test_an_order_is_on_the_disk_before_its_seal_is_sent(tmp_path: Path) -> None:
    relay = FakeRelay(answers=False)
    trader = trader_on(tmp_path, relay)

    with pytest.raises(PeerUnreachableError):
        trader.seal(SLOT, {AccountId(16): BID})

    assert relay.on_disk_when_called == [1]


def test_what_the_relay_did_not_answer_is_sent_again_and_not_made_again(tmp_path: Path) -> None:
    relay = FakeRelay(answers=False)
    with pytest.raises(PeerUnreachableError):
        trader_on(tmp_path, relay).seal(SLOT, {AccountId(16): BID})

    relay.answers = True
    (answer,) = trader_on(tmp_path, relay).seal(SLOT, {AccountId(16): OFFER})

    assert relay.seals[0] == relay.seals[1]
    assert answer.order.terms.side is Side.BID
    assert answer.order.receipt is not None


def test_an_order_with_a_receipt_is_not_sent_again(tmp_path: Path) -> None:
    relay = FakeRelay()
    trader = trader_on(tmp_path, relay)
    trader.seal(SLOT, {AccountId(16): BID})

    assert trader.seal(SLOT, {AccountId(16): BID}) == []
    assert len(relay.seals) == 1


def test_the_seals_of_many_homes_go_in_one_request(tmp_path: Path) -> None:
    relay = FakeRelay()

    answers = trader_on(tmp_path, relay).seal(SLOT, {AccountId(16): BID, AccountId(17): OFFER})

    assert len(relay.on_disk_when_called) == 1
    assert all(answer.order.receipt for answer in answers)


def test_a_receipt_that_is_not_the_relays_is_no_receipt(tmp_path: Path) -> None:
    relay = FakeRelay(key=THIEF)
    trader = trader_on(tmp_path, relay)

    (answer,) = trader.seal(SLOT, {AccountId(16): BID})

    assert answer.refused == "the receipt is not signed by the relay of this market"
    assert trader.of_slot(SLOT)[0].receipt is None


def test_a_seal_shows_neither_energy_nor_limit_nor_salt(tmp_path: Path) -> None:
    relay = FakeRelay()
    trader = trader_on(tmp_path, relay)

    trader.seal(SLOT, {AccountId(16): BID})

    sent = relay.seals[0].terms_hash + relay.seals[0].signature
    (order,) = trader.of_slot(SLOT)
    for secret in ((1_234).to_bytes(4, "big"), (98_765).to_bytes(4, "big"), order.terms.salt):
        assert secret not in sent


def test_what_was_sealed_is_opened_once_after_a_restart_too(tmp_path: Path) -> None:
    relay = FakeRelay()
    trader_on(tmp_path, relay).seal(SLOT, {AccountId(16): BID, AccountId(17): OFFER})

    first = trader_on(tmp_path, relay).open(SLOT)
    second = trader_on(tmp_path, relay).open(SLOT)

    assert [refused for _, refused in first] == [None, None]
    assert second == []
    opening = relay.openings[0]
    steps = tuple(Step(EnergyWh(s.energy_wh), PriceMicroPerKwh(s.limit_price_micro_per_kwh)) for s in opening.steps)
    opened = OrderMessage(SLOT, 16, Side.BID, steps, opening.salt)
    assert opened.terms_hash == relay.seals[0].terms_hash


def test_an_opening_that_was_refused_is_tried_again(tmp_path: Path) -> None:
    relay = FakeRelay()
    trader = trader_on(tmp_path, relay)
    trader.seal(SLOT, {AccountId(16): BID})
    relay.refuse = (16,)

    ((_, refused),) = trader.open(SLOT)
    relay.refuse = ()
    ((_, again),) = trader.open(SLOT)

    assert (refused, again) == ("no", None)


def test_an_own_seal_counts_instead_of_the_relayed_one_once_it_is_in_a_block(tmp_path: Path) -> None:
    trader = trader_on(tmp_path, FakeRelay())
    trader.seal(SLOT, {AccountId(16): BID})
    direct = trader.prepare(SLOT, AccountId(16), OFFER, counter=1, direct=True)
    trader.keep([direct])

    before = trader.live(SLOT)
    trader.store.update([replace(direct, received_at_s=EpochSeconds(9))])

    assert [order.counter for order in before] == [0]
    assert [order.counter for order in trader.live(SLOT)] == [1]


def test_salts_differ_by_key_slot_counter_and_market_and_are_found_again() -> None:
    anna, ben = KEYS[AccountId(16)], KEYS[AccountId(17)]
    other_market = auction_domain(1, to_checksum_address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
    salts = {
        Salts(anna, DOMAIN).salt(SLOT, 0),
        Salts(anna, DOMAIN).salt(SLOT, 1),
        Salts(anna, DOMAIN).salt(SlotNumber(SLOT + 1), 0),
        Salts(ben, DOMAIN).salt(SLOT, 0),
        Salts(anna, other_market).salt(SLOT, 0),
    }

    assert len(salts) == 5
    assert Salts(anna, DOMAIN).salt(SLOT, 0) in salts


def test_a_new_machine_with_the_key_opens_what_another_one_sealed(tmp_path: Path) -> None:
    sealed = trader_on(tmp_path / "old", FakeRelay()).prepare(SLOT, AccountId(16), BID, counter=3)
    new_machine = trader_on(tmp_path / "new", FakeRelay())

    committed = ticket(sealed.digest, sealed.signature)
    assert recovered(committed, SLOT, AccountId(16), BID, new_machine) == sealed
    with pytest.raises(RefusedError):
        recovered(committed, SLOT, AccountId(16), OFFER, new_machine)
