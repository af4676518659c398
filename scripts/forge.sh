#!/bin/sh
# Run forge by its native binary: the launcher that npm puts into node_modules/.bin of forge's own package
# exits with 0 when forge fails, and a gate that calls it can never fail.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

case "$(uname -m)" in
    x86_64 | amd64) cpu=amd64 ;;
    *) cpu=arm64 ;;
esac
forge="$root/node_modules/@foundry-rs/forge-$(uname -s | tr '[:upper:]' '[:lower:]')-$cpu/bin/forge"
if [ ! -x "$forge" ]; then
    forge=$(command -v forge) || {
        echo "p2ptrade: there is no forge for this machine: run \`make setup\`, or install Foundry 1.7." >&2
        exit 3
    }
fi

# Tools that start forge by its name get the same one.
if [ "${1:-}" = --path ]; then
    dirname "$forge"
else
    exec "$forge" "$@"
fi
