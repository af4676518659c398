"""From the energies of a slot to the report that is signed: pages, readings root, and corrections. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from p2ptrade.oracle.facts import ClearingFacts, Contest, Envelope, SettledSlot

_WORD: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class LeafFacts:
    """What signed readings show of a slot: measured energies, and registers at its end."""

    measured: Mapping[AccountId, SlotEnergy]
    registers: Mapping[AccountId, Registers]


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
    settled: Mapping[AccountId, MeteredAccount],
    now: Mapping[AccountId, MeteredAccount],
    reopened: frozenset[AccountId],
    leaf_facts: LeafFacts,
) -> KeptReport | None:
    """Return the report that replaces what was settled by what was measured, if there is anything to replace.

    Only a measurement replaces anything: every estimate, and a measurement only of an account in `reopened` by a
    contest. `settled` is what the chain has, `now` what signed readings show; so nothing in the report is remembered.
    """
    changes = [
        (old, now[account])
        for account, old in sorted(settled.items())
        if account in now and not now[account].estimated and _may_change(old, now[account], account in reopened)
    ]
    if not changes:
        return None
    page = pack_corrections(changes)
    after = {**settled, **{new.account: new for _, new in changes}}
    leaves = tuple(_leaf_after(after[account], leaf_facts) for account in sorted(after))
    report = Report(
        slot=slot,
        version=version,
        readings_root=readings_root(slot, leaves),
        data_hash=running_hash([keccak(page)]),
        accounts=len(changes),
        delivered_wh=SlotTotals.of(after.values()).delivered_wh,
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


def settled_accounts(standing: SettledSlot) -> dict[AccountId, MeteredAccount]:
    """Return the accounts of a slot as its settled pages and the corrections after them left them."""
    accounts = {account.account: account for account in unpack_slot(standing.pages)}
    for correction in standing.corrections:
        accounts |= {new.account: new for _, new in unpack_corrections(correction.page)}
    return accounts


def corrected_by(standing: SettledSlot, contest: Contest) -> int | None:
    """Return the newest version that corrected the account of a contest after it, if one did."""
    for version, correction in reversed(list(enumerate(standing.corrections, start=2))):
        accounts = {new.account for _, new in unpack_corrections(correction.page)}
        if contest.account in accounts and correction.block_number >= contest.block_number:
            return version
    return None


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


def _may_change(old: MeteredAccount, new: MeteredAccount, reopened: bool) -> bool:
    return old.estimated or (reopened and (old.metered_wh, old.breach_wh) != (new.metered_wh, new.breach_wh))


def _leaf_after(account: MeteredAccount, facts: LeafFacts) -> Leaf:
    """Return the leaf of an account as a correction leaves it; how its energy was measured is in its readings."""
    energy = facts.measured.get(account.account)
    settled_quality = Quality.SUBSTITUTED if account.estimated else Quality.MEASURED
    quality = energy.quality if energy is not None and energy.estimated == account.estimated else settled_quality
    registers = facts.registers.get(account.account, NO_REGISTERS)
    return Leaf(account.account, registers, account.metered_wh, int(quality))


def _breach(metered_wh: EnergyWh, envelope: Envelope | None) -> EnergyWh:
    if envelope is None:
        return EnergyWh(0)
    return EnergyWh(max(0, metered_wh - envelope.import_wh, -metered_wh - envelope.export_wh))
