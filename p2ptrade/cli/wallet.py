"""`p2ptrade wallet`: a participant's keys, money, orders, bills, and the agent that bids by itself."""

import typer

from p2ptrade.cli.wallet_agent import run_agent
from p2ptrade.cli.wallet_contests import contest, contests
from p2ptrade.cli.wallet_keys import import_key, list_keys, new_key
from p2ptrade.cli.wallet_money import balance, deposit, register, show_ledger, withdraw
from p2ptrade.cli.wallet_orders import bid, list_seals, offer, open_orders
from p2ptrade.cli.wallet_outcomes import challenge, positions, reputation
from p2ptrade.cli.wallet_reports import bill, proof
from p2ptrade.cli.wallet_tokens import certificate_app, retire, tokens

wallet_app = typer.Typer(help="A participant's account, orders, bills and agent.", no_args_is_help=True)

wallet_app.command("new")(new_key)
wallet_app.command("import")(import_key)
wallet_app.command("list")(list_keys)
wallet_app.command("register")(register)
wallet_app.command("deposit")(deposit)
wallet_app.command("balance")(balance)
wallet_app.command("withdraw")(withdraw)
wallet_app.command("ledger")(show_ledger)
wallet_app.command("bid")(bid)
wallet_app.command("offer")(offer)
wallet_app.command("seals")(list_seals)
wallet_app.command("open")(open_orders)
wallet_app.command("positions")(positions)
wallet_app.command("reputation")(reputation)
wallet_app.command("challenge")(challenge)
wallet_app.command("bill")(bill)
wallet_app.command("proof")(proof)
wallet_app.command("tokens")(tokens)
wallet_app.command("retire")(retire)
wallet_app.add_typer(certificate_app, name="certificate")
wallet_app.command("contest")(contest)
wallet_app.command("contests")(contests)
wallet_app.command("agent")(run_agent)
