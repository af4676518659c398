"""What is shown before an order is signed: who, what, when, at most for how much, until when, with whom."""

from zoneinfo import ZoneInfo

from p2ptrade.cli.wallet_session import Session
from p2ptrade.domain.order import Side
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.wallet import human
from p2ptrade.wallet.strategy import Intention


def order_lines(
    session: Session, windows: Windows, zone: ZoneInfo, slot: SlotNumber, intention: Intention, *, direct: bool
) -> list[str]:
    """Return the lines of the confirm screen.

    Raises:
        RefusedError: the gate of the slot has closed.
    """
    market = session.market
    now_s = session.view.now_s()
    left_s = windows.gate(slot) - now_s
    if left_s <= 0:
        raise RefusedError(f"the gate of slot {slot} closed {human.duration(-left_s)} ago: choose a later slot")
    account = market.ledger.accounts([session.account])[session.account]
    rules = market.auction.cover_rules()
    cover = rules.cover(account, intention.side, intention.steps)
    bond = rules.bond(account)
    time = human.SlotTime(slot, zone)
    buying = intention.side is Side.BID
    most = "most you pay, if all of it trades at your limits" if buying else "collateral while it waits for delivery"
    lines = [
        f"{intention.side.word} of account {session.account} ({session.key.address}), zone {account.zone}",
        f"slot {slot}: {time.local} {zone.key} ({time.utc})",
        *(
            f"{human.kwh(step.energy_wh)} at {'most' if buying else 'least'} "
            f"{human.cents_per_kwh(step.limit_price_micro_per_kwh)}, all-in"
            for step in intention.steps
        ),
        f"{human.credits_of(cover)}: {most}",
        f"{human.credits_of(bond)}: bond, lost if the order is not opened after the gate",
        f"the gate closes in {human.duration(left_s)}, at {human.moment(windows.gate(slot), zone)}",
        f"market {market.auction.address} on chain {market.client.chain_id}, "
        + ("by own transaction" if direct else f"relay {session.relay.url}"),
    ]
    grid = session.view.grid_data(slot)
    if grid is not None and buying:
        lines.insert(-1, f"{human.cents_per_kwh(grid.charges.total_micro_per_kwh)} of it are charges and fee")
    if grid is None:
        limits_due_s = windows.limits_due(slot)
        lines.append(
            "WARNING: the grid operator has published no limits for this slot"
            + (
                f", and was to do so by {human.moment(limits_due_s, zone)}; it will lapse"
                if limits_due_s <= now_s
                else ""
            )
        )
    if account.cash_micro < cover + bond:
        lines.append(
            f"WARNING: the account holds {human.credits_of(account.cash_micro)}, less than cover and bond; "
            "the order would be left out"
        )
    return lines
