"""What the issuing rules give credits for, read from the chain: days that are over, up to one block.

Facts never change once their day is over: each belongs to the day of the block that made it so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.address import to_checksum_address

from p2ptrade.chain.client import ZERO_ADDRESS
from p2ptrade.chain.contracts.base import ContractWrapper, EventRecord
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.settled_pages import transaction_inputs
from p2ptrade.chain.signatures import recover
from p2ptrade.chain.typed_data import ReportMessage
from p2ptrade.domain.issuing import Due, Fact, IssuingRule, Terms, dues_of
from p2ptrade.domain.units import AmountMicro

SECONDS_PER_DAY: Final = 86_400
_FIRST_VERSION: Final = 1
_AT_ONCE: Final = 500
# The settlement's functions that take a report and its signatures, in that order.
_REPORTING: Final = ("submitReport", "settleAtOnce")


@dataclass(frozen=True, slots=True)
class TermsChange:
    """New terms of a rule, and the UTC day on which they were set."""

    rule: IssuingRule
    day: int
    terms: Terms


class IssuingChain:
    """A market up to one block, as the issuing rules look at it."""

    def __init__(self, market: Market, last_block: int) -> None:
        """Look at `market` up to and with `last_block`."""
        self._market, self._last = market, last_block
        self.today = market.client.head(last_block).time_s // SECONDS_PER_DAY
        self.changes = tuple(self._changes())

    def dues(self) -> list[Due]:
        """Return what is to be issued for all days that are over, issued or not.

        Raises:
            ChainUnreachableError: the node does not answer.
            ChainError: the node has lost a transaction.
        """
        facts = [fact for fact in self._facts() if fact.day < self.today]
        return dues_of(facts, {(rule, day): self.terms(rule, day) for rule, day in {(f.rule, f.day) for f in facts}})

    def terms(self, rule: IssuingRule, day: int) -> Terms:
        """Return the terms of a rule that held at the end of a UTC day."""
        held = [change.terms for change in self.changes if change.rule is rule and change.day <= day]
        return held[-1] if held else Terms()

    def caps_on(self, rule: IssuingRule, day: int) -> list[AmountMicro]:
        """Return every cap of a rule that held at some time of a UTC day."""
        during = [each.terms for each in self.changes if each.rule is rule and each.day == day]
        return [terms.cap_micro_per_day for terms in (self.terms(rule, day - 1), *during)]

    def days_of(self, records: Iterable[EventRecord]) -> dict[int, int]:
        """Return the UTC day of every block that has one of the records."""
        numbers = sorted({record.log.block_number for record in records})
        return {head.number: head.time_s // SECONDS_PER_DAY for head in self._market.client.heads(numbers)}

    def _changes(self) -> Iterator[TermsChange]:
        records = self._events(self._market.credits, "IssuingTermsSet")
        days = self.days_of(records)
        for record in records:
            values = record.values
            terms = Terms(AmountMicro(values["rate"]), AmountMicro(values["amountPerDay"]))
            yield TermsChange(IssuingRule(values["rule"]), days[record.log.block_number], terms)

    def _facts(self) -> Iterator[Fact]:
        """Return the facts of all rules that ever gave anything."""
        readers = {
            IssuingRule.REGISTRATION: self._registrations,
            IssuingRule.CLEAN_ENERGY: self._clean_energy,
            IssuingRule.ORACLE_WORK: self._oracle_work,
            IssuingRule.VALIDATOR_WORK: self._validator_work,
        }
        for rule, read in readers.items():
            if any(change.rule is rule and change.terms.gives for change in self.changes):
                for (day, recipient), units in read().items():
                    yield Fact(rule, day, recipient, units)

    def _registrations(self) -> Counter[tuple[int, str]]:
        records = self._events(self._market.registry, "ParticipantAdmitted")
        days = self.days_of(records)
        return Counter(
            (days[record.log.block_number], to_checksum_address(record.values["owner"])) for record in records
        )

    def _clean_energy(self) -> Counter[tuple[int, str]]:
        """Return the energy of the tokens minted to each buyer, in Wh."""
        records = self._events(self._market.energy_token, "TransferSingle", {"from": ZERO_ADDRESS})
        days = self.days_of(records)
        minted: Counter[tuple[int, str]] = Counter()
        for record in records:
            values = record.values
            minted[days[record.log.block_number], to_checksum_address(values["to"])] += values["value"]
        return minted

    def _oracle_work(self) -> Counter[tuple[int, str]]:
        """Return how many settled slots each oracle signed the report of, by the day on which they were settled."""
        settled = self._events(self._market.settlement, "Settled")
        submitted = self._events(self._market.settlement, "ReportSubmitted", {"version": _FIRST_VERSION})
        days = self.days_of(settled)
        signers = self._signers(submitted)
        return Counter(
            (days[record.log.block_number], oracle)
            for record in settled
            for oracle in signers.get(record.values["slot"], ())
        )

    def _signers(self, submitted: list[EventRecord]) -> dict[int, tuple[str, ...]]:
        """Return who signed the first report of each slot, from the data of the transaction that submitted it."""
        abi, domain = self._market.settlement.abi, self._market.settlement_domain
        functions = {abi.function(name).selector: abi.function(name) for name in _REPORTING}
        signers: dict[int, tuple[str, ...]] = {}
        for at in range(0, len(submitted), _AT_ONCE):
            records = submitted[at : at + _AT_ONCE]
            inputs = transaction_inputs(self._market.client, [record.log.transaction_hash for record in records])
            for record, data in zip(records, inputs, strict=True):
                function = functions.get(data[:4])
                if function is None:
                    continue  # submitted through another contract: nobody can say from here whose signatures counted
                report, signatures, *_ = function.inputs.decode(data[4:])
                digest = ReportMessage(*report).digest(domain)
                found = (recover(digest, signature) for signature in signatures)
                signers[record.values["slot"]] = tuple(signer for signer in found if signer is not None)
        return signers

    def _validator_work(self) -> Counter[tuple[int, str]]:
        """Return how many blocks each validator proposed; a chain that does not say gives none."""
        heads = self._market.client.heads(range(self._market.first_block, self._last + 1))
        proposed = ((head.time_s // SECONDS_PER_DAY, head.proposer) for head in heads)
        return Counter((day, proposer) for day, proposer in proposed if proposer != ZERO_ADDRESS)

    def _events(
        self, contract: ContractWrapper, name: str, where: Mapping[str, Any] | None = None
    ) -> list[EventRecord]:
        return contract.events(name, first=self._market.first_block, last=self._last, where=where)
