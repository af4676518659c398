"""`p2ptrade chain`: run the embedded chain, move its clock on, or look at any chain."""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.dev_chain import DevChain
from p2ptrade.chain.engine import EngineKind, EngineOptions, Mining, become
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import EngineSettings, load_settings
from p2ptrade.errors import ChainError, InputError, RefusedError

chain_app = typer.Typer(help="Run the embedded chain, move its clock on, or look at any chain.", no_args_is_help=True)

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TIME_SPAN: Final = re.compile(r"([0-9]{1,6})([smhd])")


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


@chain_app.command("warp")
def warp_chain(
    to: Annotated[
        str, typer.Argument(metavar="WHEN", help="How far (90s, 25m, 2h, 1d), or until when: 2026-06-11T14:00, UTC.")
    ],
    config: ConfigOption = None,
) -> None:
    """Move the clock of an embedded chain on, for trying things out: daemons take their time from the chain."""
    client = ChainClient.connect(load_settings(config).chain.url)
    now_s = client.now_s()
    until_s = instant_from(to, now_s)
    if until_s <= now_s:
        raise RefusedError(f"it is {_utc(now_s)} on the chain already, and its clock never goes back")
    try:
        DevChain(client).warp_to(until_s)
    except ChainError as error:
        raise RefusedError(f"{client.rpc.url} is no embedded chain, its clock cannot be moved: {error}") from None
    sys.stdout.write(f"it is {_utc(client.now_s())} on the chain\n")


def instant_from(text: str, now_s: int) -> int:
    """Return the instant meant by a time span from `now_s` on, or by a date with or without a time, in UTC.

    Raises:
        InputError: it is neither.
    """
    span = _TIME_SPAN.fullmatch(text)
    if span is not None:
        return now_s + int(span[1]) * _SECONDS[span[2]]
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is no time: write 90s, 25m, 2h, 1d or, in UTC, 2026-06-11T14:00") from None
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())


def _utc(instant_s: int) -> str:
    return f"{datetime.fromtimestamp(instant_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


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
        states_kept=settings.states_kept,
        ganache_config=settings.ganache_config,
    )
