"""Making the book of a slot: every sealed order as a record, opened where somebody opened it. Pure.

A book holds all relayed seals that were committed and all own seals. The last own seal of an account counts; the ones
before it, and a relayed one, are marked superseded and come directly before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.chain.packing import BookRecord, OpenedRecord, SealEntry, SupersededRecord, UnopenedRecord, ticket
from p2ptrade.domain.sealed import KeptSeal, Terms
from p2ptrade.domain.units import AccountId


@dataclass(frozen=True, slots=True)
class MadeBook:
    """The records of a slot, and the accounts whose order nobody has opened so far."""

    records: tuple[BookRecord, ...]
    unopened: tuple[AccountId, ...]


def make_book(
    committed: Iterable[KeptSeal], arrivals: Sequence[SealEntry], openings: Mapping[bytes, Terms]
) -> MadeBook:
    """Return the book of committed seals and own seals; `openings` by digest may come from anywhere."""
    relayed = {kept.seal.account: kept for kept in committed}
    own: dict[AccountId, list[tuple[int, bytes]]] = {}
    for arrival, entry in enumerate(arrivals):
        own.setdefault(entry.account, []).append((arrival, entry.digest))
    records: list[BookRecord] = []
    for account in sorted(relayed.keys() | own.keys()):
        kept, seals = relayed.get(account), own.get(account, [])
        if kept is not None:
            replaced = SupersededRecord(account, ticket(kept.digest, kept.seal.signature))
            records.append(replaced if seals else _relayed_record(kept, openings))
        records += [SupersededRecord(account, digest, arrival) for arrival, digest in seals[:-1]]
        records += [_own_record(account, digest, arrival, openings) for arrival, digest in seals[-1:]]
    unopened = tuple(record.account for record in records if isinstance(record, UnopenedRecord))
    return MadeBook(tuple(records), unopened)


def _own_record(account: AccountId, digest: bytes, arrival: int, openings: Mapping[bytes, Terms]) -> BookRecord:
    terms = openings.get(digest)
    if terms is None:
        return UnopenedRecord(account, digest, arrival=arrival)
    return OpenedRecord(account, terms.side, terms.steps, terms.salt, arrival=arrival)


def _relayed_record(kept: KeptSeal, openings: Mapping[bytes, Terms]) -> BookRecord:
    seal, terms = kept.seal, openings.get(kept.digest)
    if terms is None:
        return UnopenedRecord(seal.account, seal.terms_hash, seal.signature)
    return OpenedRecord(seal.account, terms.side, terms.steps, terms.salt, seal.signature)
