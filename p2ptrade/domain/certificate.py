"""A green certificate as a record that others can read: the fields of EnergyTag's granular certificate scheme.

Field names and meanings follow the EnergyTag Granular Certificate Scheme Standard, version 2: production interval,
quantity, carrier, source, device, issuing platform, and the cancellation with its beneficiary's statement. A record is
the whole of one bundle of slots; each slot is an interval of its own, with the root of the signed readings that it
was settled by. The source is not specified: the chain does not know what produced the energy at a meter.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from p2ptrade.domain.slot import end_of, start_of
from p2ptrade.domain.units import EnergyWh, SlotNumber

CERTIFICATE_WH: Final = 1_000_000


def certificate_record(
    number: int,
    holder: str,
    energy_wh: Mapping[SlotNumber, EnergyWh],
    *,
    chain_id: int,
    contract: str,
    transaction: str,
    claim: str | None = None,
    readings_roots: Mapping[SlotNumber, str] | None = None,
) -> dict[str, Any]:
    """Return a certificate as a JSON object; `transaction` proves it, `claim` is there once it was used up."""
    roots = readings_roots or {}
    slots = sorted(energy_wh)
    record: dict[str, Any] = {
        "format": "p2ptrade-certificate/1",
        "certificate_id": f"eip155:{chain_id}/erc721:{contract}/{number}",
        "certificate_type": "granular certificate bundle",
        "energy_carrier": "electricity",
        "energy_source": "unspecified",
        "production_start": _instant(start_of(slots[0])),
        "production_end": _instant(end_of(slots[-1])),
        "quantity_wh": sum(energy_wh.values()),
        "intervals": [
            {
                "start": _instant(start_of(slot)),
                "end": _instant(end_of(slot)),
                "quantity_wh": energy_wh[slot],
                "token": f"slot {slot}",
                **({"readings_root": roots[slot]} if slot in roots else {}),
            }
            for slot in slots
        ],
        "account": holder,
        "status": "active" if claim is None else "cancelled",
        "issuance_transaction": transaction,
    }
    if claim is not None:
        record["cancellation_statement"] = claim
    return record


def _instant(instant_s: int) -> str:
    return datetime.fromtimestamp(instant_s, tz=UTC).isoformat().replace("+00:00", "Z")
