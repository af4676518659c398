"""The grid operator's counter: a result comes in, is checked on public data and the network, and gets a verdict.

Asking again gives the same verdict. A decision is on the disk before it is answered, and a signature is given only over
what was verified.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from p2ptrade.chain.packing import running_hash, unpack_book
from p2ptrade.chain.signatures import DigestSigner
from p2ptrade.chain.typed_data import Domain, VerdictMessage, prices_hash, sign
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.grid_decision import Bounds, LoggedDecision
from p2ptrade.domain.participant import CoverRules
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.units import PPM, EpochSeconds, PriceHalfMicroPerKwh, SlotNumber
from p2ptrade.dso.operator import GridModel, check_result, require_tightened
from p2ptrade.dso.ports import ChainView, DecisionLog, Forecaster
from p2ptrade.errors import EnvironmentNotReadyError, RefusedError
from p2ptrade.grid import Cut, Envelope, GridDecision, Outcome, Violation, envelope_proofs
from p2ptrade.transport.book_reading import BookContext
from p2ptrade.transport.schemas.grid import (
    ApprovedVerdict,
    Contribution,
    EnvelopeMessage,
    LimitKind,
    RefusalReason,
    RefusedVerdict,
    VerdictRequest,
)

_TEXT_MAX: Final = 2000
_KINDS: Final = {
    "voltage_low": LimitKind.VOLTAGE_LOW,
    "voltage_high": LimitKind.VOLTAGE_HIGH,
    "loading": LimitKind.LINE_LOADING,
    "collapse": LimitKind.NOT_CONVERGED,
}


@dataclass
class VerdictDesk:
    """Checks results; without a key it decides and logs, but signs nothing."""

    chain: ChainView
    forecaster: Forecaster
    model: GridModel
    log: DecisionLog
    domain: Domain
    windows: Windows
    key: DigestSigner | None
    checkpoint: Checkpoint = pass_by
    _rules: CoverRules | None = None

    def verdict(self, request: VerdictRequest) -> ApprovedVerdict | RefusedVerdict:
        """Return the verdict on a result.

        Raises:
            RefusedError: it is not the time to clear the slot, or nothing was published for it.
            InputError: the book cannot be read, the prices are not its optimum, or the limits are not tightened ones.
            EnvironmentNotReadyError: the result is safe, but there is no key to sign with.
        """
        slot = SlotNumber(request.slot)
        now_s = self.chain.now_s()
        self._require_time_to_clear(slot, now_s)
        grid = GridData.unpack(request.grid_data)
        published = self.chain.published(slot)
        if published is None:
            raise RefusedError(f"no limits were published for slot {slot}, so it cannot be cleared")
        require_tightened(grid, published)
        decision = self._decide(request, grid)
        prices = [PriceHalfMicroPerKwh(price) for price in request.prices_half_micro_per_kwh]
        book_hash, prices_digest = running_hash(request.pages), prices_hash(prices)
        bounds = tuple(Bounds(each.account, each.import_wh, each.export_wh) for each in decision.envelopes)
        self.checkpoint("dso.before-log")
        self.log.keep(
            LoggedDecision(
                slot=slot,
                round_number=request.round_number,
                book_hash=book_hash,
                prices_hash=prices_digest,
                grid_hash=keccak(request.grid_data),
                input_hash=decision.input_hash,
                outcome=decision.outcome.value,
                envelope_root=decision.envelope_root,
                envelopes=bounds,
                explanation=decision.explanation,
                decided_at_s=EpochSeconds(now_s),
                grid_data=request.grid_data,
            )
        )
        self.checkpoint("dso.logged")
        if decision.outcome is not Outcome.APPROVED:
            return RefusedVerdict(slot=slot, grid_data=decision.grid.pack(), reasons=reasons(decision, self.model))
        if self.key is None:
            raise EnvironmentNotReadyError("the result is safe, but this is a dry run: without a key nothing is signed")
        message = VerdictMessage(slot, book_hash, prices_digest, keccak(request.grid_data), decision.envelope_root)
        return ApprovedVerdict(
            slot=slot,
            book_hash=book_hash,
            prices_hash=prices_digest,
            grid_hash=message.grid_hash,
            envelope_root=decision.envelope_root,
            signature=sign(message, self.domain, self.key),
            envelopes=envelope_messages(slot, bounds),
        )

    def _decide(self, request: VerdictRequest, grid: GridData) -> GridDecision:
        slot = SlotNumber(request.slot)
        forecast = self.forecaster.forecast(slot)
        if forecast is None:
            raise RefusedError(f"there is no forecast for slot {slot}, so it cannot be checked")
        wanted = {record.account for page in request.pages for record in unpack_book(page)}
        if self._rules is None:
            self._rules = self.chain.cover_rules()
        context = BookContext(slot, self.domain, self.chain.accounts(sorted(wanted)), self._rules, grid)
        prices = [PriceHalfMicroPerKwh(price) for price in request.prices_half_micro_per_kwh]
        participants = self.chain.connections()
        return check_result(self.model, request.pages, prices, context, forecast, participants, request.round_number)

    def _require_time_to_clear(self, slot: SlotNumber, now_s: int) -> None:
        gate_s, due_s = self.windows.gate(slot), self.windows.clearing_due(slot)
        if not gate_s <= now_s < due_s:
            raise RefusedError(f"slot {slot} is cleared from {gate_s} until {due_s}; chain time is {now_s}")


def envelope_messages(slot: SlotNumber, bounds: Sequence[Bounds]) -> tuple[EnvelopeMessage, ...]:
    """Return envelopes with their proofs, as they are handed out."""
    proofs = envelope_proofs(slot, [Envelope(*each) for each in bounds])
    return tuple(EnvelopeMessage(**each._asdict(), proof=proofs[each.account]) for each in bounds)


def reasons(decision: GridDecision, model: GridModel) -> tuple[RefusalReason, ...]:
    """Return why a result was refused: what is broken, then who is cut for it, and at least one of them."""
    found = [_broken(violation, model) for violation in decision.before.violations]
    total_wh = sum(cut.cut_wh for cut in decision.cuts)
    found += [_cut(cut, total_wh) for cut in decision.cuts]
    if not found:
        text = " ".join(decision.explanation)[:_TEXT_MAX] or "the sampled forecast errors break a limit too often"
        found = [RefusalReason(kind=LimitKind.OTHER, element=model.network.name, text=text)]
    return tuple(found)


def _broken(violation: Violation, model: GridModel) -> RefusalReason:
    kind = _KINDS.get(violation.kind.value, LimitKind.OTHER)
    if kind is LimitKind.LINE_LOADING and violation.element in _transformers(model):
        kind = LimitKind.TRANSFORMER_LOADING
    return RefusalReason(
        kind=kind,
        element=violation.element,
        phase=violation.phase or None,
        value_ppm=_ppm(violation.value),
        limit_ppm=_ppm(violation.limit),
        text=str(violation)[:_TEXT_MAX],
    )


def _cut(cut: Cut, total_wh: int) -> RefusalReason:
    share = Contribution(account=cut.account, share_ppm=cut.cut_wh * PPM // total_wh)
    return RefusalReason(
        kind=LimitKind.OTHER, element=cut.connection, contributions=(share,), text=str(cut)[:_TEXT_MAX]
    )


def _transformers(model: GridModel) -> set[str]:
    names = [branch.id for branch in model.network.branches if branch.kind.value == "transformer"]
    return {*names, *(f"transformer {name}" for name in names)}


def _ppm(value: float) -> int | None:
    """Return a ratio in parts per million; nothing for what is no number."""
    return round(value * PPM) if 0 <= value < PPM else None
