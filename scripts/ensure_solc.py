"""Put the pinned Solidity compiler into `.cache/solcx`, where forge, slither and the artifact build take it from."""

import sys
from pathlib import Path

from p2ptrade.chain.compiler import ensure_solc
from p2ptrade.errors import P2PTradeError

if __name__ == "__main__":
    try:
        ensure_solc(Path(__file__).resolve().parent.parent)
    except P2PTradeError as error:
        print(f"p2ptrade: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
