"""Judging a history after faults: nothing lost, nothing doubled, books closed.

What was meant is in the outboxes; what happened is on the chain. The two must be the same list.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from p2ptrade.chain.client import ChainClient
from p2ptrade.domain.outgoing import Outgoing, OutgoingState


@dataclass(frozen=True)
class Verdict:
    """What a history check found; empty lists are what we want."""

    lost: list[str]
    doubled: list[str]
    unexplained: list[str]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unexplained)


def check_history(
    client: ChainClient, senders: Iterable[str], entries: Sequence[Outgoing], intents: Iterable[str] | None = None
) -> Verdict:
    """Compare what outboxes hold with what the chain has of their senders.

    Lost is an intent without a transaction in the chain, doubled one with two that succeeded, unexplained a transaction
    of a sender that no outbox knows, or one that is still waiting. A reverted transaction is in the chain and did
    nothing: somebody else was first.
    """
    on_chain = _transactions_of(client, set(senders))
    known = {entry.transaction_hash: entry for entry in entries}
    happened = Counter(known[hash_].intent for hash_, succeeded in on_chain.items() if succeeded and hash_ in known)
    wanted = set(intents) if intents is not None else {entry.intent for entry in entries}
    mined = {known[hash_].intent for hash_ in on_chain if hash_ in known}
    return Verdict(
        lost=sorted(wanted - mined),
        doubled=sorted(intent for intent, times in happened.items() if times > 1),
        unexplained=sorted(hash_.hex() for hash_ in on_chain if hash_ not in known)
        + sorted(entry.intent for entry in entries if entry.state is OutgoingState.PENDING),
    )


def _transactions_of(client: ChainClient, senders: set[str]) -> dict[bytes, bool]:
    """Return the transactions of senders in the chain by hash, with whether they succeeded."""
    lowered = {sender.lower() for sender in senders}
    found = []
    for number in range(client.head().number + 1):
        block = client.rpc.call("eth_getBlockByNumber", hex(number), True)
        found += [bytes.fromhex(tx["hash"][2:]) for tx in block["transactions"] if tx["from"].lower() in lowered]
    receipts = client.receipts(found)
    return {hash_: receipt is not None and receipt.succeeded for hash_, receipt in zip(found, receipts, strict=True)}
