#!/bin/sh
# Print the Python interpreter to use, or say in one sentence what is missing and exit with code 3.
# Usage: environment.sh       PYTHON=... names an interpreter of your own choice.
set -eu

refuse() {
    echo "p2ptrade: $1" >&2
    exit 3
}

new_enough() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

python=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if new_enough "$candidate"; then
        python=$(command -v "$candidate")
        break
    fi
done
[ -n "$python" ] || refuse "Python 3.11 or newer is needed and ${PYTHON:-python3} is not: install it, or set PYTHON to it."
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    refuse "$python cannot make virtual environments: install its venv package (on Debian: python3-venv)."

command -v node >/dev/null 2>&1 || refuse "Node.js 20 or newer is needed and there is none: install it."
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || refuse "Node.js 20 or newer is needed and this is $(node --version): install a newer one."
command -v npm >/dev/null 2>&1 || refuse "npm is needed and there is none: install it, it comes with Node.js."

echo "$python"
