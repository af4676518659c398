"""Green certificates: 1 MWh of retired energy tokens each, with the slots that it comes from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper, decode_events
from p2ptrade.domain.units import EnergyWh, SlotNumber


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """What the chain has of a certificate: who made it of which energy, and what it was used up for, if it was."""

    number: int
    holder: ChecksumAddress
    energy_wh: Mapping[SlotNumber, EnergyWh]
    transaction_hash: bytes
    claim: str | None = None


class GreenCertificate(ContractWrapper):
    """Certificates and their retirement."""

    NAME: ClassVar[str] = "GreenCertificate"

    def certificate(self, number: int, *, first: Block, last: Block = LATEST) -> CertificateRecord | None:
        """Return a certificate from the events; nothing if there is none of that number."""
        where = {"certificate": number}
        made = self.events("Issued", first=first, last=last, where=where)
        if not made:
            return None
        retired = self.events("CertificateRetired", first=first, last=last, where=where)
        parts = [*self.events("Gathered", first=first, last=last, where=where), *made]
        energy_wh: Counter[SlotNumber] = Counter()
        for part in parts:
            for slot, energy in zip(part.values["slots"], part.values["energiesWh"], strict=True):
                energy_wh[SlotNumber(slot)] += energy
        return CertificateRecord(
            number,
            to_checksum_address(retired[0].values["holder"] if retired else self.read("ownerOf", number)),
            {slot: EnergyWh(energy) for slot, energy in energy_wh.items()},
            made[0].log.transaction_hash,
            str(retired[0].values["claim"]) if retired else None,
        )

    def gathered(self, holder: ChecksumAddress) -> EnergyWh:
        """Return the energy of the tokens that `holder` has retired for a certificate that is not complete, in Wh."""
        _, energy = self.read("gatheredOf", holder)
        return EnergyWh(energy)

    def number_made_in(self, transaction_hash: bytes) -> int:
        """Return the number of the certificate that a transaction made."""
        (receipt,) = self.client.receipts([transaction_hash])
        made = decode_events(self, receipt.logs if receipt is not None else ())
        (number,) = [record.values["certificate"] for record in made if record.name == "Issued"]
        return int(number)

    def part_data(self, energy_wh: Mapping[SlotNumber, EnergyWh], *, last: bool) -> bytes:
        """Return the call that retires a part for a certificate and, with the last part, makes it.

        The contract must be approved to retire the tokens.
        """
        slots = sorted(energy_wh)
        return self.call_data("issue" if last else "gather", slots, [energy_wh[slot] for slot in slots])

    def retire_data(self, number: int, claim: str) -> bytes:
        """Return the call that uses a certificate up."""
        return self.call_data("retire", number, claim)
