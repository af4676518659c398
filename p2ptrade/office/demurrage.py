"""Collecting demurrage in a market that has it: every participant is looked at once a day, by a call open to all."""

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.outbox import Outbox
from p2ptrade.domain.units import AccountId

ACCOUNTS_AT_ONCE = 200
_SECONDS_PER_DAY = 86_400


def collect_demurrage(market: Market, caller: Outbox) -> list[AccountId]:
    """Look at all participants that were not looked at on this UTC day (chain time), and return them.

    Raises:
        ChainUnreachableError: the node does not answer; the next call goes on.
    """
    demurrage = market.demurrage
    if demurrage is None:
        return []
    today = market.client.now_s() // _SECONDS_PER_DAY
    looked_at = demurrage.looked_at_on(market.ledger.participants())
    due = sorted(account for account, day in looked_at.items() if day < today)
    for start in range(0, len(due), ACCOUNTS_AT_ONCE):
        batch = due[start : start + ACCOUNTS_AT_ONCE]
        intent = f"demurrage/{today}/{batch[0]}-{batch[-1]}"
        caller.submit(intent, demurrage.address, demurrage.collect_data(batch))
        caller.wait(intent)
    return due
