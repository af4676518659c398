"""What a development chain can do beyond a real one: blocks on demand, time travel, snapshots, reorganisations."""

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.rpc import RpcError


class DevChain:
    """The development methods of anvil and, where not said otherwise, Ganache."""

    def __init__(self, client: ChainClient) -> None:
        """Wrap a client of anvil or Ganache."""
        self._rpc = client.rpc

    def mine(self, *, at_s: int | None = None) -> None:
        """Make one block, with time stamp `at_s` if given."""
        self._rpc.call("evm_mine", *([] if at_s is None else [at_s]))

    def warp_to(self, instant_s: int) -> None:
        """Make a block at `instant_s` and let time go on from there."""
        head = self._rpc.call("eth_getBlockByNumber", "latest", False)
        self._rpc.call("evm_increaseTime", instant_s - int(head["timestamp"], 16))
        self._rpc.call("evm_mine")

    def snapshot(self) -> str:
        """Return a handle of the present state."""
        return str(self._rpc.call("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Go back to a snapshot, which is used up by it."""
        self._rpc.call("evm_revert", snapshot)

    def reorganise(self, depth: int) -> None:
        """Replace the last `depth` blocks by empty ones (anvil only)."""
        self._rpc.call("anvil_reorg", depth, [])

    def set_balance(self, address: str, wei: int) -> None:
        """Give `address` that many wei, for chains on which gas costs something."""
        try:
            self._rpc.call("anvil_setBalance", address, hex(wei))
        except RpcError:
            self._rpc.call("evm_setAccountBalance", address, hex(wei))
