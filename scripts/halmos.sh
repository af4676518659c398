#!/bin/sh
# Prove every `check_*` function of the forge tests symbolically; exit code 1 if there is a counterexample.
set -eu
cd "$(dirname "$0")/.."
PATH="$(scripts/forge.sh --path):$PATH"
FOUNDRY_OUT=.cache/halmos/out FOUNDRY_CACHE_PATH=.cache/halmos/cache
export PATH FOUNDRY_OUT FOUNDRY_CACHE_PATH
rm -rf .cache/halmos  # halmos would go on proving what an earlier build left behind
if ! grep -rqs "function check_" tests/contracts/forge; then
    echo "p2ptrade: there is no check_ function to prove in tests/contracts/forge." >&2
    exit 1
fi
exec .venv-halmos/bin/halmos --forge-build-out .cache/halmos/out --function check_ "$@"
