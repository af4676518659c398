"""The registry: who takes part, at which meter point, with which gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.units import AccountId, ZoneId


@dataclass(frozen=True, slots=True)
class Admission:
    """What is registered of a participant; `meter_point` is a salted hash."""

    owner: ChecksumAddress
    zone: ZoneId
    capacity_kw: int
    meter_point: bytes
    gateway: ChecksumAddress


class ParticipantRegistry(ContractWrapper):
    """Admission, and the keys that may sign a participant's readings."""

    NAME: ClassVar[str] = "ParticipantRegistry"

    def gateways(self, accounts: Sequence[AccountId], *, block: Block = LATEST) -> Mapping[AccountId, ChecksumAddress]:
        """Return the gateway key of each account that has one."""
        found = self.read_many("gatewayOf", [(account,) for account in accounts], block=block)
        return {
            account: to_checksum_address(gateway)
            for account, gateway in zip(accounts, found, strict=True)
            if int(gateway, 16)
        }

    def meter_point(self, account: AccountId, *, block: Block = LATEST) -> bytes:
        """Return the salted hash of an account's meter point."""
        return bytes(self.read("meterPointOf", account, block=block))

    def admissions(self, *, first: Block, last: Block = LATEST) -> Mapping[AccountId, Admission]:
        """Return the participants admitted between two blocks, as they were registered."""
        return {
            AccountId(record.values["account"]): Admission(
                to_checksum_address(record.values["owner"]),
                ZoneId(record.values["zone"]),
                record.values["capacityKw"],
                record.values["meterPoint"],
                to_checksum_address(record.values["gateway"]),
            )
            for record in self.events("ParticipantAdmitted", first=first, last=last)
        }

    def is_admitted(self, owner: ChecksumAddress, *, block: Block = LATEST) -> bool:
        """Return whether `owner` takes part now."""
        return bool(self.read("isAdmitted", owner, block=block))

    def admit_many_data(self, admissions: Sequence[Admission]) -> bytes:
        """Return the call that admits participants, who get consecutive accounts."""
        rows = [(each.owner, each.zone, each.capacity_kw, each.meter_point, each.gateway) for each in admissions]
        return self.call_data("admitMany", rows)
