"""The compiler and what it makes: the same artifacts everywhere, errors in the compiler's words, limits that hold."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from p2ptrade.chain import compiler
from p2ptrade.errors import EnvironmentNotReadyError, InputError

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "p2ptrade/chain/artifacts"
SHIM = ROOT / "scripts/solc-shim.cjs"
PURSE = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

contract Purse {
    function balance(IERC20 token) external view returns (uint256) {
        return token.balanceOf(address(this));
    }
}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A source tree with one contract and our node_modules."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/Purse.sol").write_text(PURSE)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    (tmp_path / "scripts").mkdir()
    shutil.copy(SHIM, tmp_path / "scripts")
    return tmp_path


def test_the_shipped_artifacts_are_what_the_contracts_compile_to() -> None:
    artifacts = compiler.compile_contracts(ROOT, compiler.project_sources(ROOT))

    assert compiler.differences(artifacts, SHIPPED) == []
    assert compiler.too_large(artifacts.values()) == []
    sources = compiler.project_sources(ROOT)
    assert {
        path.stem for path in sources if f"abstract contract {path.stem} " not in path.read_text()
    } == artifacts.keys()


def test_two_checkouts_in_different_places_give_the_same_bytes(checkout: Path, tmp_path: Path) -> None:
    solc = compiler.ensure_solc(ROOT)
    elsewhere = tmp_path / "another place"
    shutil.copytree(checkout / "contracts", elsewhere / "contracts")
    (elsewhere / "node_modules").symlink_to(ROOT / "node_modules")

    here = compiler.compile_contracts(checkout, compiler.project_sources(checkout), solc)
    there = compiler.compile_contracts(elsewhere, compiler.project_sources(elsewhere), solc)

    assert here["Purse"].to_json() == there["Purse"].to_json()
    assert str(checkout) not in here["Purse"].to_json()


def test_a_changed_import_changes_the_source_hash(checkout: Path) -> None:
    solc = compiler.ensure_solc(ROOT)
    before = compiler.compile_contracts(checkout, compiler.project_sources(checkout), solc)["Purse"]
    library = ROOT / "node_modules/@openzeppelin"
    (checkout / "node_modules").unlink()
    shutil.copytree(library, checkout / "node_modules/@openzeppelin")
    imported = checkout / "node_modules/@openzeppelin/contracts/token/ERC20/IERC20.sol"
    imported.write_text(imported.read_text() + "// a comment\n")

    after = compiler.compile_contracts(checkout, compiler.project_sources(checkout), solc)["Purse"]

    assert after.source_sha256 != before.source_sha256
    assert after.bytecode == before.bytecode


def test_a_contract_that_does_not_compile_is_named_with_its_line(checkout: Path) -> None:
    (checkout / "contracts/Purse.sol").write_text(PURSE.replace("uint256", "number"))

    with pytest.raises(InputError, match=r"(?s)Identifier not found.*contracts/Purse\.sol:7"):
        compiler.compile_contracts(checkout, compiler.project_sources(checkout), compiler.ensure_solc(ROOT))


def test_the_differences_name_missing_surplus_and_changed_artifacts(tmp_path: Path) -> None:
    artifact = compiler.Artifact("Purse", [], "0x00", "0x00", {}, "ab")
    compiler.write_artifacts({"Purse": artifact, "Old": artifact}, tmp_path)
    changed = compiler.Artifact("Purse", [], "0x01", "0x00", {}, "ab")

    found = compiler.differences({"Purse": changed, "New": artifact}, tmp_path)

    assert found == [
        "New has no artifact",
        "Old has an artifact but no contract",
        "Purse was changed after its artifact was built",
    ]


def test_writing_artifacts_removes_those_of_contracts_that_are_gone(tmp_path: Path) -> None:
    artifact = compiler.Artifact("Purse", [], "0x00", "0x00", {}, "ab")
    compiler.write_artifacts({"Purse": artifact, "Old": artifact}, tmp_path)

    compiler.write_artifacts({"Purse": artifact}, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["Purse.json"]


@pytest.mark.parametrize(("size", "refused"), [(24_576, 0), (24_577, 1)])
def test_a_contract_one_byte_above_the_limit_of_eip_170_is_too_large(size: int, refused: int) -> None:
    artifact = compiler.Artifact("Purse", [], "0x", "0x" + "00" * size, {}, "ab")

    assert len(compiler.too_large([artifact])) == refused


def test_without_a_download_the_npm_package_compiles(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = shutil.which("node")
    assert node is not None
    (checkout / "bin").mkdir()
    (checkout / "bin/node").symlink_to(node)
    monkeypatch.setenv("PATH", f"{checkout}/bin:/usr/bin:/bin")

    solc = compiler.ensure_solc(checkout, download=lambda _: False)
    artifacts = compiler.compile_contracts(checkout, compiler.project_sources(checkout), solc)

    assert solc == checkout / ".cache/solcx/solc-v0.8.37"
    assert artifacts["Purse"].deployed_size > 0


def test_without_any_compiler_the_sentence_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(EnvironmentNotReadyError, match="run `make setup`"):
        compiler.ensure_solc(tmp_path, download=lambda _: False)


def test_a_compiler_of_another_version_in_the_cache_is_not_used(checkout: Path) -> None:
    stale = checkout / ".cache/solcx/solc-v0.8.37"
    stale.parent.mkdir(parents=True)
    stale.write_text("#!/bin/sh\necho 'Version: 0.8.30+commit.00000000'\n")
    stale.chmod(0o755)

    compiler.ensure_solc(checkout, download=lambda _: False)

    answer = subprocess.run([stale, "--version"], capture_output=True, text=True, check=True)
    assert "0.8.37+" in answer.stdout


def test_combined_json_gives_the_bytecode_of_standard_json(checkout: Path) -> None:
    settings = ["--optimize-runs", "200", "--evm-version", "paris", "@openzeppelin/=node_modules/@openzeppelin/"]
    settings += ["--allow-paths", str(ROOT), "--combined-json", "abi,bin,bin-runtime"]

    run = subprocess.run(
        ["node", SHIM, *settings, "contracts/Purse.sol"], cwd=checkout, capture_output=True, text=True, check=True
    )
    combined = json.loads(run.stdout)["contracts"]["contracts/Purse.sol:Purse"]

    standard = compiler.compile_contracts(checkout, compiler.project_sources(checkout), compiler.ensure_solc(ROOT))
    body = standard["Purse"].deployed_bytecode.removeprefix("0x")
    assert body in combined["bin-runtime"]  # which ends with the metadata that artifacts leave out
    assert combined["abi"] == standard["Purse"].abi


def test_an_answer_longer_than_a_pipe_holds_arrives_whole() -> None:
    text = "x" * 300_000
    request = {
        "language": "Solidity",
        "sources": {
            "Long.sol": {"content": f'pragma solidity 0.8.37;\ncontract Long {{ string public s = "{text}"; }}'}
        },
        "settings": {"outputSelection": {"*": {"*": ["evm.bytecode.object"]}}},
    }

    answer = subprocess.run(
        ["node", SHIM, "--standard-json"], input=json.dumps(request), capture_output=True, text=True, check=True
    )

    code = json.loads(answer.stdout)["contracts"]["Long.sol"]["Long"]["evm"]["bytecode"]["object"]
    assert code.count("78" * 32) >= 300_000 // 32 - 1


def test_a_source_outside_of_the_project_cannot_be_imported(checkout: Path) -> None:
    outside = checkout.parent / "outside.sol"
    outside.write_text("pragma solidity 0.8.37;\n")
    (checkout / "contracts/Purse.sol").write_text(f'pragma solidity 0.8.37;\nimport "{outside}";\n')

    with pytest.raises(InputError, match="File outside of allowed directories"):
        compiler.compile_contracts(checkout, compiler.project_sources(checkout), compiler.ensure_solc(ROOT))
