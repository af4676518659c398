#!/bin/sh
# Analyse the contracts with slither; exit code 1 if it finds anything that is not waived where it stands.
set -eu
cd "$(dirname "$0")/.."
PATH="$(scripts/forge.sh --path):$PATH"
FOUNDRY_OUT=.cache/slither/out FOUNDRY_CACHE_PATH=.cache/slither/cache
export PATH FOUNDRY_OUT FOUNDRY_CACHE_PATH
exec .venv-slither/bin/slither . --config-file slither.config.json "$@"
