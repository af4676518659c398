"""`p2ptrade wallet bid|offer|seals|open`: orders from the intention to the opening."""

import json
import sys
import time
from typing import Annotated, Any, Final

import typer

from p2ptrade.chain.packing import unpack_entries
from p2ptrade.chain.typed_data import OrderMessage
from p2ptrade.cli.options import ConfigOption, DryRunOption, JsonOption, YesOption
from p2ptrade.cli.wallet_screen import order_lines
from p2ptrade.cli.wallet_session import Session, confirm, open_session
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.sealed import OwnOrder
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import EnergyWh, PriceMicroPerKwh, SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.wallet import human
from p2ptrade.wallet.trader import recovered

StepsArgument = Annotated[
    list[str], typer.Argument(metavar="KWH@PRICE...", help="Energy and limit price, as 1.2@28.5 (kWh at ct/kWh).")
]
SlotOption = Annotated[
    str, typer.Option("--slot", help="Slot number, local start as 2026-06-11T14:00, or +N for the Nth still open.")
]
DirectOption = Annotated[
    bool, typer.Option("--direct", help="Seal by an own transaction, past the relay; also to change a sealed order.")
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Stay until the gate has closed and open the order then.")]
_POLL_S: Final = 1.0


def bid(
    steps: StepsArgument,
    slot: SlotOption = "+1",
    config: ConfigOption = None,
    direct: DirectOption = False,
    wait: WaitOption = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bid for energy: the prices are the most you pay per kWh, charges included."""
    with open_session(config) as session:
        _order(session, Side.BID, steps, slot, direct=direct, wait=wait, yes=yes, dry_run=dry_run, as_json=as_json)


def offer(
    steps: StepsArgument,
    slot: SlotOption = "+1",
    config: ConfigOption = None,
    direct: DirectOption = False,
    wait: WaitOption = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Offer energy: the prices are the least you get per kWh."""
    with open_session(config) as session:
        _order(session, Side.OFFER, steps, slot, direct=direct, wait=wait, yes=yes, dry_run=dry_run, as_json=as_json)


def list_seals(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the orders that this wallet has sealed, and where each stands."""
    with open_session(config) as session:
        orders = session.store.orders(account=session.account)
        if as_json:
            sys.stdout.write(json.dumps([_document(order) for order in orders]) + "\n")
            return
        zone = human.zone_of(session.settings.wallet.time_zone)
        for order in orders:
            energy_wh = sum(energy for energy, _ in order.terms.steps)
            when = human.SlotTime(order.slot, zone).local
            sys.stdout.write(
                f"{order.slot}  {when}  {order.terms.side.word:<5} {human.kwh(energy_wh)}  {_stands(order)}\n"
            )


def open_orders(
    slot: Annotated[int | None, typer.Argument(min=0, help="Slot number; without it, all that can be.")] = None,
    config: ConfigOption = None,
    direct: Annotated[bool, typer.Option("--direct", help="Open on the chain, past the relay.")] = False,
    bid_steps: Annotated[
        list[str] | None,
        typer.Option("--bid", metavar="KWH@PRICE", help="What was bid, on a machine that does not know it."),
    ] = None,
    offer_steps: Annotated[
        list[str] | None, typer.Option("--offer", metavar="KWH@PRICE", help="What was offered, likewise.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Open sealed orders after the gate; on a new machine, repeat what was ordered and the salt is found again."""
    with open_session(config) as session:
        if bid_steps or offer_steps:
            if slot is None:
                raise RefusedError("say for which slot the order was sealed")
            side = Side.BID if bid_steps else Side.OFFER
            _recover(session, SlotNumber(slot), side, bid_steps or offer_steps or [])
        slots = [SlotNumber(slot)] if slot is not None else _slots_to_open(session)
        results = [result for each in slots for result in _open_slot(session, each, direct=direct)]
        if as_json:
            document = [{"slot": order.slot, "opened": why is None, "refused": why} for order, why in results]
            sys.stdout.write(json.dumps(document) + "\n")
        else:
            lines = [f"slot {o.slot}: {'opened' if why is None else why}\n" for o, why in results]
            sys.stdout.write("".join(lines) or "nothing is to be opened now\n")
        if any(why is not None for _, why in results):
            raise typer.Exit(1)


def _order(
    session: Session,
    side: Side,
    texts: list[str],
    slot_text: str,
    *,
    direct: bool,
    wait: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    intention = human.intention_from(side, texts)
    windows = session.market.auction.windows()
    zone = human.zone_of(session.settings.wallet.time_zone)
    slot = human.slot_from(slot_text, session.view.now_s(), zone, windows.gate_lead_s)
    confirm(order_lines(session, windows, zone, slot, intention, direct=direct), yes=yes, dry_run=dry_run)
    if direct:
        counter = max((order.counter + 1 for order in session.trader.of_slot(slot)), default=0)
        order = session.trader.prepare(slot, session.account, intention, counter=counter, direct=True)
        session.trader.keep([order])
        order = session.direct.seal(order)
    else:
        answers = session.trader.seal(slot, {session.account: intention})
        if not answers:
            raise RefusedError(f"an order of slot {slot} has its receipt already: change it with --direct")
        order, refused = answers[0].order, answers[0].refused
        if refused is not None:
            raise RefusedError(f"the relay refuses the seal: {refused}")
    if wait:
        _wait_and_open(session, slot, windows.gate(slot))
        order = next(each for each in session.trader.of_slot(slot) if each.key == order.key)
    if as_json:
        sys.stdout.write(json.dumps(_document(order)) + "\n")
    else:
        next_step = "" if order.opened else "; after the gate, `p2ptrade wallet open` opens it"
        sys.stdout.write(f"slot {slot}: {_stands(order)}{next_step}\n")


def _wait_and_open(session: Session, slot: SlotNumber, gate_s: int) -> None:
    sys.stderr.write(f"waiting for the gate of slot {slot}\n")
    while session.view.now_s() < gate_s:
        time.sleep(_POLL_S)
    for _, refused in _open_slot(session, slot, direct=False):
        if refused is not None:
            raise RefusedError(f"not opened: {refused}; try `p2ptrade wallet open {slot} --direct`")


def _open_slot(session: Session, slot: SlotNumber, *, direct: bool) -> list[tuple[OwnOrder, str | None]]:
    if not direct:
        return session.trader.open(slot)
    results: list[tuple[OwnOrder, str | None]] = []
    for order in session.trader.live(slot):
        try:
            session.direct.open(order)
            results.append((order, None))
        except RefusedError as error:
            results.append((order, str(error)))
    return results


def _slots_to_open(session: Session) -> list[SlotNumber]:
    now_s, windows = session.view.now_s(), session.market.auction.windows()
    slots = {order.slot for order in session.store.orders(account=session.account) if not order.opened}
    return sorted(slot for slot in slots if windows.gate(slot) <= now_s < windows.clearing_due(slot))


def _recover(session: Session, slot: SlotNumber, side: Side, texts: list[str]) -> None:
    """Put the order behind this account's seal into the wallet, from what was ordered and the key."""
    if any(order.account == session.account for order in session.trader.of_slot(slot)):
        return
    own = session.market.auction.own_seals(slot, first=session.market.first_block)
    sealed = [seal.digest for seal in own if seal.owner == session.key.address]
    direct = bool(sealed)
    if not sealed:
        pages = session.relay.book(slot).entries
        entries = [entry for page in pages for entry in unpack_entries(page)]
        sealed = [entry.digest for entry in entries if entry.account == session.account]
    if not sealed:
        raise RefusedError(f"account {session.account} has sealed nothing in slot {slot}")
    intention = human.intention_from(side, texts)
    order = recovered(sealed[-1], slot, session.account, intention, session.trader, direct=direct)
    session.trader.keep([order])


def _stands(order: OwnOrder) -> str:
    if order.opened:
        return "opened"
    if order.direct:
        return "sealed by own transaction" if order.received_at_s is not None else "written down, not in a block"
    return "sealed, with the relay's receipt" if order.receipt is not None else "written down, no receipt yet"


def _document(order: OwnOrder) -> dict[str, Any]:
    steps = tuple(Step(EnergyWh(energy), PriceMicroPerKwh(limit)) for energy, limit in order.terms.steps)
    message = OrderMessage(order.slot, order.account, order.terms.side, steps, order.terms.salt)
    return {
        "slot": order.slot,
        "start_s": start_of(order.slot),
        "account": order.account,
        "side": order.terms.side.word,
        "steps": [{"energy_wh": e, "limit_price_micro_per_kwh": p} for e, p in order.terms.steps],
        "terms_hash": "0x" + message.terms_hash.hex(),
        "digest": "0x" + order.digest.hex(),
        "direct": order.direct,
        "receipt": None if order.receipt is None else "0x" + order.receipt.hex(),
        "received_at_s": order.received_at_s,
        "opened": order.opened,
    }
