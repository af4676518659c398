"""What gets installed: locks that agree with what is asked for, and say nothing of where packages come from."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = [Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]


def _locked(lock: Path) -> dict[str, list[Version]]:
    """Return the versions that a lock pins: several where they depend on the Python version."""
    pins: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(), re.MULTILINE):
        pins.setdefault(canonicalize_name(name), []).append(Version(version))
    return pins


def _imports(module: Path) -> set[str]:
    """Return the top-level names that a module imports anywhere in it."""
    nodes = list(ast.walk(ast.parse(module.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    members = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in plain | members}


@pytest.mark.parametrize("requirement", WANTED, ids=str)
def test_a_dependency_is_locked_within_its_bounds(requirement: Requirement) -> None:
    versions = _locked(ROOT / "requirements/dev.txt").get(canonicalize_name(requirement.name), [])

    assert versions, "run `make lock`"
    assert all(requirement.specifier.contains(version) for version in versions)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_package_has_a_hash_and_no_address(lock: Path) -> None:
    text = lock.read_text()

    pins = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]

    assert pins
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []
    assert re.search(r"://|--index-url|--find-links", text) is None


def test_the_npm_lock_names_no_address_and_every_tool_exactly() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    lock = json.loads((ROOT / "package-lock.json").read_text())

    asked = {**package["dependencies"], **package["devDependencies"], **package["optionalDependencies"]}

    assert all("resolved" not in entry for entry in lock["packages"].values())
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in asked} == asked


def test_every_import_of_the_package_is_a_declared_dependency() -> None:
    modules = {"SQLAlchemy": "sqlalchemy", "py-solc-x": "solcx", "pycryptodome": "Crypto"}
    wanted = map(Requirement, PROJECT["dependencies"])
    declared = {modules.get(item.name, item.name.replace("-", "_")) for item in wanted}
    package = [path for path in (ROOT / "p2ptrade").rglob("*.py") if "importers" not in path.parts]

    imported = set().union(*(_imports(path) for path in package))

    assert imported - sys.stdlib_module_names - {"p2ptrade"} - declared == set()


@pytest.mark.parametrize(
    ("tool", "answer", "sentence"),
    [
        ("python3", "exit 1", "Python 3.11 or newer is needed"),
        ("node", "echo 18", "Node.js 20 or newer is needed"),
    ],
)
def test_an_old_tool_ends_the_setup_with_one_sentence(tmp_path: Path, tool: str, answer: str, sentence: str) -> None:
    old = tmp_path / tool
    old.write_text(f"#!/bin/sh\n{answer}\n")
    old.chmod(0o755)
    python = "python3" if tool == "python3" else str(ROOT / ".venv/bin/python")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHON": python}

    result = subprocess.run(
        [ROOT / "scripts/environment.sh"], env=environment, capture_output=True, text=True, timeout=60
    )

    assert result.returncode == 3
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
