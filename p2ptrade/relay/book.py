"""Making the book of a slot: every sealed order as a record, opened where somebody opened it. Pure.

A book holds all relayed seals that were committed and all own seals. The last own seal of an account counts; the ones
before it, and a relayed one, are marked superseded and come directly before it. Seals of senders without an account are
listed beside the book.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.chain.clearing_pages import ArrivedSeal
from p2ptrade.chain.packing import (
    BookRecord,
    OpenedRecord,
    OwnSeal,
    SupersededRecord,
    UnopenedRecord,
    pack_strangers,
    ticket,
)
from p2ptrade.domain.sealed import KeptSeal, Terms
from p2ptrade.domain.units import AccountId
from p2ptrade.relay.ports import Arrival


@dataclass(frozen=True, slots=True)
class MadeBook:
    """The records of a slot, the accounts whose order nobody has opened so far, and the packed seals of strangers.

    `arrivals` are all own seals as they came.
    """

    records: tuple[BookRecord, ...]
    unopened: tuple[AccountId, ...]
    strangers: bytes = b""
    arrivals: tuple[ArrivedSeal, ...] = ()


def make_book(committed: Iterable[KeptSeal], arrivals: Sequence[Arrival], openings: Mapping[bytes, Terms]) -> MadeBook:
    """Return the book of committed seals and own seals; `openings` by digest may come from anywhere."""
    relayed = {kept.seal.account: kept for kept in committed}
    own: dict[AccountId, list[tuple[int, bytes]]] = {}
    strangers: dict[int, OwnSeal] = {}
    for number, arrival in enumerate(arrivals):
        if arrival.account is None:
            strangers[number] = arrival.seal
        else:
            own.setdefault(arrival.account, []).append((number, arrival.seal.digest))
    records: list[BookRecord] = []
    for account in sorted(relayed.keys() | own.keys()):
        kept, seals = relayed.get(account), own.get(account, [])
        if kept is not None:
            replaced = SupersededRecord(account, ticket(kept.digest, kept.seal.signature))
            records.append(replaced if seals else _relayed_record(kept, openings))
        records += [SupersededRecord(account, digest, arrival) for arrival, digest in seals[:-1]]
        records += [_own_record(account, digest, arrival, openings) for arrival, digest in seals[-1:]]
    unopened = tuple(record.account for record in records if isinstance(record, UnopenedRecord))
    arrived = tuple(ArrivedSeal(arrival.seal, arrival.account is None) for arrival in arrivals)
    return MadeBook(tuple(records), unopened, pack_strangers(strangers), arrived)


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
