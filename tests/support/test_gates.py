"""The gates themselves: a small project passes `make test`, and each planted fault stops it at the gate meant for it.

A gate that cannot fail is worse than none. Each test copies what the gates are made of (Makefile, scripts, settings)
into a project of a few lines, plants one fault, and runs the very command that a developer runs.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = (".venv", ".venv-slither", ".venv-halmos", "node_modules")
GATE_FILES = (
    *("Makefile", "pyproject.toml", "foundry.toml", ".solhint.json", "slither.config.json"),
    *("package.json", "package-lock.json"),
)
PACKAGE = {
    "p2ptrade/__init__.py": '"""A project small enough to be checked in seconds."""\n',
    "p2ptrade/chain/__init__.py": '"""Where the compiler is called from."""\n',
    "p2ptrade/domain/__init__.py": '"""Pure."""\n',
    "p2ptrade/market/__init__.py": '"""Pure."""\n',
    "tests/test_sum.py": "def test_the_sum_is_right() -> None:\n    assert 1 + 1 == 2\n",
    "contracts/Purse.sol": """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Counts what it is told.
contract Purse {
    uint256 public total;

    function add(uint256 amount) external {
        total += amount;
    }
}
""",
}
FORGE_TEST = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Purse} from "../../../contracts/Purse.sol";
import {Test} from "./support/Test.sol";

contract PurseTest is Test {
    function test_a_purse_counts() public {
        Purse purse = new Purse();

        purse.add(2);

        assertEq(purse.total(), SUM);
    }
}
"""
SOLHINT_FAULT = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

contract Origin {
    function origin() external view returns (address) {
        return tx.origin;
    }
}
"""
SILENT_INTERFACE = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A till.
/// @notice Its function has no comment.
interface ITill {
    function count() external;
}
"""
SLITHER_FAULT = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface IPayee {
    function pay(uint256 amount) external;
}

/// @title Pays before it notes that it has paid: the payee may come back in between.
contract Teller {
    mapping(address payee => uint256 amount) public owed;

    function put(uint256 amount) external {
        owed[msg.sender] += amount;
    }

    function take() external {
        uint256 amount = owed[msg.sender];
        IPayee(msg.sender).pay(amount);
        owed[msg.sender] = 0;
    }
}
"""

HALMOS_FAULT = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

contract FalseTest {
    function check_every_number_is_small(uint256 x) public pure {
        assert(x < 1 << 255);
    }
}
"""

# Gate by the word in its command that no other gate has; the file that holds the fault; the fault.
FAULTS = {
    "ruff format": ("p2ptrade/domain/fault.py", '"""Bad layout."""\n\nx   =  1\n'),
    "ruff check": ("p2ptrade/domain/fault.py", '"""Unused import."""\n\nimport os\n'),
    "mypy": ("p2ptrade/domain/fault.py", '"""Wrong type."""\n\nENERGY_WH: int = "much"\n'),
    "lint-imports": ("p2ptrade/domain/fault.py", '"""Upwards."""\n\nfrom p2ptrade import chain\n\nUP = chain\n'),
    "forge.sh fmt": ("contracts/Purse.sol", PACKAGE["contracts/Purse.sol"].replace("    uint256", "  uint256")),
    "solhint": ("contracts/Origin.sol", SOLHINT_FAULT),
    "slither.sh": ("contracts/Teller.sol", SLITHER_FAULT),
    "forge.sh test": ("tests/contracts/forge/Purse.t.sol", FORGE_TEST.replace("SUM", "3")),
    "halmos.sh": ("tests/contracts/forge/False.t.sol", HALMOS_FAULT),
    "pytest": ("tests/test_sum.py", "def test_the_sum_is_right() -> None:\n    assert 1 + 1 == 3\n"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with our gates, our environments and hardly any code, already set up."""
    for name in ENVIRONMENTS:
        assert (ROOT / name).exists(), f"{name} is missing: `make test` makes it before it runs this"
        (tmp_path / name).symlink_to(ROOT / name)
    for name in GATE_FILES:
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / "scripts").mkdir()
    for script in ("environment.sh", "forge.sh", "halmos.sh", "slither.sh", "solc-shim.cjs", "ensure_solc.py"):
        shutil.copy(ROOT / "scripts" / script, tmp_path / "scripts" / script)
    (tmp_path / "tests/contracts/forge/support").mkdir(parents=True)
    for name in ("Support.t.sol", "support/Test.sol", "support/Vm.sol"):
        shutil.copy(ROOT / "tests/contracts/forge" / name, tmp_path / "tests/contracts/forge" / name)
    for name, text in PACKAGE.items():
        _write(tmp_path / name, text)
    shutil.copy(ROOT / "p2ptrade/errors.py", tmp_path / "p2ptrade")
    shutil.copy(ROOT / "p2ptrade/chain/compiler.py", tmp_path / "p2ptrade/chain")
    _write(tmp_path / "tests/contracts/forge/Purse.t.sol", FORGE_TEST.replace("SUM", "2"))
    for stamp in ("python", "node", "slither", "halmos"):
        _write(tmp_path / ".cache/stamps" / stamp, "")
    (tmp_path / ".cache/solcx").mkdir()
    shutil.copyfile(ROOT / ".cache/solcx/solc-v0.8.37", tmp_path / ".cache/solcx/solc-v0.8.37")
    (tmp_path / ".cache/solcx/solc-v0.8.37").chmod(0o755)
    return tmp_path


def test_a_project_without_a_fault_passes_every_gate(project: Path) -> None:
    result = _make_test(project)

    assert result.returncode == 0, result.stdout + result.stderr
    assert _gates_reached(result.stdout) == list(FAULTS)


@pytest.mark.parametrize("gate", FAULTS)
def test_a_planted_fault_stops_the_run_at_its_gate(project: Path, gate: str) -> None:
    name, fault = FAULTS[gate]
    _write(project / name, fault)

    result = _make_test(project)

    assert result.returncode != 0
    assert _gates_reached(result.stdout)[-1] == gate, result.stdout + result.stderr


def test_a_wrong_type_in_a_test_stops_the_run(project: Path) -> None:
    _write(project / "tests/test_sum.py", "def test_the_sum_is_right():\n    assert 1 + 1 == 2\n")

    result = _make_test(project)

    assert _gates_reached(result.stdout)[-1] == "mypy", result.stdout + result.stderr


def test_an_interface_that_says_nothing_stops_the_run(project: Path) -> None:
    (project / "contracts/interfaces").mkdir()
    shutil.copy(ROOT / "contracts/interfaces/.solhint.json", project / "contracts/interfaces")
    _write(project / "contracts/interfaces/ITill.sol", SILENT_INTERFACE)

    result = _make_test(project)

    assert _gates_reached(result.stdout)[-1] == "solhint"
    assert "Missing @notice tag in function 'count'" in result.stdout


def test_a_warning_of_the_compiler_stops_the_run_when_forge_builds(project: Path) -> None:
    unused = FORGE_TEST.replace("SUM", "2").replace("purse.add(2);", "purse.add(2);\n        uint256 unused;")
    _write(project / "tests/contracts/forge/Purse.t.sol", unused)

    result = _make_test(project)

    assert _gates_reached(result.stdout)[-1] == "forge.sh test"
    assert "Unused local variable" in result.stdout + result.stderr


def test_the_npm_launcher_of_forge_is_used_nowhere() -> None:
    scripts = [ROOT / "Makefile", *(ROOT / "scripts").iterdir(), ROOT / ".ci/run", ROOT / "package.json"]

    callers = [path.name for path in scripts if path.is_file() and "@foundry-rs/forge/" in path.read_text("utf-8")]
    installed = (ROOT / "node_modules/@foundry-rs/forge").exists()

    assert callers == []
    assert not installed


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _make_test(project: Path) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "MAKE", "MFLAGS"))}
    environment = kept | {"MYPY_CACHE_DIR": str(ROOT / ".cache" / "gates-mypy"), "WORKERS": "1"}
    command = ["make", "test"]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)


def _gates_reached(output: str) -> list[str]:
    """Return, in order, the gates whose command make has printed, which it does before it runs it."""
    words = "|".join(re.escape(gate) for gate in FAULTS)
    command = re.compile(rf"^(?:\.venv/bin/|scripts/|node_modules/\.bin/)({words})", re.MULTILINE)
    return command.findall(output)
