"""A market as it is deployed: where its contracts are, and one object through which a daemon reaches all of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.contracts.authority import Authority, Role
from p2ptrade.chain.contracts.credits import Credits
from p2ptrade.chain.contracts.demurrage import Demurrage
from p2ptrade.chain.contracts.double_auction import DoubleAuction
from p2ptrade.chain.contracts.energy_token import EnergyToken
from p2ptrade.chain.contracts.green_certificate import GreenCertificate
from p2ptrade.chain.contracts.grid_limits import GridLimits
from p2ptrade.chain.contracts.guarantee import Guarantee
from p2ptrade.chain.contracts.ledger import Ledger
from p2ptrade.chain.contracts.participant_registry import ParticipantRegistry
from p2ptrade.chain.contracts.relay_stake import RelayStake
from p2ptrade.chain.contracts.reputation import Reputation
from p2ptrade.chain.contracts.rewards import Rewards
from p2ptrade.chain.contracts.settlement import Settlement
from p2ptrade.chain.contracts.tariffs import Tariffs
from p2ptrade.chain.typed_data import (
    Domain,
    auction_domain,
    reading_domain,
    reputation_domain,
    settlement_domain,
)
from p2ptrade.errors import ConfigError, WrongChainError

ADDRESSES_FILE: Final = "addresses.json"


@dataclass(frozen=True)
class Deployment:
    """Where the contracts of a market are; `first_block` is the first in which anything of it can be."""

    chain_id: int
    first_block: int
    deployer: ChecksumAddress
    contracts: dict[str, ChecksumAddress]
    roles: tuple[tuple[Role, ChecksumAddress], ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the deployment that an `addresses.json` (or the folder with it) describes.

        Raises:
            ConfigError: there is none, or it is damaged.
        """
        file = path / ADDRESSES_FILE if path.is_dir() else path
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            return cls(
                chain_id=content["chain_id"],
                first_block=content["first_block"],
                deployer=to_checksum_address(content["deployer"]),
                contracts={name: to_checksum_address(at) for name, at in content["contracts"].items()},
                roles=tuple((Role[each["role"]], to_checksum_address(each["holder"])) for each in content["roles"]),
            )
        except OSError:
            raise ConfigError(f"there is no deployment at {file}: run `p2ptrade deploy` first") from None
        except (KeyError, TypeError, ValueError):
            raise ConfigError(f"{file} does not describe a deployment: it was changed by hand") from None

    def write(self, path: Path) -> None:
        """Write `addresses.json`, whole or not at all."""
        content = {
            "chain_id": self.chain_id,
            "first_block": self.first_block,
            "deployer": self.deployer,
            "contracts": self.contracts,
            "roles": [{"role": role.name, "holder": holder} for role, holder in self.roles],
        }
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)


@dataclass(frozen=True)
class Market:
    """All contracts of a deployment on a node, and the domains in which messages for them are signed."""

    client: ChainClient
    deployment: Deployment

    @classmethod
    def connect(cls, url: str, deployment: Deployment, *, timeout_s: float = 20.0) -> Self:
        """Return the market that a node serves.

        Raises:
            ChainUnreachableError: nobody answers at `url`.
            WrongChainError: it serves another chain, or this chain without the contracts.
        """
        client = ChainClient.connect(url, deployment.chain_id, timeout_s=timeout_s)
        require_code(client, deployment)
        return cls(client, deployment)

    @property
    def first_block(self) -> int:
        """Return the block from which on events are to be searched."""
        return self.deployment.first_block

    @property
    def authority(self) -> Authority:
        """Return the access manager."""
        return Authority(self.client, self.at("Authority"))

    @property
    def credits(self) -> Credits:
        """Return the credits."""
        return Credits(self.client, self.at("Credits"))

    @property
    def ledger(self) -> Ledger:
        """Return the ledger."""
        return Ledger(self.client, self.at("Ledger"))

    @property
    def registry(self) -> ParticipantRegistry:
        """Return the participant registry."""
        return ParticipantRegistry(self.client, self.at("ParticipantRegistry"))

    @property
    def grid_limits(self) -> GridLimits:
        """Return the grid limits."""
        return GridLimits(self.client, self.at("GridLimits"))

    @property
    def tariffs(self) -> Tariffs:
        """Return the fallback tariffs."""
        return Tariffs(self.client, self.at("Tariffs"))

    @property
    def relay_stake(self) -> RelayStake:
        """Return the relay's stake."""
        return RelayStake(self.client, self.at("RelayStake"))

    @property
    def auction(self) -> DoubleAuction:
        """Return the auction."""
        return DoubleAuction(self.client, self.at("DoubleAuction"))

    @property
    def settlement(self) -> Settlement:
        """Return the settlement."""
        return Settlement(self.client, self.at("Settlement"))

    @property
    def energy_token(self) -> EnergyToken:
        """Return the energy token."""
        return EnergyToken(self.client, self.at("EnergyToken"))

    @property
    def reputation(self) -> Reputation:
        """Return the reputation."""
        return Reputation(self.client, self.at("Reputation"))

    @property
    def green_certificate(self) -> GreenCertificate:
        """Return the green certificates."""
        return GreenCertificate(self.client, self.at("GreenCertificate"))

    @property
    def rewards(self) -> Rewards:
        """Return the rewards."""
        return Rewards(self.client, self.at("Rewards"))

    @property
    def demurrage(self) -> Demurrage | None:
        """Return the demurrage; nothing in a market without it."""
        address = self.deployment.contracts.get("Demurrage")
        return None if address is None else Demurrage(self.client, address)

    @property
    def guarantee(self) -> Guarantee | None:
        """Return the guarantee; nothing in a market without it."""
        address = self.deployment.contracts.get("Guarantee")
        return None if address is None else Guarantee(self.client, address)

    @property
    def auction_domain(self) -> Domain:
        """Return the domain of orders, receipts and verdicts."""
        return auction_domain(self.client.chain_id, self.at("DoubleAuction"))

    @property
    def settlement_domain(self) -> Domain:
        """Return the domain of reports."""
        return settlement_domain(self.client.chain_id, self.at("Settlement"))

    @property
    def reading_domain(self) -> Domain:
        """Return the domain of readings."""
        return reading_domain(self.client.chain_id, self.at("ParticipantRegistry"))

    @property
    def reputation_domain(self) -> Domain:
        """Return the domain of the counts of a day."""
        return reputation_domain(self.client.chain_id, self.at("Reputation"))

    def at(self, contract: str) -> ChecksumAddress:
        """Return the address of a contract.

        Raises:
            ConfigError: this deployment has no such contract.
        """
        try:
            return self.deployment.contracts[contract]
        except KeyError:
            raise ConfigError(f"this deployment has no {contract}: deploy it anew") from None


def require_code(client: ChainClient, deployment: Deployment) -> None:
    """Check that the contracts are on the chain.

    Raises:
        WrongChainError: there is nothing at the address of one of them.
    """
    for name, address in deployment.contracts.items():
        if not client.code(address):
            raise WrongChainError(
                f"the chain at {client.rpc.url} has no {name} at {address}: it is not the chain of this deployment, "
                "or it has lost its state; deploy into a new folder"
            )
