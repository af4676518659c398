"""Making the book of a slot: every sealed order as a record, opened where somebody opened it. Pure.

A book holds all relayed seals that were committed and the live own seal of every account that sealed by itself. Where
an account did both, its own seal counts and the relayed one is marked superseded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.chain.packing import BookRecord, OpenedRecord, SealEntry, SupersededRecord, UnopenedRecord
from p2ptrade.domain.sealed import KeptSeal, Terms
from p2ptrade.domain.units import AccountId


@dataclass(frozen=True, slots=True)
class MadeBook:
    """The records of a slot, and the accounts whose order nobody has opened so far."""

    records: tuple[BookRecord, ...]
    unopened: tuple[AccountId, ...]


def live_own_seals(arrivals: Sequence[SealEntry]) -> tuple[list[SealEntry], list[int]]:
    """Return the last own seal of every account, rising by account, and its position in the order of arrival."""
    last = {entry.account: position for position, entry in enumerate(arrivals)}
    positions = [last[account] for account in sorted(last)]
    return [arrivals[position] for position in positions], positions


def make_book(
    committed: Iterable[KeptSeal], arrivals: Sequence[SealEntry], openings: Mapping[bytes, Terms]
) -> MadeBook:
    """Return the book of committed seals and own seals; `openings` by digest may come from anywhere."""
    relayed = {kept.seal.account: kept for kept in committed}
    own = {entry.account: entry.digest for entry in live_own_seals(arrivals)[0]}
    records: list[BookRecord] = []
    unopened: list[AccountId] = []
    for account in sorted(relayed.keys() | own.keys()):
        kept = relayed.get(account)
        if account in own:
            if kept is not None:
                records.append(SupersededRecord(account, kept.digest))
            record = _own_record(account, own[account], openings)
        else:
            assert kept is not None  # the account is in one of the two
            record = _relayed_record(kept, openings)
        records.append(record)
        if isinstance(record, UnopenedRecord):
            unopened.append(account)
    return MadeBook(tuple(records), tuple(unopened))


def _own_record(account: AccountId, digest: bytes, openings: Mapping[bytes, Terms]) -> BookRecord:
    terms = openings.get(digest)
    if terms is None:
        return UnopenedRecord(account, digest)
    return OpenedRecord(account, terms.side, terms.steps, terms.salt)


def _relayed_record(kept: KeptSeal, openings: Mapping[bytes, Terms]) -> BookRecord:
    seal, terms = kept.seal, openings.get(kept.digest)
    if terms is None:
        return UnopenedRecord(seal.account, seal.terms_hash, seal.signature)
    return OpenedRecord(seal.account, terms.side, terms.steps, terms.salt, seal.signature)
