"""The top of the command line: exit codes, one sentence, and nothing loaded that is not needed."""

import subprocess
import sys

import pytest
import typer

from p2ptrade import __version__, cli
from p2ptrade.errors import BooksDoNotCloseError, ConfigError, EnvironmentNotReadyError, P2PTradeError


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 0),
        (["--help"], 0),
        (["--version"], 0),
        (["nonsense"], 2),
        (["--nonsense"], 2),
        (["chain", "--nonsense"], 2),
        (["chain", "run", "--port", "99999999"], 2),
        (["chain", "check", "--url", "nonsense"], 2),
        (["chain", "check", "--url", "http://127.0.0.1:1"], 2),
        (["config", "check", "none.toml"], 2),
        (["deploy", "status", "--folder", "none"], 2),
        (["config", "schema"], 0),
    ],
)
def test_exit_code_tells_wrong_input_from_success(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("wrong file"), 2),
        (EnvironmentNotReadyError("no node"), 3),
        (BooksDoNotCloseError("a micro is missing"), 1),
    ],
)
def test_error_raised_on_purpose_is_its_sentence_and_its_exit_code(
    error: P2PTradeError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(cli, "_application", lambda group: fail)

    assert cli.run(["chain"]) == code
    assert capsys.readouterr().err == f"p2ptrade: {error}\n"


def test_mistyped_command_is_answered_with_the_closest_one(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["relai"])

    assert "did you mean relay?" in capsys.readouterr().err


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["--version"])

    assert __version__ in capsys.readouterr().out


def test_every_group_in_the_help_can_be_loaded() -> None:
    for group in cli._GROUPS:
        assert isinstance(cli._application(group), typer.Typer)


@pytest.mark.parametrize(
    ("group", "forbidden"),
    [
        ("", {"numpy", "sqlalchemy", "typer", "web3"}),
        ("relay", {"alembic", "matplotlib", "power_grid_model", "highspy", "web3"}),
        ("dso", {"alembic", "matplotlib", "web3"}),
        ("deploy", {"matplotlib", "numpy", "sqlalchemy", "web3"}),
    ],
)
def test_command_loads_only_what_it_needs(group: str, forbidden: set[str]) -> None:
    program = (
        "import sys; from p2ptrade import cli\n"
        f"group = {group!r}\n"
        "cli._application(group) if group else cli._help()\n"
        "print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert forbidden.isdisjoint(done.stdout.split())
