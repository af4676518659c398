"""A market on an embedded chain for measuring gas: deployed as `p2ptrade deploy` does it, with paid-in participants.

Transactions are unsigned and sent for whoever is to send them, which costs the same gas as signed ones. Nothing here is
random: the same calls give the same chain, so that gas can be compared to the unit.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak
from eth_typing import ChecksumAddress

from p2ptrade.chain.abi import load
from p2ptrade.chain.client import ChainClient, TransactionReceipt
from p2ptrade.chain.contracts.double_auction import DoubleAuction
from p2ptrade.chain.contracts.ledger import Ledger
from p2ptrade.chain.deployment_plan import steps
from p2ptrade.chain.dev_chain import DevChain
from p2ptrade.chain.engine import EngineOptions, Mining, start
from p2ptrade.chain.engine_command import free_port
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.market_parameters import Holders, Parameters, Plan
from p2ptrade.domain.settlement import SystemAccount
from p2ptrade.domain.units import MICRO_PER_CREDIT, SLOT_SECONDS, AccountId
from p2ptrade.errors import ChainError

CHAIN_ID: Final = 1337
START_S: Final = 1_781_136_000
CASH_MICRO: Final = 100 * MICRO_PER_CREDIT
ORACLES: Final = ("oracle", "second oracle", "third oracle")
_ROLES: Final = ("registrar", "treasurer", "relay", "dso", "retailer", "guardian", "issuer")
_BLOCK_GAS: Final = 59_000_000
_IN_BLOCK: Final = 100
_DAY_S: Final = 86_400


@dataclass(frozen=True)
class Participant:
    """A participant's account and the key that owns it."""

    account: AccountId
    zone: int
    key: SigningKey


class GasWorld:
    """The contracts, who holds which role, and a way to send for anybody."""

    def __init__(self, client: ChainClient) -> None:
        """Deploy a market through `client`."""
        self.client = client
        self.dev = DevChain(client)
        client.rpc.call("anvil_autoImpersonateAccount", True)
        self.keys = {role: _key(role) for role in (*_ROLES, *ORACLES)}
        self.addresses: dict[str, ChecksumAddress] = {}
        self._participants = 0
        self._deploy()
        self.auction = DoubleAuction(client, self.addresses["DoubleAuction"])
        self.ledger = Ledger(client, self.addresses["Ledger"])
        self._pay_in({SystemAccount.OPERATOR: 2 * self.parameters.relay_stake_micro})
        self.send("relay", "RelayStake", "stake", self.parameters.relay_stake_micro)

    @property
    def parameters(self) -> Parameters:
        """Return the parameters of the market."""
        return Parameters()

    def send(self, role: str, contract: str, function: str, *arguments: object) -> TransactionReceipt:
        """Send one transaction for the holder of a role."""
        data = load(contract).function(function).call_data(*arguments)
        return self.send_all([(self.keys[role].address, self.addresses[contract], data)])[0]

    def send_all(
        self, transactions: Sequence[tuple[ChecksumAddress, ChecksumAddress | None, bytes]]
    ) -> list[TransactionReceipt]:
        """Send transactions of (sender, receiver, data) and return their receipts.

        Raises:
            ChainError: one of them reverted.
        """
        receipts: list[TransactionReceipt] = []
        for first in range(0, len(transactions), _IN_BLOCK):
            batch = transactions[first : first + _IN_BLOCK]
            hashes = [self._queue(*each, gas=_BLOCK_GAS // len(batch)) for each in batch]
            self.dev.mine()
            for found in self.client.receipts(hashes):
                if found is None or not found.succeeded:
                    raise ChainError("a transaction of the measurement reverted or was not mined")
                receipts.append(found)
        return receipts

    def admit(self, zones: Sequence[int]) -> list[Participant]:
        """Return a new participant with cash for every zone given."""
        numbers = range(self._participants, self._participants + len(zones))
        self._participants += len(zones)
        keys = [_key(f"participant {number}") for number in numbers]
        first = int(self.ledger.read("lastAccount")) + 1
        for start_ in range(0, len(zones), 200):
            part = slice(start_, start_ + 200)
            admissions = [
                (key.address, zone, 30, keccak(b"meter of " + key.address.encode()), key.address)
                for key, zone in zip(keys[part], zones[part], strict=True)
            ]
            self.send("registrar", "ParticipantRegistry", "admitMany", admissions)
        accounts = range(first, first + len(zones))
        self._pay_in(dict.fromkeys(accounts, CASH_MICRO))
        return [Participant(AccountId(a), zone, key) for a, zone, key in zip(accounts, zones, keys, strict=True)]

    def next_slot(self) -> int:
        """Return a slot whose limits can still be published."""
        return (self.client.now_s() + self.parameters.windows.limits_lead_s) // SLOT_SECONDS + 2

    @staticmethod
    def end_of(slot: int) -> int:
        """Return when a slot ends."""
        return (slot + 1) * SLOT_SECONDS

    def _deploy(self) -> None:
        deployer = _key("deployer").address
        held = {role: self.keys[role].address for role in _ROLES}
        holders = Holders(admin=deployer, oracles=tuple(self.keys[name].address for name in ORACLES), **held)
        for step in steps(Plan(self.parameters, holders, START_S // _DAY_S), deployer):
            to, data = step.make(self.addresses)
            (receipt,) = self.send_all([(deployer, to, data)])
            if step.contract is not None and receipt.contract_address is not None:
                self.addresses[step.contract] = receipt.contract_address

    def _pay_in(self, amounts: Mapping[int, int]) -> None:
        """Pay fresh credits into accounts."""
        treasurer, total = self.keys["treasurer"].address, sum(amounts.values())
        reference = keccak(str(amounts).encode())
        self.send("treasurer", "Credits", "recordDeposit", treasurer, total, reference)
        self.send("treasurer", "Credits", "approve", self.ledger.address, total)
        deposit = self.ledger.abi.function("deposit")
        self.send_all([(treasurer, self.ledger.address, deposit.call_data(*each)) for each in amounts.items()])

    def _queue(self, sender: ChecksumAddress, to: ChecksumAddress | None, data: bytes, *, gas: int) -> bytes:
        fields = {"from": sender, "data": "0x" + data.hex(), "gas": hex(gas), "gasPrice": "0x0"}
        if to is not None:
            fields["to"] = to
        return bytes.fromhex(str(self.client.rpc.call("eth_sendTransaction", fields))[2:])


@contextmanager
def gas_world() -> Iterator[GasWorld]:
    """Run an embedded chain with a market on it for the length of a block.

    Raises:
        EnvironmentNotReadyError: the chain's program is not installed.
    """
    options = EngineOptions(port=free_port(), chain_id=CHAIN_ID, mining=Mining.EXPLICIT, start_time_s=START_S)
    engine = start(options)
    try:
        yield GasWorld(ChainClient.connect(engine.url, CHAIN_ID, timeout_s=120.0))
    finally:
        engine.stop()


def _key(name: str) -> SigningKey:
    return SigningKey.from_secret(keccak(b"p2ptrade gas measurement: " + name.encode()))
