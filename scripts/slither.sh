#!/bin/sh
# Analyse the contracts with slither; exit code 1 if it finds anything that is not waived where it stands.
#
# A waiver is a comment `slither-disable-next-line DETECTOR` under a line with its reason and date. Off as a whole in
# slither.config.json, since 2026-11-21:
#   timestamp             a market's phases are computed from the clock, and it marks whatever comes near a time
#   incorrect-equality    it is meant for ether balances and times; ours hold no ether, and it marks each word == 0
#   uninitialized-local   a struct or sum that starts at zero is what Solidity promises and what we mean
#   shadowing-local       the compiler reports it where it can confuse; in interfaces it cannot
set -eu
cd "$(dirname "$0")/.."
PATH="$(scripts/forge.sh --path):$PATH"
FOUNDRY_OUT=.cache/slither/out FOUNDRY_CACHE_PATH=.cache/slither/cache
export PATH FOUNDRY_OUT FOUNDRY_CACHE_PATH
exec .venv-slither/bin/slither . --config-file slither.config.json "$@"
