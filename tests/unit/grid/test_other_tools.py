"""The comparisons with pandapower, SimBench and OpenDSS, run in an environment of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_importers_and_power_flow_agree_with_the_tools_that_the_networks_come_from() -> None:
    python = ROOT / ".venv-convert" / "bin" / "python"
    # That environment has none of the libraries that the fixtures of the other tests need.
    options = ["-q", "-p", "no:cacheprovider", "--noconftest"]
    command = [str(python), "-m", "pytest", *options, "tests/unit/grid/against_other_tools.py"]

    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout
