"""`p2ptrade wallet`: a participant's keys, money, orders, bills, and the agent that bids by itself."""

import typer

from p2ptrade.cli.wallet_agent import run_agent

wallet_app = typer.Typer(help="A participant's account, orders, bills and agent.", no_args_is_help=True)

wallet_app.command("agent")(run_agent)
