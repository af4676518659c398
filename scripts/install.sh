#!/bin/sh
# Install the packages of a lock, each checked against its hash, into a virtual environment that is made if need be.
# Usage: install.sh VENV LOCK       uv does it; pip does where uv cannot, with a registry set up for pip alone, say.
set -eu
cd "$(dirname "$0")/.."
venv=$1 lock=$2
python=$(scripts/environment.sh)
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"

echo "installing $lock into $venv"
pip="$venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --no-input --require-hashes"
$pip -r requirements/uv.txt
if ! "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"; then
    echo "p2ptrade: uv could not install $lock, pip tries" >&2
    $pip -r "$lock"
fi
