"""The access manager: which address has which role, which function asks for which role."""

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar

from eth_typing import ChecksumAddress

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper


class Role(IntEnum):
    """The roles; the numbers are those of `Roles.sol`. People and daemons hold some, contracts the others."""

    ADMIN = 0
    REGISTRAR = 1
    TREASURER = 2
    RELAY = 3
    DSO = 4
    ORACLE = 5
    RETAILER = 6
    GUARDIAN = 7
    MARKET = 8
    ISSUER = 9
    REGISTRY = 10
    SCORER = 11


class Authority(ContractWrapper):
    """Roles and their delays."""

    NAME: ClassVar[str] = "Authority"

    def has_role(self, role: Role, holder: ChecksumAddress, *, block: Block = LATEST) -> bool:
        """Return whether `holder` has a role now."""
        member, _delay_s = self.read("hasRole", int(role), holder, block=block)
        return bool(member)

    def grant_data(self, role: Role, holder: ChecksumAddress, delay_s: int = 0) -> bytes:
        """Return the call that grants a role, whose acts then take effect after `delay_s`."""
        return self.call_data("grantRole", int(role), holder, delay_s)

    def functions_data(self, target: ChecksumAddress, selectors: Sequence[bytes], role: Role) -> bytes:
        """Return the call that says which role the functions of `target` ask for."""
        return self.call_data("setTargetFunctionRole", target, list(selectors), int(role))
