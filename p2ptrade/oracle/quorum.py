"""Agreeing with the other oracles: which signatures count.

Every oracle computes the report by itself and signs only its own. A peer's signature counts if it is over exactly the
same report and by a key that the chain knows as an oracle's. With n = 3f + 1 oracles and k = 2f + 1 signatures, f
faulty ones can neither stop a slot nor settle it otherwise than the honest ones see it; more than f can stop it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eth_typing import ChecksumAddress

from p2ptrade.chain.signatures import recover
from p2ptrade.chain.typed_data import Domain, ReportMessage
from p2ptrade.domain.report import Report
from p2ptrade.oracle.facts import SignedReport

IsOracle = Callable[[ChecksumAddress], bool]


@dataclass(frozen=True, slots=True)
class Count:
    """Signatures that count, rising by signer, and the names of the peers that reported something else."""

    signatures: tuple[bytes, ...]
    dissenters: tuple[str, ...]


def digest_of(report: Report, domain: Domain) -> bytes:
    """Return what the oracles sign of a report."""
    return ReportMessage.of(report).digest(domain)


def count_signatures(
    report: Report,
    own: SignedReport,
    others: Iterable[tuple[str, SignedReport]],
    domain: Domain,
    is_oracle: IsOracle,
) -> Count:
    """Return the signatures over `report`, each signer's once; `others` are (name of the peer, what it signed)."""
    digest = digest_of(report, domain)
    by_signer = {own.oracle: own.signature}
    dissenters = []
    for name, signed in others:
        if signed.report != report:
            dissenters.append(name)
            continue
        signer = recover(digest, signed.signature)
        if signer is not None and signer not in by_signer and is_oracle(signer):
            by_signer[signer] = signed.signature
    rising = sorted(by_signer, key=lambda address: int(address, 16))
    return Count(tuple(by_signer[signer] for signer in rising), tuple(dissenters))


def first_signatures(signatures: Sequence[bytes], needed: int) -> tuple[bytes, ...] | None:
    """Return `needed` signatures, which keep their order, or nothing while there are fewer."""
    return tuple(signatures[:needed]) if len(signatures) >= needed else None
