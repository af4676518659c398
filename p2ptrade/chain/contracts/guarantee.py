"""The guarantee: refunds of a period to those who paid more than the retailer alone would have cost them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper, EventRecord
from p2ptrade.domain.guarantee import GuaranteeRules
from p2ptrade.domain.units import AccountId, AmountMicro

_REFUND_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class GuaranteePayment:
    """One list of refunds that was paid for a period, and the event that says so."""

    period: int
    refunds: tuple[tuple[AccountId, AmountMicro], ...]
    is_last: bool
    record: EventRecord


class Guarantee(ContractWrapper):
    """Periods, and what was refunded for them."""

    NAME: ClassVar[str] = "Guarantee"

    def rules(self) -> GuaranteeRules:
        """Return the periods, and the most that an account gets for one."""
        first_day, period_days, most = (int(self.read(name)) for name in ("firstDay", "periodDays", "mostMicro"))
        return GuaranteeRules(first_day, period_days, AmountMicro(most))

    def next_period(self, *, block: Block = LATEST) -> int:
        """Return the period that is to be paid next, or that is being paid."""
        return int(self.read("nextPeriod", block=block))

    def last_account(self, *, block: Block = LATEST) -> int:
        """Return up to which account the lists of that period are paid."""
        return int(self.read("lastAccount", block=block))

    def closes_at_s(self, period: int) -> int:
        """Return the last second in which a slot of a period can be reported or corrected."""
        return int(self.read("closesAt", period))

    def payments(self, *, first: Block, last: Block = LATEST) -> list[GuaranteePayment]:
        """Return the lists that were paid between two blocks."""
        return [
            GuaranteePayment(each.values["period"], _unpacked(each.values["refunds"]), each.values["isLast"], each)
            for each in self.events("GuaranteePaid", first=first, last=last)
        ]

    def pay_data(self, period: int, refunds: Iterable[tuple[AccountId, AmountMicro]], *, is_last: bool) -> bytes:
        """Return the call that pays refunds of a period, rising by account."""
        packed = b"".join(account.to_bytes(4, "big") + amount.to_bytes(8, "big") for account, amount in refunds)
        return self.call_data("pay", period, packed, is_last)


def _unpacked(packed: bytes) -> tuple[tuple[AccountId, AmountMicro], ...]:
    starts = range(0, len(packed), _REFUND_BYTES)
    records = (packed[start : start + _REFUND_BYTES] for start in starts)
    return tuple(
        (AccountId(int.from_bytes(each[:4], "big")), AmountMicro(int.from_bytes(each[4:], "big"))) for each in records
    )
