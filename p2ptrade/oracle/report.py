"""From the energies of a slot to the report that is signed: pages, readings root, and corrections. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from eth_hash.auto import keccak

from p2ptrade.chain.settlement_page import (
    RECORDS_PER_PAGE,
    pack_corrections,
    pack_slot,
    running_hash,
    unpack_corrections,
    unpack_slot,
)
from p2ptrade.domain.merkle import leaf_hash, merkle_proof, merkle_root
from p2ptrade.domain.metered import MeteredAccount, SlotTotals
from p2ptrade.domain.reading import Quality, Registers
from p2ptrade.domain.report import KeptReport, Leaf, Report
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.oracle.energy import NO_REGISTERS, SlotEnergy
from p2ptrade.oracle.facts import ClearingFacts, Envelope

_WORD: Final = 1 << 256


def make_report(
    slot: SlotNumber,
    energies: Mapping[AccountId, SlotEnergy],
    clearing: ClearingFacts,
    envelopes: Mapping[AccountId, Envelope],
    *,
    records_per_page: int = RECORDS_PER_PAGE,
) -> KeptReport:
    """Return the first report of a slot: the same from every oracle that knows the same."""
    accounts = metered_accounts(energies, clearing, envelopes)
    packed = pack_slot(accounts, records_per_page)
    leaves = tuple(leaf_of(account, energies[account]) for account in sorted(energies))
    report = Report(
        slot=slot,
        version=1,
        readings_root=readings_root(slot, leaves),
        data_hash=packed.data_hash,
        accounts=len(accounts),
        delivered_wh=SlotTotals.of(accounts).delivered_wh,
    )
    return KeptReport(report, packed.pages, leaves)


def make_correction(
    slot: SlotNumber,
    version: int,
    settled: Sequence[MeteredAccount],
    measured: Mapping[AccountId, SlotEnergy],
    registers: Mapping[AccountId, Registers],
    clearing: ClearingFacts,
    envelopes: Mapping[AccountId, Envelope],
) -> KeptReport | None:
    """Return the report that replaces what was settled with estimates by what was measured since, if anything was.

    Only an account whose settled value is an estimate is corrected, and only by a measurement: a signed reading of
    higher quality replaces a substitute, and nothing replaces a measurement. `measured` has what signed readings show,
    `registers` those at the end of the slot; all else is what was settled, so nothing in the report is remembered.
    """
    now = {account.account: account for account in metered_accounts(measured, clearing, envelopes)}
    changes = [
        (old, now[old.account])
        for old in settled
        if old.estimated and old.account in now and not now[old.account].estimated
    ]
    if not changes:
        return None
    page = pack_corrections(changes)
    new = {corrected.account: corrected for _, corrected in changes}
    after = [new.get(account.account, account) for account in settled]
    leaves = tuple(_leaf_after(account, measured.get(account.account), registers) for account in after)
    report = Report(
        slot=slot,
        version=version,
        readings_root=readings_root(slot, leaves),
        data_hash=running_hash([keccak(page)]),
        accounts=len(changes),
        delivered_wh=SlotTotals.of(after).delivered_wh,
    )
    return KeptReport(report, (page,), leaves)


def metered_accounts(
    energies: Mapping[AccountId, SlotEnergy], clearing: ClearingFacts, envelopes: Mapping[AccountId, Envelope]
) -> list[MeteredAccount]:
    """Return every account with its position and what it did outside its envelope, accounts rising."""
    positions = {position.account: position for position in clearing.positions}
    return [
        MeteredAccount(
            account,
            energy.metered_wh,
            positions.get(account),
            energy.estimated,
            EnergyWh(0) if energy.estimated else _breach(energy.metered_wh, envelopes.get(account)),
        )
        for account, energy in sorted(energies.items())
    ]


def settled_accounts(pages: Sequence[bytes], corrections: Sequence[bytes]) -> list[MeteredAccount]:
    """Return the accounts of a slot as its settled pages and the corrections after them left them."""
    accounts = {account.account: account for account in unpack_slot(pages)}
    for page in corrections:
        for _, new in unpack_corrections(page):
            accounts[new.account] = new
    return [accounts[account] for account in sorted(accounts)]


def leaf_of(account: AccountId, energy: SlotEnergy) -> Leaf:
    """Return what the readings root says of an account."""
    return Leaf(account, energy.registers, energy.metered_wh, int(energy.quality))


def readings_root(slot: SlotNumber, leaves: Sequence[Leaf]) -> bytes:
    """Return the root over the leaves, in their order."""
    return merkle_root([hash_of_leaf(slot, leaf) for leaf in leaves])


def proof_of(slot: SlotNumber, leaves: Sequence[Leaf], account: AccountId) -> tuple[Leaf, tuple[bytes, ...]] | None:
    """Return an account's leaf and its proof against the readings root."""
    for index, leaf in enumerate(leaves):
        if leaf.account == account:
            return leaf, merkle_proof([hash_of_leaf(slot, each) for each in leaves], index)
    return None


def hash_of_leaf(slot: SlotNumber, leaf: Leaf) -> bytes:
    """Return keccak256(keccak256(abi.encode(slot, account, importWh, exportWh, metered, quality)))."""
    registers = leaf.registers
    return leaf_hash(
        slot, leaf.account, registers.import_wh, registers.export_wh, leaf.metered_wh % _WORD, leaf.quality
    )


def _leaf_after(account: MeteredAccount, energy: SlotEnergy | None, registers: Mapping[AccountId, Registers]) -> Leaf:
    """Return the leaf of an account as a correction leaves it; how its energy was measured is in its readings."""
    settled_quality = Quality.SUBSTITUTED if account.estimated else Quality.MEASURED
    quality = energy.quality if energy is not None and energy.estimated == account.estimated else settled_quality
    return Leaf(account.account, registers.get(account.account, NO_REGISTERS), account.metered_wh, int(quality))


def _breach(metered_wh: EnergyWh, envelope: Envelope | None) -> EnergyWh:
    if envelope is None:
        return EnergyWh(0)
    return EnergyWh(max(0, metered_wh - envelope.import_wh, -metered_wh - envelope.export_wh))
