"""What Settlement.sol refuses, and how it corrects.

Paths of a report: before the slot is over, too few or wrong signers, twice, another version, after the deadline. Of a
page: another report, other data, out of order, positions or totals that are not those, beyond connection or feeder,
after a refund, twice. Of a correction: honest, of what was not settled, twice, too late, with less or more delivery.
Of rules: in time, too early, senseless. Of a dispute: by the owner, by somebody else. Insolvent accounts stop nobody.
"""

from dataclasses import replace

import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.settlement_page import PackedSlot, pack_corrections, pack_slot, running_hash
from p2ptrade.chain.typed_data import ReportMessage
from p2ptrade.domain.metered import ClearedSlot, MeteredAccount
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import settle_correction
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh
from tests.support.auction import NO_RESULT
from tests.support.chain import reverts
from tests.support.platform import CREDIT, DEBT_LIMIT, ESCROW, RETAILER
from tests.support.settlement import (
    CAPACITY_KW,
    CORRECTION_WINDOW_S,
    FIRST_SLOT,
    PRICES,
    RULES,
    SETTLE_WINDOW_S,
    SettlementStage,
    rules_tuple,
)

SLOT = FIRST_SLOT
CLEARED = ClearedSlot(EnergyWh(1_000), AmountMicro(20_000), AmountMicro(1_000), AmountMicro(500))
NONE, REPORTED, SETTLING, SETTLED, STALE = range(5)


@pytest.fixture
def accounts(stage: SettlementStage) -> list[int]:
    return stage.platform.admit_many(["seller", "buyer", "house"], capacity_kw=CAPACITY_KW, cash_micro=100 * CREDIT)


@pytest.fixture
def metered(accounts: list[int]) -> list[MeteredAccount]:
    """The seller delivers 900 of 1,000 Wh, the buyer withdraws all, the house something."""
    seller, buyer, house = map(AccountId, accounts)
    return [
        MeteredAccount(
            seller, EnergyWh(-900), Position(seller, EnergyWh(-1_000), AmountMicro(50_000), AmountMicro(250_000))
        ),
        MeteredAccount(buyer, EnergyWh(1_000), Position(buyer, EnergyWh(1_000), AmountMicro(221_500), AmountMicro(0))),
        MeteredAccount(house, EnergyWh(300)),
    ]


@pytest.fixture
def ready(stage: SettlementStage, metered: list[MeteredAccount]) -> tuple[ReportMessage, PackedSlot]:
    """A cleared slot that is over, its honest report and pages."""
    stage.clear(SLOT, [account.position for account in metered if account.position], CLEARED)
    stage.after(SLOT)
    packed = pack_slot(metered)
    return stage.report(SLOT, metered, packed), packed


Ready = tuple[ReportMessage, PackedSlot]


def page_of(stage: SettlementStage, report: ReportMessage, page: bytes, later: list[bytes] | None = None) -> None:
    shown = (report.values(), page, later or [], stage.result(report.slot))
    stage.settlement.send("settlePage", *shown, sender=stage.platform.admin)


# --- Reports ---


def test_a_report_of_a_slot_that_is_not_over_is_refused(stage: SettlementStage, metered: list[MeteredAccount]) -> None:
    slot = SLOT + 8
    with reverts("SettlementSlotNotOver", slot=slot):
        stage.submit(stage.report(slot, metered, pack_slot(metered)))


def test_one_signature_less_than_the_quorum_is_refused(stage: SettlementStage, ready: Ready) -> None:
    with reverts("SettlementQuorumMissed", signatures=2, needed=3):
        stage.submit(ready[0], stage.oracles[:2])


def test_a_signer_counts_once(stage: SettlementStage, ready: Ready) -> None:
    first, second, *_ = stage.oracles
    with reverts("SettlementBadSigner", index=2, signer=second.address):
        stage.submit(ready[0], (first, second, second))


def test_somebody_who_is_no_oracle_does_not_count(stage: SettlementStage, ready: Ready) -> None:
    stranger = stage.chain.key("stranger")
    rising = tuple(sorted((*stage.oracles[:2], stranger), key=lambda key: int(key.address, 16)))
    with reverts("SettlementBadSigner", index=rising.index(stranger), signer=stranger.address):
        stage.submit(ready[0], rising)


def test_signatures_over_another_report_do_not_count(stage: SettlementStage, ready: Ready) -> None:
    report, _ = ready
    signatures = stage.signatures(replace(report, delivered_wh=report.delivered_wh + 1))
    with reverts("SettlementBadSigner", index=0):
        stage.settlement.send("submitReport", report.values(), signatures, sender=stage.platform.admin)


def test_a_slot_has_one_first_report(stage: SettlementStage, ready: Ready) -> None:
    stage.submit(ready[0])
    with reverts("SettlementWrongState", slot=SLOT, state=REPORTED):
        stage.submit(ready[0])


def test_a_correction_before_the_settlement_is_refused(stage: SettlementStage, ready: Ready) -> None:
    with reverts("SettlementWrongVersion", version=2, needed=1):
        stage.submit(replace(ready[0], version=2))


def test_after_the_deadline_a_slot_is_stale_and_nothing_is_settled(stage: SettlementStage, ready: Ready) -> None:
    stage.chain.warp_to((SLOT + 1) * 900 + SETTLE_WINDOW_S + 1)

    assert stage.settlement.call("stateOf", SLOT) == STALE
    with reverts("SettlementTooLate", slot=SLOT):
        stage.submit(ready[0])


def test_a_report_that_was_never_settled_dies_with_the_deadline(stage: SettlementStage, ready: Ready) -> None:
    report, packed = ready
    stage.submit(report)
    stage.chain.warp_to((SLOT + 1) * 900 + SETTLE_WINDOW_S + 1)

    with reverts("SettlementTooLate", slot=SLOT):
        page_of(stage, report, packed.pages[0])


# --- Pages ---


def test_a_page_of_a_report_that_nobody_submitted_is_refused(stage: SettlementStage, ready: Ready) -> None:
    report, packed = ready
    with reverts("SettlementUnknownReport", submitted=bytes(32)):
        page_of(stage, report, packed.pages[0])


def test_a_page_with_other_data_moves_nothing(stage: SettlementStage, ready: Ready) -> None:
    report, packed = ready
    stage.submit(report)
    (page,) = packed.pages
    forged = page[:-1] + bytes([page[-1] ^ 1])

    with reverts("SettlementDataMismatch", announced=report.data_hash):
        page_of(stage, report, forged)


def test_pages_come_in_order_and_each_once(stage: SettlementStage, metered: list[MeteredAccount], ready: Ready) -> None:
    packed = pack_slot(metered, 1)
    report = stage.report(SLOT, metered, packed)
    stage.submit(report)
    first, second, third = packed.pages

    with reverts("SettlementDataMismatch"):
        page_of(stage, report, second, list(packed.later_hashes(1)))
    page_of(stage, report, first, list(packed.later_hashes(0)))
    assert stage.settlement.call("stateOf", SLOT) == SETTLING
    with reverts("SettlementDataMismatch"):
        page_of(stage, report, first, list(packed.later_hashes(0)))
    page_of(stage, report, second, list(packed.later_hashes(1)))
    page_of(stage, report, third)

    assert stage.settlement.call("stateOf", SLOT) == SETTLED
    assert stage.platform.cash(ESCROW) == 0


def test_every_page_is_settled_by_the_slots_own_result(
    stage: SettlementStage, metered: list[MeteredAccount], ready: Ready
) -> None:
    # Charges, fee and rent are paid with the last page: none may bring larger ones than the clearing left.
    packed = pack_slot(metered, 2)
    report = stage.report(SLOT, metered, packed)
    stage.submit(report)
    honest = stage.result(SLOT)
    wrong = [(*honest[:place], honest[place] + 1, *honest[place + 1 :]) for place in range(1, 5)] + [NO_RESULT]

    for number, page in enumerate(packed.pages):
        for result in wrong:
            stage.results[SLOT] = result
            with reverts("WrongResult", slot=SLOT):
                page_of(stage, report, page, list(packed.later_hashes(number)))
        stage.results[SLOT] = honest
        page_of(stage, report, page, list(packed.later_hashes(number)))


def test_a_slot_is_settled_once(stage: SettlementStage, ready: Ready) -> None:
    report, packed = ready
    stage.submit(report)
    stage.settle(report, packed)

    with reverts("SettlementWrongState", slot=SLOT, state=SETTLED):
        page_of(stage, report, packed.pages[0])


def test_a_slot_that_was_refunded_cannot_be_settled(stage: SettlementStage, ready: Ready) -> None:
    report, packed = ready
    stage.submit(report)
    stage.auction.send("setRefunded", SLOT, sender=stage.platform.admin)

    with reverts("NotCleared", slot=SLOT):
        page_of(stage, report, packed.pages[0])


def test_positions_that_were_not_cleared_are_refused(
    stage: SettlementStage, metered: list[MeteredAccount], ready: Ready
) -> None:
    seller, *others = metered
    assert seller.position is not None
    richer = replace(seller, position=replace(seller.position, release_micro=AmountMicro(250_001)))
    packed = pack_slot([richer, *others])
    report = stage.report(SLOT, [richer, *others], packed)
    stage.submit(report)

    with reverts("SettlementPositionsMismatch"):
        stage.settle(report, packed)


def test_delivery_that_the_readings_do_not_show_mints_nothing(stage: SettlementStage, ready: Ready) -> None:
    report, packed = ready
    too_much = replace(report, delivered_wh=report.delivered_wh + 1)
    stage.submit(too_much)

    with reverts("SettlementTotalsMismatch", total=900, announced=901):
        stage.settle(too_much, packed)


def test_accounts_that_do_not_rise_are_refused(
    stage: SettlementStage, metered: list[MeteredAccount], ready: Ready
) -> None:
    seller, buyer, house = metered
    packed = pack_slot([seller, buyer, house, house])
    report = stage.report(SLOT, [seller, buyer, house, house], packed)
    stage.submit(report)

    with reverts("SettlementMalformedPage"):
        stage.settle(report, packed)


def test_a_page_that_ends_inside_a_record_is_refused(stage: SettlementStage, ready: Ready) -> None:
    report, packed = ready
    cut = PackedSlot((packed.pages[0][:-1],))
    shorter = replace(report, data_hash=cut.data_hash)
    stage.submit(shorter)

    with reverts("SettlementMalformedPage"):
        stage.settle(shorter, cut)


def test_more_records_than_announced_are_refused(stage: SettlementStage, ready: Ready) -> None:
    report, packed = ready
    fewer = replace(report, accounts=2)
    stage.submit(fewer)

    with reverts("SettlementTotalsMismatch", total=3, announced=2):
        stage.settle(fewer, packed)


@pytest.mark.parametrize("wh", [CAPACITY_KW * 300 + 1, -CAPACITY_KW * 300 - 1])
def test_a_reading_beyond_the_connection_is_refused(
    stage: SettlementStage, metered: list[MeteredAccount], ready: Ready, wh: int
) -> None:
    seller, buyer, house = metered
    accounts = [seller, buyer, replace(house, metered_wh=EnergyWh(wh))]
    packed = pack_slot(accounts)
    report = stage.report(SLOT, accounts, packed)
    stage.submit(report)

    with reverts("LedgerAboveCapacity", account=house.account, energyWh=wh, capacityWh=CAPACITY_KW * 300):
        stage.settle(report, packed)


def test_an_account_that_does_not_exist_is_refused(
    stage: SettlementStage, metered: list[MeteredAccount], ready: Ready
) -> None:
    accounts = [*metered, MeteredAccount(AccountId(9_999), EnergyWh(1))]
    packed = pack_slot(accounts)
    report = stage.report(SLOT, accounts, packed)
    stage.submit(report)

    with reverts("LedgerUnknownAccount", account=9_999):
        stage.settle(report, packed)


def test_an_insolvent_account_goes_into_bounded_debt_and_the_rest_is_the_retailers(
    stage: SettlementStage, metered: list[MeteredAccount], ready: Ready
) -> None:
    poor = stage.platform.admit("poor", capacity_kw=CAPACITY_KW)
    accounts = [*metered, MeteredAccount(AccountId(poor), EnergyWh(9_000))]
    packed = pack_slot(accounts)
    report = stage.report(SLOT, accounts, packed)
    owed = 9_000 * PRICES.retail // 1000
    before = stage.platform.cash(metered[2].account), stage.platform.cash(RETAILER)

    stage.submit(report)
    stage.settle(report, packed)

    assert owed < DEBT_LIMIT
    assert stage.platform.cash(poor) == -owed
    assert stage.platform.cash(metered[2].account) == before[0] - 90_000, "the others are settled all the same"


def test_a_seller_who_never_delivers_pays_for_it_and_the_buyer_is_whole(
    stage: SettlementStage, metered: list[MeteredAccount]
) -> None:
    """The fault of energy_trading, whose next roll paid a seller who had delivered nothing."""
    seller, buyer, house = metered
    accounts = [replace(seller, metered_wh=EnergyWh(0)), buyer, house]
    before = {each.account: stage.platform.cash(each.account) for each in accounts}

    stage.settle_slot(SLOT, accounts, CLEARED)

    gained = {account: stage.platform.cash(account) - cash for account, cash in before.items()}
    # 0.25 of revenue and collateral come free; 1 kWh at 0.3 goes, and a penalty of 0.02 for 0.9 kWh.
    assert gained[seller.account] == 250_000 - 300_000 - 18_000
    assert gained[buyer.account] == 0, "it paid at the clearing, and has what it paid for"
    assert stage.token.call("totalSupply", SLOT) == 0


# --- Corrections and disputes ---


@pytest.fixture
def settled(stage: SettlementStage, metered: list[MeteredAccount], ready: Ready) -> list[MeteredAccount]:
    """The slot settled with an estimate of the seller, in two pages."""
    seller, buyer, house = metered
    accounts = [replace(seller, metered_wh=EnergyWh(-400), estimated=True), buyer, house]
    packed = pack_slot(accounts, 2)
    report = stage.report(SLOT, accounts, packed)
    stage.submit(report)
    stage.settle(report, packed)
    return accounts


def first_report(stage: SettlementStage, settled: list[MeteredAccount]) -> Ready:
    packed = pack_slot(settled, 2)
    return stage.report(SLOT, settled, packed), packed


def correct(
    stage: SettlementStage,
    settled: list[MeteredAccount],
    changes: list[tuple[MeteredAccount, MeteredAccount]],
    delivered_wh: int,
    version: int = 2,
) -> None:
    first, packed = first_report(stage, settled)
    page = pack_corrections(changes)
    report = ReportMessage(SLOT, version, bytes(32), running_hash([keccak(page)]), len(changes), delivered_wh)
    stage.submit(report)
    proofs = [packed.proof_of(number) for number in range(len(packed.pages))]
    stage.settlement.send(
        "settleCorrection", report.values(), first.values(), page, proofs, sender=stage.platform.admin
    )


def test_a_correction_pays_the_difference_and_mints_what_was_found(
    stage: SettlementStage, settled: list[MeteredAccount]
) -> None:
    seller, buyer, _ = settled
    measured = replace(seller, metered_wh=EnergyWh(-900), estimated=False)
    before = {account: stage.platform.cash(account) for account in (seller.account, buyer.account, RETAILER)}
    assert stage.token.call("totalSupply", SLOT) == 0, "nothing is minted for an estimate"

    correct(stage, settled, [(seller, measured)], 900)

    difference = settle_correction(seller, measured, PRICES, RULES)
    assert stage.platform.cash(seller.account) - before[seller.account] == difference == 150_000
    assert stage.platform.cash(RETAILER) - before[RETAILER] == -difference
    assert stage.platform.cash(buyer.account) == before[buyer.account]
    positions = b"".join(
        a.account.to_bytes(4, "big")
        + a.position.energy_wh.to_bytes(4, "big", signed=True)
        + a.position.locked_micro.to_bytes(7, "big")
        + a.position.release_micro.to_bytes(7, "big")
        for a in settled
        if a.position
    )
    with reverts("WrongResult", slot=SLOT):
        stage.settlement.send("mintCorrected", SLOT, positions, NO_RESULT, sender=stage.platform.admin)
    stage.settlement.send("mintCorrected", SLOT, positions, stage.result(SLOT), sender=stage.platform.admin)
    assert stage.token.call("balanceOf", stage.chain.address("buyer"), SLOT) == 900
    with reverts("SettlementWrongState"):
        stage.settlement.send("mintCorrected", SLOT, positions, stage.result(SLOT), sender=stage.platform.admin)


def test_a_correction_of_a_correction_starts_from_the_last(
    stage: SettlementStage, settled: list[MeteredAccount]
) -> None:
    _, _, house = settled
    second, third = (replace(house, metered_wh=EnergyWh(wh)) for wh in (500, 200))
    before = stage.platform.cash(house.account)

    correct(stage, settled, [(house, second)], 0)
    with reverts("SettlementNotWhatWasSettled", account=house.account):
        correct(stage, settled, [(house, third)], 0, version=3)
    correct(stage, settled, [(second, third)], 0, version=3)

    assert stage.platform.cash(house.account) - before == (300 - 200) * PRICES.retail // 1000


def test_a_correction_of_what_was_never_settled_is_refused(
    stage: SettlementStage, settled: list[MeteredAccount]
) -> None:
    _, _, house = settled
    wrong = replace(house, metered_wh=EnergyWh(301))
    with reverts("SettlementNotWhatWasSettled", slot=SLOT, account=house.account):
        correct(stage, settled, [(wrong, house)], 0)


def test_a_correction_with_another_delivery_than_it_shows_is_refused(
    stage: SettlementStage, settled: list[MeteredAccount]
) -> None:
    seller, *_ = settled
    measured = replace(seller, metered_wh=EnergyWh(-900), estimated=False)
    with reverts("SettlementTotalsMismatch"):
        correct(stage, settled, [(seller, measured)], 901)


def test_a_correction_below_what_was_minted_stays_known(stage: SettlementStage, metered: list[MeteredAccount]) -> None:
    stage.settle_slot(SLOT, metered, CLEARED)
    seller, *_ = metered
    less = replace(seller, metered_wh=EnergyWh(-100))
    packed = pack_slot(metered)
    first = stage.report(SLOT, metered, packed)
    page = pack_corrections([(seller, less)])
    report = ReportMessage(SLOT, 2, bytes(32), running_hash([keccak(page)]), 1, 100)
    stage.submit(report)

    receipt = stage.settlement.send(
        "settleCorrection", report.values(), first.values(), page, [packed.proof_of(0)], sender=stage.platform.admin
    )

    assert receipt.event(stage.settlement, "DeliveryBelowMinted")["mintedWh"] == 900


def test_after_the_correction_window_nothing_changes_any_more(
    stage: SettlementStage, settled: list[MeteredAccount]
) -> None:
    seller, *_ = settled
    stage.chain.warp_to((SLOT + 1) * 900 + CORRECTION_WINDOW_S + 1)
    with reverts("SettlementTooLate", slot=SLOT):
        correct(stage, settled, [(seller, replace(seller, metered_wh=EnergyWh(-900), estimated=False))], 900)


def test_an_owner_can_contest_a_settled_slot_and_nobody_else_for_it(
    stage: SettlementStage, settled: list[MeteredAccount]
) -> None:
    house = settled[2].account
    receipt = stage.settlement.send("contest", SLOT, house, b"\1" * 32, sender=stage.chain.address("house"))

    assert receipt.event(stage.settlement, "Contested") == {"slot": SLOT, "account": house, "readingDigest": b"\1" * 32}
    with reverts("SettlementNotOwner", account=house):
        stage.settlement.send("contest", SLOT, house, b"\1" * 32, sender=stage.chain.address("buyer"))


# --- Rules ---


def test_new_rules_hold_from_a_day_ahead_on_and_old_slots_keep_theirs(stage: SettlementStage) -> None:
    earliest = stage.chain.now_s() // 900 + 96
    changed, again = replace(RULES, quorum=4), replace(RULES, quorum=5)

    with reverts("SettlementRulesTooEarly", fromSlot=earliest - 1, earliest=earliest):
        stage.settlement.send("setRules", earliest - 1, rules_tuple(changed), sender=stage.platform.admin)
    stage.settlement.send("setRules", earliest + 1, rules_tuple(changed), sender=stage.platform.admin)
    with reverts("SettlementRulesTooEarly", fromSlot=earliest + 1, earliest=earliest + 2):
        stage.settlement.send("setRules", earliest + 1, rules_tuple(again), sender=stage.platform.admin)
    stage.settlement.send("setRules", earliest + 3, rules_tuple(again), sender=stage.platform.admin)

    held = [stage.settlement.call("rulesAt", slot) for slot in (0, *range(earliest, earliest + 5), 2**64 - 1)]
    assert held == [rules_tuple(rules) for rules in (RULES, RULES, changed, changed, again, again, again)]


def test_rules_without_a_quorum_are_refused(stage: SettlementStage) -> None:
    slot = stage.chain.now_s() // 900 + 200
    with reverts("SettlementBadRules"):
        stage.settlement.send("setRules", slot, (50, 0, 0, 0, 0, 0, 1, 1), sender=stage.platform.admin)


def test_beyond_the_feeder_a_slot_is_held(stage: SettlementStage, metered: list[MeteredAccount]) -> None:
    slot = stage.chain.now_s() // 900 + 200
    tight = replace(RULES, feeder_cap_wh=EnergyWh(399))
    stage.settlement.send("setRules", slot, rules_tuple(tight), sender=stage.platform.admin)
    stage.clear(slot, [account.position for account in metered if account.position], CLEARED)
    stage.after(slot)
    packed = pack_slot(metered)
    report = stage.report(slot, metered, packed)
    stage.submit(report)

    with reverts("SettlementAboveCap", energyWh=400, capWh=399):
        stage.settle(report, packed)
