"""The command line: one module per group of commands, loaded only when its group is asked for.

What goes wrong on purpose ends as one sentence on standard error and the exit code of its class: 1 the rules say no,
2 wrong input, 3 something is not installed. Results go to standard output. `--help` loads no group, so it answers at
once, and a daemon loads nothing of the others.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

from p2ptrade import __version__
from p2ptrade.errors import P2PTradeError
from p2ptrade.transport.ending import asked_to_end

if TYPE_CHECKING:
    import typer

# Group of commands, name of the typer application in the module of that name, line in the help.
_GROUPS: Final = {
    "demo": ("demo_app", "Run one trading day of a neighbourhood, end to end."),
    "chain": ("chain_app", "Run the embedded chain, or look at any chain."),
    "deploy": ("deploy_app", "Deploy a market, or look at a deployment."),
    "relay": ("relay_app", "The market operator's relay."),
    "dso": ("dso_app", "The grid operator's daemon."),
    "oracle": ("oracle_app", "An oracle of the quorum that settles."),
    "gateway": ("gateway_app", "The gateway at the meters."),
    "wallet": ("wallet_app", "A participant's account, orders, bills and agent."),
    "office": ("office_app", "Admit participants, record deposits, publish tariffs."),
    "market": ("market_app", "Clear a book of orders over a tree of zones."),
    "grid": ("grid_app", "Check, limit and draw a distribution network."),
    "audit": ("audit_app", "Recompute the books from the chain's events."),
    "bench": ("bench_app", "Measure speed and gas."),
    "config": ("config_app", "Check settings, or list all there are."),
}
_USAGE_ERROR: Final = 2
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code.

    SIGTERM and SIGHUP end it as an exception does, so that a command stops what it has started.
    """
    with asked_to_end(_end):
        sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)  # as shells tell it


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0
    if arguments[0] == "--version":
        sys.stdout.write(f"p2ptrade {__version__}\n")
        return 0
    # Our matrices are small: threads of the linear algebra wait for each other longer than they work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    group, *rest = arguments
    if group not in _GROUPS:
        return _say(f"there is no {'option' if group.startswith('-') else 'command'} {group}{_did_you_mean(group)}")
    try:
        return _run_group(group, rest)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except P2PTradeError as error:
        return _say(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run_group(group: str, arguments: list[str]) -> int:
    """Run a command of a group; what typer refuses is said in one sentence, with where its help is."""
    application = _application(group)
    from typer import Abort
    from typer.exceptions import TyperException

    try:
        code = application(arguments, prog_name=f"p2ptrade {group}", standalone_mode=False)
    except TyperException as error:
        said, context = error.format_message(), getattr(error, "ctx", None)
        if said.startswith("Usage:"):  # a group without a command shows its help
            sys.stderr.write(f"{said}\n")
            return _USAGE_ERROR
        path = context.command_path if context else f"p2ptrade {group}"
        return _say(f"{said.rstrip('.')}{'' if said.endswith('?') else ';'} `{path} --help` says what there is")
    except Abort:
        return _say("stopped before an answer was given", 1)
    return code if isinstance(code, int) else 0


def _application(group: str) -> "typer.Typer":
    """Return the typer application of a group, set to plain text and to keep values out of tracebacks."""
    from p2ptrade.cli.help import WholeSentences

    attribute, _ = _GROUPS[group]
    application: typer.Typer = getattr(import_module(f"p2ptrade.cli.{group}"), attribute)
    application.info.cls = WholeSentences
    # Completion would have to know the groups, which are loaded only when they are asked for.
    application._add_completion = False
    application.rich_markup_mode = None
    application.pretty_exceptions_enable = False
    return application


def _help() -> str:
    width = max(map(len, _GROUPS))
    lines = "\n".join(f"  {group:<{width}}  {line}" for group, (_, line) in _GROUPS.items())
    return (
        f"p2ptrade {__version__}: homes trade solar energy with their neighbours.\n\n"
        "Usage: p2ptrade COMMAND [OPTIONS]    (p2ptrade COMMAND --help says more)\n\n"
        f"Commands:\n{lines}\n\nOptions:\n  --version  Print the version.\n  --help     Print this.\n"
    )


def _did_you_mean(group: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(group, _GROUPS, n=1)
    return f"; did you mean {close[0]}?" if close else "; `p2ptrade --help` lists all commands"


def _say(sentence: str, exit_code: int = _USAGE_ERROR) -> int:
    sys.stderr.write(f"p2ptrade: {sentence}\n")
    return exit_code
