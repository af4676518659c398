"""`p2ptrade config`: check a settings file, or list every setting with its default."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from p2ptrade.config import json_schema, load_settings

config_app = typer.Typer(help="Check settings, or list all there are.", no_args_is_help=True)


@config_app.command()
def schema() -> None:
    """Print the JSON schema of the settings file."""
    sys.stdout.write(json_schema() + "\n")


@config_app.command()
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="Settings (TOML).")]) -> None:
    """Read a settings file as a daemon would, and say whether it is right."""
    load_settings(file)
    sys.stdout.write(f"{file} is right\n")


@config_app.command()
def show(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Settings (TOML).")] = None,
) -> None:
    """Print all settings as they are in force, as JSON; a password is not shown."""
    sys.stdout.write(load_settings(file).model_dump_json(indent=1) + "\n")
