"""`p2ptrade audit`: recompute the books from the chain's events and say whether they close."""

import json
import sys

import typer

from p2ptrade.audit.books import Books, audit_books
from p2ptrade.chain.deployed import Deployment, Market
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import load_settings
from p2ptrade.errors import BooksDoNotCloseError

audit_app = typer.Typer(help="Recompute the books from the chain's events.", no_args_is_help=True)


@audit_app.callback()
def audit() -> None:
    """Recompute the books from the chain's events."""


@audit_app.command("books")
def books(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Prove that every credit and every Wh is accounted for; exit code 1 with the differences if not."""
    settings = load_settings(config)
    market = Market.connect(settings.chain.url, Deployment.read(settings.chain.deployment))
    found = audit_books(market)
    sys.stdout.write(json.dumps(books_document(found)) + "\n" if as_json else _sentences(found))
    require_closed(found)


def books_document(found: Books) -> dict[str, object]:
    """Return the result of an audit as JSON."""
    return {
        "block_number": found.block_number,
        "clearings": len(found.clearings),
        "settlements": len(found.settlements),
        "money_difference_micro": found.money_difference_micro,
        "energy_difference_wh": found.energy_difference_wh,
        "differences": [str(difference) for difference in (*found.money, *found.energy)],
    }


def require_closed(found: Books) -> None:
    """Let closed books pass.

    Raises:
        BooksDoNotCloseError: with the first differences.
    """
    if not found.closed:
        shown = [*found.money, *found.energy]
        more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
        raise BooksDoNotCloseError(f"the books do not close: {'; '.join(map(str, shown[:5]))}{more}")


def _sentences(found: Books) -> str:
    return (
        f"block {found.block_number}: {len(found.clearings)} clearings and {len(found.settlements)} settlements "
        f"computed again; {found.money_difference_micro} micro-credits and {found.energy_difference_wh} Wh are not "
        "accounted for\n"
    )
