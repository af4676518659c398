"""The ledger: cash accounts of participants and of the platform's functions."""

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from eth_typing import ChecksumAddress

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.participant import AccountState, AccountStatus
from p2ptrade.domain.units import AccountId, AmountMicro

_ENTRY_BYTES = 12


class Ledger(ContractWrapper):
    """Who owns which account, and what is in it."""

    NAME: ClassVar[str] = "Ledger"

    def accounts(self, accounts: Sequence[AccountId], *, block: Block = LATEST) -> Mapping[AccountId, AccountState]:
        """Return those of `accounts` that exist."""
        if not accounts:
            return {}
        packed = b"".join(account.to_bytes(4, "big") for account in accounts)
        words = self.read("words", packed, block=block)
        states = {account: AccountState.from_word(word) for account, word in zip(accounts, words, strict=True)}
        return {account: state for account, state in states.items() if state.status is not AccountStatus.NONE}

    def participants(self, *, block: Block = LATEST) -> Mapping[AccountId, AccountState]:
        """Return all participants' accounts."""
        last = int(self.read("lastAccount", block=block))
        return self.accounts([AccountId(account) for account in range(16, last + 1)], block=block)

    def account_of(self, owner: ChecksumAddress, *, block: Block = LATEST) -> AccountId | None:
        """Return the participant's account that `owner` has."""
        return AccountId(self.read("accountOf", owner, block=block)) or None

    def accounts_of(
        self, owners: Collection[ChecksumAddress], *, block: Block = LATEST
    ) -> Mapping[ChecksumAddress, AccountId]:
        """Return the participants' accounts of those among `owners` who have one, in one round trip."""
        if not owners:
            return {}
        found = self.read_many("accountOf", [(owner,) for owner in owners], block=block)
        return {owner: AccountId(account) for owner, account in zip(owners, found, strict=True) if account}

    def cash(self, account: AccountId, *, block: Block = LATEST) -> AmountMicro:
        """Return the cash of an account in micro-credits; a debt is negative."""
        return AmountMicro(self.read("cashOf", account, block=block))

    def is_mover(self, contract: ChecksumAddress, *, block: Block = LATEST) -> bool:
        """Return whether a contract moves cash."""
        return bool(self.read("isMover", contract, block=block))

    def moves(self, *, first: Block, last: Block = LATEST) -> list[tuple[AccountId, AmountMicro]]:
        """Return every movement between accounts, in the order of the chain."""
        records = self.events("Moved", first=first, last=last)
        return [entry for record in records for entry in moved_entries(record.values["entries"])]


def moved_entries(packed: bytes) -> list[tuple[AccountId, AmountMicro]]:
    """Return the entries of a `Moved` event: account and effective change in micro-credits."""
    return [
        (
            AccountId(int.from_bytes(packed[at : at + 4], "big")),
            AmountMicro(int.from_bytes(packed[at + 4 : at + _ENTRY_BYTES], "big", signed=True)),
        )
        for at in range(0, len(packed), _ENTRY_BYTES)
    ]
