// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BookPasses} from "./BookPasses.sol";
// Constants that only assembly uses, where solhint does not look (2026-11-21).
/* solhint-disable no-unused-import */
import {ZONE_BID_AT, ZONE_BID_RUNNING, ZONE_BID_SHARE} from "./Certificate.sol";
import {
    BOUGHT_WH,
    BUYERS_PAY,
    CHARGE_HALF,
    COLLATERAL,
    COLLATERAL_PRICES,
    MOVES_END,
    POSITIONS_END,
    POSITIONS_HASH,
    SELLERS_GET,
    ZONE_TABLE
} from "./PassMemory.sol";

/* solhint-enable no-unused-import */

/// @title The second pass over a book: what the orders trade that can
/// @notice Judging leaves an entry of 13 bytes for every order that trades if the certificate is accepted, and for every bond
/// that is then taken; filling needs nothing else of the book. The layout is in `IDoubleAuctionPages`.
/// @dev Prices are fixed, so a step is either better than its zone's, and trades wholly, or worse, or the only one of its
/// order at the price, whose share is known when the whole book has been judged. The bounds of `BookPasses` hold here too:
/// what is filled was listed by `BookPasses.judge`; of a page the caller knows that by its hash.
library Outcomes {
    uint256 internal constant ENTRY_BYTES = 13;
    /// @dev In the place of the energy at the price, which has 31 bits: the entry is a bond.
    uint256 private constant BOND = 0xffffffff;
    uint256 private constant U32 = 0xffffffff;
    uint256 private constant U31 = 0x7fffffff;

    /// @notice Append a bond; the caller knows that there is room.
    function pushBond(BookPasses.Pass memory pass, uint256 account, uint256 bond) internal pure {
        uint256 end = pass.tradesEnd;
        assembly ("memory-safe") {
            mstore(end, shl(152, or(or(shl(72, account), shl(32, bond)), BOND)))
        }
        pass.tradesEnd = end + ENTRY_BYTES;
    }

    /// @notice List the positions of the entries between `next` and `end`, and what they move on the ledger; the zones' shares
    /// must be set (`Certificate.share`), and the caller took 22 and 32 bytes an entry and a word of slack.
    /// @return forfeited Sum of the bonds, in micro-credits.
    function fill(uint256 next, uint256 end) internal pure returns (uint256 forfeited) {
        assembly ("memory-safe") {
            // A step's share of what trades at the margin of its side, by running totals.
            function shareOf(zone, isOffer, energy) -> filled {
                let whole := mload(add(add(zone, ZONE_BID_AT), shl(6, isOffer)))
                let trades := mload(add(add(zone, ZONE_BID_SHARE), shl(5, isOffer)))
                let running := add(add(zone, ZONE_BID_RUNNING), shl(5, isOffer))
                let before := mload(running)
                let reached := add(before, energy)
                mstore(running, reached)
                filled := sub(div(mul(trades, reached), whole), div(mul(trades, before), whole))
            }

            let positions := mload(POSITIONS_END)
            let moves := mload(MOVES_END)
            let bought := 0 // what buyers pay, and below it, in 128 bits, the energy
            let sold := 0 // what sellers get, and below it, in 128 bits, their collateral
            mstore(0x00, mload(POSITIONS_HASH)) // stays there
            for {} lt(next, end) { next := add(next, 13) } {
                let entry := mload(next)
                let zone := mload(add(ZONE_TABLE, and(shr(211, entry), 0x3e0)))
                let energy := and(shr(184, entry), U31)
                let locked := and(shr(152, entry), U32) // the energy at the price, before it is the amount
                if locked {
                    if eq(locked, BOND) {
                        locked := and(shr(184, entry), U32)
                        forfeited := add(forfeited, locked)
                        mstore(moves, sub(shl(64, add(shr(224, entry), 1)), locked))
                        moves := add(moves, 0x20)
                        continue
                    }
                    // a share is no more than the order; that it has 32 bits is plain to a prover like this
                    energy := add(energy, and(shareOf(zone, and(shr(215, entry), 1), locked), U32))
                    if iszero(energy) { continue }
                }
                switch and(shr(215, entry), 1)
                case 0 {
                    // a buyer pays price and charge, rounded up
                    locked := div(add(mul(energy, add(mload(zone), mload(CHARGE_HALF))), 1999), 2000)
                    bought := add(bought, or(shl(128, locked), energy))
                    energy := shl(192, energy) // from here on the position
                }
                default {
                    // a seller locks collateral, rounded up, and will receive the price, rounded down, and the collateral
                    zone := div(mul(energy, mload(zone)), 2000) // from here on the revenue
                    locked := and(shr(and(shr(216, entry), 0xe0), mload(COLLATERAL_PRICES)), U32)
                    locked := div(add(mul(energy, locked), 999), 1000)
                    sold := add(sold, or(shl(128, zone), locked))
                    energy := or(shl(192, sub(0x100000000, energy)), shl(80, add(zone, locked))) // the position
                }
                entry := shr(224, entry) // from here on the account
                mstore(0x20, or(or(energy, shl(136, locked)), shl(224, entry)))
                mstore(positions, mload(0x20))
                positions := add(positions, 22)
                mstore(0x00, keccak256(0x00, 54))
                if locked {
                    mstore(moves, sub(shl(64, add(entry, 1)), locked)) // the account, and 2^64 less the amount
                    moves := add(moves, 0x20)
                }
            }
            mstore(POSITIONS_HASH, mload(0x00))
            mstore(POSITIONS_END, positions)
            mstore(MOVES_END, moves)
            mstore(BUYERS_PAY, add(mload(BUYERS_PAY), shr(128, bought)))
            mstore(BOUGHT_WH, add(mload(BOUGHT_WH), and(bought, sub(shl(128, 1), 1))))
            mstore(SELLERS_GET, add(mload(SELLERS_GET), shr(128, sold)))
            mstore(COLLATERAL, add(mload(COLLATERAL), and(sold, sub(shl(128, 1), 1))))
        }
    }
}
