"""The relay through the life of a slot, over its HTTP face, killed and started again on the way."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from p2ptrade.chain.packing import (
    OpenedRecord,
    OwnSeal,
    SealEntry,
    UnopenedRecord,
    pack_entries,
    running_hash,
    ticket,
    unpack_book,
)
from p2ptrade.chain.signatures import recover
from p2ptrade.chain.typed_data import ReceiptMessage
from p2ptrade.domain.grid_data import GridData, ZoneLimits
from p2ptrade.domain.order import Side
from p2ptrade.domain.sealed import Terms
from p2ptrade.domain.units import EnergyWh, ZoneId
from p2ptrade.errors import InputError, PeerUnreachableError, RefusedError
from p2ptrade.relay.app import make_relay_app
from p2ptrade.relay.ports import (
    Arrival,
    Challenge,
)
from p2ptrade.transport.clients import RelayClient
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.schemas.grid import RefusedVerdict, VerdictRequest
from p2ptrade.transport.schemas.market import OpeningsMessage, RelayInfo, SealsMessage
from tests.unit.relay.relay_world import (
    AFTER_GATE,
    AUCTION,
    COMMIT_TIME,
    DOMAIN,
    GRID,
    RELAY_KEY,
    SLOT,
    WINDOWS,
    FakeChain,
    Home,
    World,
    home,
)

# The seller asks 100 in zone 1, the buyer bids 300 with a charge of 36 in zone 0: they meet in the middle.
BUYER = home(16, Side.BID, 1_000, 300_000)
SELLER = home(17, Side.OFFER, 1_000, 100_000)
MIDDLE_HALF = (300_000 - 36_000) + 100_000


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, FakeChain(homes=(BUYER, SELLER)))


def client_of(world: World) -> RelayClient:
    info = RelayInfo(chain_id=1337, auction=AUCTION, relay=RELAY_KEY.address)
    app = make_relay_app(world.desk, world.relay, info, Health())
    return RelayClient("http://relay.test", transport=TestClient(app)._transport)


def send_seals(world: World, *homes: Home):  # type: ignore[no-untyped-def]
    return client_of(world).send_seals(SLOT, SealsMessage(seals=tuple(each.seal for each in homes))).outcomes


def send_openings(world: World, *homes: Home):  # type: ignore[no-untyped-def]
    message = OpeningsMessage(openings=tuple(each.opening for each in homes))
    return client_of(world).send_openings(SLOT, message).outcomes


def bring_to_clearing(world: World) -> None:
    send_seals(world, BUYER, SELLER)
    world.step_at(COMMIT_TIME)
    world.chain.now_s = AFTER_GATE
    send_openings(world, BUYER, SELLER)


def test_a_seal_is_answered_with_a_receipt_that_the_relay_signed(world: World) -> None:
    (outcome,) = send_seals(world, BUYER)

    receipt = outcome.receipt
    assert receipt is not None
    assert receipt.digest == BUYER.order.digest(DOMAIN)
    promise = ReceiptMessage(SLOT, BUYER.account, receipt.digest, receipt.received_at_s)
    assert recover(promise.digest(DOMAIN), receipt.signature) == RELAY_KEY.address


def test_receipts_are_the_same_after_a_restart(world: World) -> None:
    before = send_seals(world, BUYER, SELLER)

    world.restart()
    world.chain.now_s += 60

    assert send_seals(world, BUYER, SELLER) == before


def test_one_bad_seal_of_a_batch_harms_only_itself(world: World) -> None:
    stranger = home(18, Side.BID, 1, 1)

    refused, receipted = send_seals(world, stranger, BUYER)

    assert refused.refused == "there is no account 18"
    assert receipted.receipt is not None


def test_the_relay_commits_to_all_it_gave_a_receipt_for_and_takes_nothing_more(world: World) -> None:
    send_seals(world, SELLER, BUYER)

    world.step_at(COMMIT_TIME)

    digests = [(each, each.order.digest(DOMAIN)) for each in (BUYER, SELLER)]
    entries = [SealEntry(each.account, ticket(digest, each.key.sign_digest(digest))) for each, digest in digests]
    assert world.chain.roots == {SLOT: running_hash([pack_entries(entries)])}
    with pytest.raises(RefusedError, match="choose a later slot"):
        send_seals(world, BUYER)


def test_a_slot_closed_by_the_cycle_takes_no_seal_even_if_its_clock_is_behind(world: World) -> None:
    send_seals(world, BUYER)
    world.step_at(COMMIT_TIME)

    world.chain.now_s = COMMIT_TIME - 1

    with pytest.raises(RefusedError, match="takes no more seals"):
        send_seals(world, SELLER)


def test_an_opening_before_the_gate_is_refused_unread(world: World) -> None:
    send_seals(world, BUYER)
    world.chain.now_s = AFTER_GATE - 1

    with pytest.raises(RefusedError, match="keep it sealed"):
        send_openings(world, BUYER)
    app = make_relay_app(world.desk, world.relay, RelayInfo(chain_id=1, auction=AUCTION, relay=AUCTION), Health())
    answer = TestClient(app).post(
        f"/v1/slots/{SLOT}/openings", content=b"no json at all", headers={"content-type": "application/json"}
    )

    assert answer.status_code == 409
    assert world.relay.store.openings(SLOT) == {}


def test_an_opening_that_is_not_what_was_sealed_is_refused(world: World) -> None:
    send_seals(world, BUYER)
    world.chain.now_s = AFTER_GATE
    other = home(16, Side.BID, 1_001, 300_000)

    wrong, unknown, right = send_openings(world, other, SELLER, BUYER)

    assert wrong.refused == "this is not what account 16 has sealed"
    assert unknown.refused == "account 17 has sealed nothing in this slot"
    assert right.accepted


def test_a_slot_is_cleared_with_what_the_grid_operator_approved(world: World) -> None:
    bring_to_clearing(world)

    world.step_at(AFTER_GATE)
    world.step_at(AFTER_GATE + 1)

    ((book, result),) = world.chain.cleared_with
    assert [type(record) for record in unpack_book(book)] == [OpenedRecord, OpenedRecord]
    assert result.prices == (MIDDLE_HALF, MIDDLE_HALF)
    assert [request.pages for request in world.operator.asked] == [(book,)]


def test_orders_that_are_not_opened_are_waited_for_and_then_left_out(world: World) -> None:
    send_seals(world, BUYER, SELLER)
    world.step_at(COMMIT_TIME)
    world.chain.now_s = AFTER_GATE
    send_openings(world, BUYER)

    world.step_at(AFTER_GATE)
    waiting = list(world.chain.cleared_with)
    world.step_at(WINDOWS.openings_due(SLOT))

    ((book, _),) = world.chain.cleared_with
    assert waiting == []
    assert [type(record) for record in unpack_book(book)] == [OpenedRecord, UnopenedRecord]


def test_an_opening_on_the_chain_counts_like_one_with_the_relay(world: World) -> None:
    send_seals(world, BUYER, SELLER)
    world.step_at(COMMIT_TIME)
    for each in (BUYER, SELLER):
        steps = tuple((step.energy_wh, step.limit_price_micro_per_kwh) for step in each.order.steps)
        terms = Terms(each.order.side, steps, each.order.salt)
        world.chain.opened_there[each.order.digest(DOMAIN)] = terms

    world.step_at(AFTER_GATE)

    assert len(world.chain.cleared_with) == 1


def test_own_seals_are_in_the_book_with_their_order_of_arrival(world: World) -> None:
    own = (SELLER, BUYER)
    world.chain.own = tuple(Arrival(OwnSeal(each.key.address, each.order.digest(DOMAIN)), each.account) for each in own)
    world.chain.now_s = AFTER_GATE
    send_openings(world, BUYER, SELLER)

    world.step_at(AFTER_GATE)

    ((book, _),) = world.chain.cleared_with
    records = [record for record in unpack_book(book) if isinstance(record, OpenedRecord)]
    assert [(record.account, record.arrival) for record in records] == [(BUYER.account, 1), (SELLER.account, 0)]
    assert all(record.signature is None for record in records)


def test_seals_whose_commitment_missed_the_gate_stay_out_of_the_book(world: World) -> None:
    send_seals(world, BUYER, SELLER)

    world.step_at(AFTER_GATE)

    assert world.chain.cleared_with == []
    assert world.relay.stands(SLOT).stands == "nothing was sealed"


def halved(request: VerdictRequest) -> RefusedVerdict:
    grid = GridData.unpack(request.grid_data)
    limit = EnergyWh(grid.zones[1].export_wh // 2)
    zones = (grid.zones[0], ZoneLimits(ZoneId(0), EnergyWh(5_000), limit))
    return RefusedVerdict(slot=request.slot, grid_data=grid.tightened(zones).pack(), reasons=())


def unchanged(request: VerdictRequest) -> RefusedVerdict:
    return RefusedVerdict(slot=request.slot, grid_data=request.grid_data, reasons=())


def test_a_refused_result_is_cleared_again_within_tighter_limits(world: World) -> None:
    approve = world.operator.answers[0]
    world.operator.answers = [halved, halved, halved, approve]
    bring_to_clearing(world)

    world.step_at(AFTER_GATE)

    ((_, result),) = world.chain.cleared_with
    assert [request.round_number for request in world.operator.asked] == [1, 2, 3, 4]
    assert [zone.export_wh for zone in result.grid.zones] == [0, 625]
    # The line is full now, so the buyer's and the seller's price part.
    assert result.prices == (2 * (300_000 - 36_000), 2 * 100_000)
    assert world.relay.stands(SLOT).rounds == 4


def not_taken(request: VerdictRequest) -> RefusedVerdict:
    raise InputError(f"slot {request.slot} is not one of this operator")


@pytest.mark.parametrize("answer", [unchanged, halved, not_taken])
def test_a_slot_that_the_grid_never_carries_lapses_and_is_not_asked_for_again(world: World, answer) -> None:  # type: ignore[no-untyped-def]
    world.operator.answers = [answer]
    bring_to_clearing(world)

    world.step_at(AFTER_GATE)
    asked = len(world.operator.asked)
    world.step_at(AFTER_GATE + 1)

    assert world.chain.cleared_with == []
    assert len(world.operator.asked) == asked <= 5
    assert "will lapse" in world.relay.stands(SLOT).stands


def test_a_slot_without_published_limits_lapses(world: World) -> None:
    world.chain.grid = None
    bring_to_clearing(world)

    world.step_at(AFTER_GATE)

    assert world.chain.cleared_with == []
    assert world.relay.stands(SLOT).given_up


@pytest.mark.parametrize("killed_at", ["sealed", "committed", "opened"])
def test_a_relay_killed_between_any_two_steps_goes_on_where_it_was(world: World, killed_at: str) -> None:
    send_seals(world, BUYER, SELLER)
    if killed_at == "sealed":
        world.restart()
    world.step_at(COMMIT_TIME)
    if killed_at == "committed":
        world.restart()
    world.chain.now_s = AFTER_GATE
    send_openings(world, BUYER, SELLER)
    if killed_at == "opened":
        world.restart()

    world.step_at(AFTER_GATE)

    ((_, result),) = world.chain.cleared_with
    assert result.prices == (MIDDLE_HALF, MIDDLE_HALF)


def test_the_book_is_shown_after_the_gate_only_and_is_all_that_a_solver_needs(world: World) -> None:
    send_seals(world, BUYER, SELLER)
    world.step_at(COMMIT_TIME)
    with pytest.raises(RefusedError, match="is sealed until"):
        client_of(world).book(SLOT)
    world.chain.now_s = AFTER_GATE
    send_openings(world, BUYER)

    book = client_of(world).book(SLOT)

    assert running_hash(book.entries) == world.chain.roots[SLOT]
    assert [type(record) for record in unpack_book(book.pages[0])] == [OpenedRecord, UnopenedRecord]
    assert GridData.unpack(book.grid_data) == GRID


def test_the_state_of_a_slot_says_where_it_stands(world: World) -> None:
    send_seals(world, BUYER, SELLER)
    world.step_at(COMMIT_TIME)

    state = client_of(world).slot(SLOT)

    assert (state.seals, state.openings, state.root) == (2, 0, world.chain.roots[SLOT])
    assert state.phase.value == "sealing"


def test_a_slot_number_that_is_none_is_refused(world: World) -> None:
    app = make_relay_app(world.desk, world.relay, RelayInfo(chain_id=1, auction=AUCTION, relay=AUCTION), Health())

    assert TestClient(app).get("/v1/slots/minus-one").status_code == 422
    assert TestClient(app).get("/v1/slots/-1").status_code == 422
    with pytest.raises(InputError):
        client_of(world)._read("/v1/slots/x", RelayInfo)


def test_a_step_without_a_new_block_reads_nothing_but_the_head(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    send_seals(world, BUYER, SELLER)
    world.step_at(COMMIT_TIME)
    world.step_at(AFTER_GATE)
    asked: list[int] = []
    monkeypatch.setattr(world.chain, "cleared", asked.append)

    world.relay.step()
    quiet = list(asked)
    send_openings(world, BUYER)
    world.relay.step()

    assert quiet == []
    assert SLOT in asked


def unreachable(request: VerdictRequest) -> RefusedVerdict:
    raise PeerUnreachableError("the grid operator's service did not answer")


def test_a_grid_operator_that_is_away_for_long_is_waited_for(world: World) -> None:
    approve = world.operator.answers[0]
    world.operator.answers = [unreachable] * 10 + [approve]
    bring_to_clearing(world)

    for second in range(10):
        with pytest.raises(PeerUnreachableError):
            world.step_at(AFTER_GATE + second)
    world.step_at(AFTER_GATE + 10)

    assert len(world.chain.cleared_with) == 1


def test_two_seals_of_one_account_at_the_same_time_get_one_receipt(world: World) -> None:
    rivals = [home(16, Side.BID, energy, 300_000) for energy in range(1, 9)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = [outcome for (outcome,) in pool.map(lambda each: send_seals(world, each), rivals)]

    receipts = [outcome.receipt for outcome in outcomes if outcome.receipt is not None]
    kept = world.relay.store.seals(SLOT)[BUYER.account]
    assert [receipt.digest for receipt in receipts] == [kept.digest]


def test_a_claim_is_answered_once_with_the_seal_that_was_committed(world: World) -> None:
    send_seals(world, BUYER, SELLER)
    world.step_at(COMMIT_TIME)
    world.chain.claims = (
        Challenge(SLOT, BUYER.account, BUYER.order.digest(DOMAIN)),
        Challenge(SLOT, SELLER.account, b"?"),
    )

    world.step_at(AFTER_GATE)
    world.step_at(AFTER_GATE + 1)

    answers = {intent: data for intent, data in world.outbox.sent.items() if intent.startswith("answer")}
    assert list(answers) == [f"answer/{SLOT}/{BUYER.account}"]
    assert answers[f"answer/{SLOT}/{BUYER.account}"].startswith(b"answer" + BUYER.seal.signature)
