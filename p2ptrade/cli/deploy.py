"""`p2ptrade deploy`: deploy a market, go on with an interrupted deployment, or look at one."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.deployed import ADDRESSES_FILE, Deployment, Market
from p2ptrade.chain.deployment import DeployedStep, changed_contracts, deploy, unconfirmed_rights
from p2ptrade.chain.engine import EngineOptions, Mining, free_port, start
from p2ptrade.cli.options import ConfigOption, DryRunOption, JsonOption, YesOption
from p2ptrade.config import Settings, checkpoint, deployment_plan, load_settings, open_key
from p2ptrade.errors import ConfigError

deploy_app = typer.Typer(help="Deploy a market, or look at a deployment.")

FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", metavar="FOLDER", help="Folder of the deployment, instead of chain.deployment."),
]


@deploy_app.callback(invoke_without_command=True)
def deploy_market(
    context: typer.Context,
    config: ConfigOption = None,
    folder: FolderOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Deploy the contracts, wire them, give out the roles and leave the deployer with none.

    Interrupted, it goes on where it stopped; finished, it does nothing.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings(config)
    target = folder or settings.chain.deployment
    if dry_run:
        deployment, done = _on_a_throwaway_chain(settings)
    else:
        client = ChainClient.connect(settings.chain.url, timeout_s=settings.chain.timeout_s)
        _confirm(client, target, yes=yes or (target / ADDRESSES_FILE).exists())
        deployment, done = deploy(
            client,
            open_key(settings, settings.deploy.key, "deploy"),
            deployment_plan(settings.deploy, client.now_s()),
            target,
            finality_depth=settings.chain.finality_depth,
            progress=lambda name, number, count: typer.echo(f"{number:>3}/{count} {name}", err=True),
            checkpoint=checkpoint(settings),
        )
    if as_json:
        sys.stdout.write(json.dumps(_document(deployment, done)) + "\n")
        return
    sys.stdout.write(_tables(deployment))
    new = [step for step in done if not step.was_there]
    gas = sum(step.gas_used for step in new)
    where = "on a throw-away chain, nothing was kept" if dry_run else f"in {target}"
    sys.stdout.write(f"{len(new)} transactions, {gas} gas, {where}\n" if new else f"nothing to do {where}\n")


@deploy_app.command()
def status(config: ConfigOption = None, folder: FolderOption = None, as_json: JsonOption = False) -> None:
    """Read the contracts and roles of a deployment back from the chain; exit code 1 if something is not as written."""
    settings = load_settings(config)
    target = folder or settings.chain.deployment
    deployment = Deployment.read(target)
    market = Market.connect(settings.chain.url, deployment, timeout_s=settings.chain.timeout_s)
    faults = [f"the chain does not confirm {right}" for right in unconfirmed_rights(market.client, deployment)]
    faults += [f"{name} was deployed with other code than this package holds" for name in changed_contracts(target)]
    if as_json:
        sys.stdout.write(json.dumps(_document(deployment, []) | {"faults": faults}) + "\n")
    else:
        sys.stdout.write(_tables(deployment) + "".join(f"{fault}\n" for fault in faults))
    raise typer.Exit(1 if faults else 0)


def _on_a_throwaway_chain(settings: Settings) -> tuple[Deployment, list[DeployedStep]]:
    engine = start(EngineOptions(port=free_port(), mining=Mining.INSTANT))
    try:
        client = ChainClient.connect(engine.url)
        key = open_key(settings, settings.deploy.key, "deploy")
        with tempfile.TemporaryDirectory() as folder:
            return deploy(client, key, deployment_plan(settings.deploy, client.now_s()), Path(folder))
    finally:
        engine.stop()


def _confirm(client: ChainClient, target: Path, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"deploying to chain {client.chain_id} at {client.rpc.url} needs --yes without a terminal")
    typer.confirm(f"Deploy a market to chain {client.chain_id} at {client.rpc.url}, kept in {target}?", abort=True)


def _tables(deployment: Deployment) -> str:
    contracts = "".join(f"{name:<20}  {address}\n" for name, address in deployment.contracts.items())
    names = {address: name for name, address in deployment.contracts.items()}
    roles = "".join(
        f"{role.name:<20}  {holder}  {names.get(holder, '')}".rstrip() + "\n" for role, holder in deployment.roles
    )
    return f"chain {deployment.chain_id}, from block {deployment.first_block}\n\n{contracts}\n{roles}\n"


def _document(deployment: Deployment, done: list[DeployedStep]) -> dict[str, Any]:
    return {
        "chain_id": deployment.chain_id,
        "first_block": deployment.first_block,
        "deployer": deployment.deployer,
        "contracts": deployment.contracts,
        "roles": [{"role": role.name, "holder": holder} for role, holder in deployment.roles],
        "steps": [
            {
                "name": step.name,
                "transaction_hash": "0x" + step.transaction_hash.hex(),
                "gas_used": step.gas_used,
                "was_there": step.was_there,
            }
            for step in done
        ],
    }
