"""`p2ptrade wallet positions|reputation|challenge`: what became of orders, and what to do if the relay dropped one."""

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer

from p2ptrade.chain.packing import ticket, unpack_entries, unpack_positions, unpack_voids
from p2ptrade.cli.options import ConfigOption, DryRunOption, JsonOption, YesOption
from p2ptrade.cli.wallet_session import Session, confirm, open_session
from p2ptrade.domain.reputation import BEST_CLASS
from p2ptrade.domain.sealed import OwnOrder
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import PeerUnreachableError, RefusedError, TransactionRevertedError
from p2ptrade.wallet import human


def positions(
    config: ConfigOption = None,
    last: Annotated[int, typer.Option(min=1, help="How many slots to show.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List what the account bought and sold, slot by slot, and which of its orders were left out and why."""
    with open_session(config) as session:
        found = _positions(session)[-last:]
        if as_json:
            sys.stdout.write(json.dumps(found) + "\n")
            return
        zone = human.zone_of(session.settings.wallet.time_zone)
        for each in found:
            when = human.SlotTime(SlotNumber(each["slot"]), zone).local
            if each["void"] is not None:
                sys.stdout.write(f"{each['slot']}  {when}  left out: {each['void']}\n")
                continue
            word = "bought" if each["energy_wh"] > 0 else "sold"
            price = human.cents_per_kwh(each["price_half_micro_per_kwh"], half=True)
            sys.stdout.write(f"{each['slot']}  {when}  {word} {human.kwh(abs(each['energy_wh']))} at {price}\n")


def reputation(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the account's reputation, what it is made of, and what it is good for."""
    with open_session(config) as session:
        contract, rules = session.market.reputation, session.market.auction.cover_rules()
        state = session.market.ledger.accounts([session.account])[session.account]
        counts, may_stand = contract.counts(session.account), contract.may_stand(session.account)
        bond, collateral = rules.bond(state), rules.collateral_price(state)
    if as_json:
        found = {"score_ppm": counts.score_ppm, "class": counts.reputation_class, **asdict(counts)}
        found |= {"bond_micro": bond, "collateral_micro_per_kwh": collateral, "may_stand": may_stand}
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write(
        f"reputation {counts.score_ppm / 1e6:.3f} of 1, class {counts.reputation_class} of 0 to {BEST_CLASS}\n"
        f"{counts.good} of {counts.deals} deals were kept; {counts.taken_part} times taken part, where "
        f"{counts.unopened} unopened orders count twice and {counts.idle_days} idle days once\n"
        f"an order needs a bond of {human.credits_of(bond)}, an offer {human.cents_per_kwh(collateral)} as collateral\n"
        f"{'may' if may_stand else 'may not'} stand as a validator\n"
    )


def challenge(
    slot: Annotated[int, typer.Argument(min=0, help="Slot whose order the relay gave a receipt for.")],
    config: ConfigOption = None,
    slash: Annotated[bool, typer.Option("--slash", help="Take the stake: the relay had its time to answer.")] = False,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Claim the relay's stake for an order that has its receipt and is not in its commitment."""
    with open_session(config) as session:
        number = SlotNumber(slot)
        order = next((each for each in session.trader.of_slot(number) if each.receipt is not None), None)
        if order is None or order.receipt is None:
            raise RefusedError(f"no order of slot {slot} has a receipt of the relay")
        stake, auction = session.market.relay_stake, session.market.auction
        if not slash and _is_committed(session, order):
            raise RefusedError(f"the order is in the relay's commitment of slot {slot}: there is nothing to claim")
        claim = (auction.address, slot, order.account, order.digest)
        what = "take the relay's stake" if slash else "claim that the relay dropped the order"
        lines = [f"{what}: slot {slot}, account {order.account}", f"at {stake.address}"]
        if not slash:
            bond = stake.read("challengeBondMicro")
            lines.append(f"bond {human.credits_of(bond)}, lost if the relay shows that it is wrong")
        confirm(lines, yes=yes, dry_run=dry_run)
        act, arguments = ("slash", claim) if slash else ("challenge", (*claim, order.received_at_s, order.receipt))
        outbox = session.direct.outbox(session.account)
        intent = f"{act}/{slot}/{order.account}"
        try:
            outbox.submit(intent, stake.address, stake.call_data(act, *arguments))
            sent = outbox.wait(intent)
        except TransactionRevertedError as error:
            raise RefusedError(str(error)) from None
        sys.stdout.write(f"done in transaction 0x{sent.transaction_hash.hex()}\n")


def _is_committed(session: Session, order: OwnOrder) -> bool:
    """Return whether the order is among the entries that the relay's commitment is made of."""
    with suppress(PeerUnreachableError):
        entries = [entry for page in session.relay.book(order.slot).entries for entry in unpack_entries(page)]
        committed = ticket(order.digest, order.signature)
        return any(entry.account == order.account and entry.digest == committed for entry in entries)
    return False


def _positions(session: Session) -> list[dict[str, Any]]:
    """Return the account's outcome in every cleared slot that has one."""
    market = session.market
    zone = market.ledger.accounts([session.account])[session.account].zone
    found: list[dict[str, Any]] = []
    for record in market.auction.clearings(first=market.first_block):
        values = record.values
        common = {"slot": values["slot"], "transaction": "0x" + record.log.transaction_hash.hex()}
        for position in unpack_positions(values["positions"]):
            if position.account == session.account:
                price = values["prices"][zone] if zone < len(values["prices"]) else 0
                found.append(
                    common
                    | {
                        "energy_wh": position.energy_wh,
                        "price_half_micro_per_kwh": price,
                        "locked_micro": position.locked_micro,
                        "release_micro": position.release_micro,
                        "void": None,
                    }
                )
        for account, reason in unpack_voids(values["voids"]):
            if account == session.account:
                found.append(common | {"energy_wh": 0, "void": reason.name.lower().replace("_", " ")})
    return found
