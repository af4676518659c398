#!/bin/sh
# Analyse the contracts with slither; exit code 1 if it finds anything that is not waived where it stands.
# A waiver is a comment `slither-disable-next-line DETECTOR` under a line with its reason and date. Two detectors are
# off in slither.config.json: `timestamp`, since a market's phases are computed from the clock (docs/architecture.md)
# and it marks whatever comes near one; `shadowing-local`, which the compiler reports where it can confuse.
set -eu
cd "$(dirname "$0")/.."
PATH="$(scripts/forge.sh --path):$PATH"
FOUNDRY_OUT=.cache/slither/out FOUNDRY_CACHE_PATH=.cache/slither/cache
export PATH FOUNDRY_OUT FOUNDRY_CACHE_PATH
exec .venv-slither/bin/slither . --config-file slither.config.json "$@"
