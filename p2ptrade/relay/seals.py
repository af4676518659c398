"""Which seals the relay takes: a pure decision from what came, what is kept already, and who owns which account.

A seal is the hash of an order's terms under the owner's signature; there is nothing in it to be read. A relay gives one
receipt per account and slot. Whoever wants to change a sealed order seals the new one by an own transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from p2ptrade.chain.signatures import recover
from p2ptrade.chain.typed_data import Domain, order_digest
from p2ptrade.domain.participant import AccountState, AccountStatus
from p2ptrade.domain.sealed import KeptSeal, Seal
from p2ptrade.domain.units import AccountId, EpochSeconds


@dataclass(frozen=True, slots=True)
class Intake:
    """What to do with a batch: seals to keep from now on, all that get a receipt, and refusals with their reason."""

    new: tuple[KeptSeal, ...]
    receipted: Mapping[AccountId, KeptSeal]
    refused: Mapping[int, str] = field(default_factory=dict)


def take_in(
    seals: Sequence[Seal],
    *,
    kept: Mapping[AccountId, KeptSeal],
    accounts: Mapping[AccountId, AccountState],
    domain: Domain,
    now_s: int,
    room: int,
) -> Intake:
    """Return what becomes of the seals of one slot; `kept` are those that have a receipt, `room` is how many may come.

    Refusals are by position in `seals`; the same seal sent again is not refused, it gets its receipt again.
    """
    receipted = dict(kept)
    new: list[KeptSeal] = []
    refused: dict[int, str] = {}
    for position, seal in enumerate(seals):
        before = receipted.get(seal.account)
        if before is not None:
            if before.seal.terms_hash != seal.terms_hash:
                refused[position] = (
                    "this account has a receipt for another seal of this slot: change it by an own transaction"
                )
            continue
        digest = order_digest(domain, seal.slot, seal.account, seal.terms_hash)
        reason = _why_refused(seal, digest, accounts.get(seal.account))
        if reason is not None:
            refused[position] = reason
            continue
        if len(new) >= room:
            refused[position] = "the book of this slot is full: seal by an own transaction, or for a later slot"
            continue
        taken = KeptSeal(seal, digest, EpochSeconds(now_s))
        receipted[seal.account] = taken
        new.append(taken)
    return Intake(tuple(new), receipted, refused)


def _why_refused(seal: Seal, digest: bytes, account: AccountState | None) -> str | None:
    if account is None or account.status is AccountStatus.NONE:
        return f"there is no account {seal.account}"
    if account.status is not AccountStatus.ACTIVE:
        return f"account {seal.account} is not active"
    signer = recover(digest, seal.signature)
    if signer != account.owner:
        who = "nobody" if signer is None else signer
        return f"the order is signed by {who}, not by the owner {account.owner}; mind chain, contract, slot and account"
    return None
