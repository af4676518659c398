"""`p2ptrade chain`: run the embedded chain, or look at any chain."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.engine import EngineKind, EngineOptions, Mining, become
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import EngineSettings, load_settings

chain_app = typer.Typer(help="Run the embedded chain, or look at any chain.", no_args_is_help=True)


@chain_app.command("run")
def run_chain(
    config: ConfigOption = None,
    engine: Annotated[EngineKind | None, typer.Option(help="Program that serves the chain.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
    chain_id: Annotated[int | None, typer.Option(min=1, help="Chain id.")] = None,
    mining: Annotated[
        Mining | None, typer.Option(help="Blocks at an interval, with each transaction, or on demand.")
    ] = None,
    block_time: Annotated[int | None, typer.Option(min=1, metavar="SECONDS", help="Interval of blocks.")] = None,
    state: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where the state is kept.")] = None,
    start_time: Annotated[int | None, typer.Option(metavar="EPOCH_S", help="Time of the first block.")] = None,
) -> None:
    """Run the embedded chain in the foreground until it is stopped; its state is kept on disk."""
    given = {
        "engine": None if engine is None else engine.value,
        "host": host,
        "port": port,
        "chain_id": chain_id,
        "mining": None if mining is None else mining.value,
        "block_time_s": block_time,
        "state": state,
        "start_time_s": start_time,
    }
    set_options = {name: value for name, value in given.items() if value is not None}
    options = engine_options(load_settings(config).engine.model_copy(update=set_options))
    become(options, lambda: typer.echo(f"{options.kind} serves chain {options.chain_id} at {options.url}", err=True))


@chain_app.command("check")
def check_chain(
    config: ConfigOption = None,
    url: Annotated[str | None, typer.Option(help="Node to ask instead of chain.url.")] = None,
    chain_id: Annotated[int | None, typer.Option(help="Chain id that it must serve.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a node which chain it serves and how far it is."""
    client = ChainClient.connect(url or load_settings(config).chain.url, chain_id)
    head = client.head()
    found = {
        "url": client.rpc.url,
        "chain_id": client.chain_id,
        "block_number": head.number,
        "time_s": head.time_s,
        "gas_limit": head.gas_limit,
        "base_fee_wei": head.base_fee_wei,
        "software": str(client.rpc.call("web3_clientVersion")),
    }
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.write("".join(f"{name:<14}{value}\n" for name, value in found.items()))


def engine_options(settings: EngineSettings) -> EngineOptions:
    """Return the options of an embedded chain that the settings name."""
    return EngineOptions(
        kind=EngineKind(settings.engine),
        host=settings.host,
        port=settings.port,
        chain_id=settings.chain_id,
        mining=Mining(settings.mining),
        block_time_s=settings.block_time_s,
        state_folder=settings.state,
        accounts=settings.accounts,
        start_time_s=settings.start_time_s,
        ganache_config=settings.ganache_config,
    )
