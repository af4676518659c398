"""A contract that calls what it is told, whoever asks: it may own an account, or stand between a sender and another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_typing import ChecksumAddress

from tests.support.chain import Chain, Contract, Receipt

# Of the data the first 20 bytes are the address, which is called with all others; its answer, or revert, is handed on.
_RUNTIME: Final = bytes.fromhex(
    "6014360380601460003760006000826000600060003560601c5af13d600060003e6028573d6000fd5b3d6000f3"
)
_RETURN_RUNTIME: Final = bytes.fromhex("602d80600b6000396000f3")


@dataclass(frozen=True)
class Forwarder:
    """One such contract."""

    chain: Chain
    address: ChecksumAddress

    @classmethod
    def deploy(cls, chain: Chain) -> Forwarder:
        """Put one on the chain."""
        receipt = chain.send(None, _RETURN_RUNTIME + _RUNTIME, sender=chain.address("deployer"))
        assert receipt.raw.contract_address is not None
        return cls(chain, receipt.raw.contract_address)

    def send(self, contract: Contract, function: str, *args: Any, sender: str) -> Receipt:
        """Have it call a function; raises what that reverts with."""
        data = bytes.fromhex(contract.address[2:]) + contract.data(function, *args)
        return self.chain.send(self.address, data, sender=sender)
