"""Write every lock file anew: hashes of Python packages in `requirements/`, and `package-lock.json`.

No lock names the address that a package comes from, so that each installation uses the registry it is set up with.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    *("-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-emit-index-url", "--no-header"),
]
LOCKS = {
    "dev.txt": ["--extra", "dev", "pyproject.toml"],
    "uv.txt": ["requirements/uv.in", "--constraints", "requirements/dev.txt"],
    "slither.txt": ["requirements/slither.in"],
    "halmos.txt": ["requirements/halmos.in"],
    "convert.txt": ["requirements/convert.in", "--constraints", "requirements/dev.txt"],
}


def main() -> None:
    """Resolve each list of dependencies to the newest versions that its bounds allow."""
    for name, sources in LOCKS.items():
        command = [sys.executable, *COMPILE, "--upgrade", "-o", f"requirements/{name}", *sources]
        subprocess.run(command, cwd=ROOT, check=True)
    subprocess.run(["npm", "install", "--package-lock-only", "--ignore-scripts"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
