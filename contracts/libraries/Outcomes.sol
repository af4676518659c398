// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BookPasses} from "./BookPasses.sol";

/// @title What a page of a book comes to, between judging and filling
/// @notice Judging a page leaves an entry of 13 bytes for every order that trades if the certificate is accepted, and for every bond
/// that is then taken; filling needs nothing else of the page. The layout is in `IDoubleAuction`.
/// @dev Prices are fixed, so a step is either better than its zone's, and trades wholly, or worse, or the only one of its
/// order at the price, whose share is known when the whole book has been judged. The bounds of `BookPasses` hold here too:
/// what is filled was listed by `list`, which the caller knows by its hash.
library Outcomes {
    uint256 internal constant ENTRY_BYTES = 13;
    /// @dev In the place of the energy at the price, which has 31 bits: the entry is a bond.
    uint256 private constant BOND = 0xffffffff;

    /// @dev Fields of `BookPasses.Pass`, from its start.
    uint256 private constant ZONES = 0x80;
    uint256 private constant COLLATERAL_PRICES = 0xe0;
    uint256 private constant CHARGE_HALF = 0x100;
    uint256 private constant MOVES_END = 0x120;
    uint256 private constant POSITIONS_END = 0x140;
    uint256 private constant POSITIONS_HASH = 0x160;
    uint256 private constant BUYERS_PAY = 0x180;
    uint256 private constant SELLERS_GET = 0x1a0;
    uint256 private constant COLLATERAL = 0x1c0;
    uint256 private constant BOUGHT_WH = 0x1e0;

    /// @dev Fields of `Certificate.Zone`, as in `BookPasses`.
    uint256 private constant BID_AT = 0x40; // of offers: 0x40 further
    uint256 private constant SHARE = 0x200; // of offers: 0x20 further
    uint256 private constant RUNNING = 0x240; // of offers: 0x20 further
    uint256 private constant U32 = 0xffffffff;
    uint256 private constant U31 = 0x7fffffff;

    /// @notice Append an entry for every judged order that can trade; the caller took 13 bytes for every row and a word of slack.
    /// @return Where the list ends.
    function list(BookPasses.Pass memory pass, uint256[] memory rows, uint256[] memory words, uint256 end)
        internal
        pure
        returns (uint256)
    {
        // Rows without a reason are opened orders in zones that exist; their first step is not worse than the price.
        assembly ("memory-safe") {
            let limit := add(add(rows, 0x20), shl(5, mload(rows)))
            let gap := sub(words, rows)
            let zones := mload(add(pass, ZONES))
            let chargeHalf := mload(add(pass, CHARGE_HALF))
            for { rows := add(rows, 0x20) } lt(rows, limit) { rows := add(rows, 0x20) } {
                let row := mload(rows)
                if byte(26, row) { continue }
                let word := mload(add(rows, gap))
                let isOffer := and(shr(35, row), 1)
                let charge := mul(iszero(isOffer), chargeHalf)
                let at := mload(mload(add(zones, shl(5, byte(3, word)))))
                let body := shr(48, row)
                let better := 0
                let marginal := 0
                for { let last := add(body, and(shr(29, row), 0x38)) } lt(body, last) { body := add(body, 8) } {
                    let step := calldataload(body)
                    let price := sub(shl(1, and(shr(192, step), U32)), charge)
                    switch eq(price, at)
                    case 1 { marginal := shr(224, step) }
                    default { if xor(sgt(price, at), isOffer) { better := add(better, shr(224, step)) } }
                }
                let class := byte(1, word)
                if gt(class, 7) { class := 7 }
                row := or(shl(8, and(row, U32)), or(shl(5, class), byte(3, word))) // from here on the entry
                row := or(shl(32, row), or(shl(31, isOffer), better))
                mstore(end, shl(152, or(shl(32, row), marginal)))
                end := add(end, 13)
            }
        }
        return end;
    }

    /// @notice Append a bond; the caller took 13 bytes for it and a word of slack.
    function pushBond(uint256 end, uint256 account, uint256 bond) internal pure returns (uint256) {
        assembly ("memory-safe") {
            mstore(end, shl(152, or(or(shl(72, account), shl(32, bond)), BOND)))
        }
        return end + ENTRY_BYTES;
    }

    /// @notice List the positions of a page's entries and what they move on the ledger; the zones' shares must be set.
    /// @return forfeited Sum of the bonds, in micro-credits.
    function fill(BookPasses.Pass memory pass, bytes calldata entries) internal pure returns (uint256 forfeited) {
        assembly ("memory-safe") {
            function grow(field, by) {
                mstore(field, add(mload(field), by))
            }
            function move(pass_, account, amount) {
                let end := mload(add(pass_, MOVES_END))
                mstore(end, or(shl(64, account), and(sub(0, amount), 0xffffffffffffffff)))
                mstore(add(pass_, MOVES_END), add(end, 0x20))
            }
            // A step's share of what trades at the margin of its side, by running totals.
            function shareOf(zone, isOffer, energy) -> filled {
                let whole := mload(add(add(zone, BID_AT), shl(6, isOffer)))
                let trades := mload(add(add(zone, SHARE), shl(5, isOffer)))
                let running := add(add(zone, RUNNING), shl(5, isOffer))
                let before := mload(running)
                let reached := add(before, energy)
                mstore(running, reached)
                filled := sub(div(mul(trades, reached), whole), div(mul(trades, before), whole))
            }
            // A seller locks collateral, rounded up, and will receive the price, rounded down, and the collateral.
            function sell(pass_, price, energy, class) -> locked, position {
                let collateralPrice := and(shr(shl(5, class), mload(add(pass_, COLLATERAL_PRICES))), U32)
                locked := div(add(mul(energy, collateralPrice), 999), 1000)
                let revenue := div(mul(energy, price), 2000)
                grow(add(pass_, SELLERS_GET), revenue)
                grow(add(pass_, COLLATERAL), locked)
                position := or(shr(32, shl(224, sub(0, energy))), shl(80, add(revenue, locked)))
            }
            // A buyer pays price and charge, rounded up.
            function buy(pass_, price, energy) -> locked, position {
                locked := div(add(mul(energy, add(price, mload(add(pass_, CHARGE_HALF)))), 1999), 2000)
                grow(add(pass_, BUYERS_PAY), locked)
                grow(add(pass_, BOUGHT_WH), energy)
                position := shl(192, energy)
            }
            function trade(pass_, entry) {
                let energy := and(shr(32, entry), U32)
                let isOffer := shr(31, energy)
                let zone := mload(add(mload(add(pass_, ZONES)), and(shr(59, entry), 0x3e0)))
                energy := and(energy, U31)
                if and(entry, U32) { energy := add(energy, shareOf(zone, isOffer, and(entry, U32))) }
                if iszero(energy) { leave }
                let locked
                let position
                switch isOffer
                case 0 { locked, position := buy(pass_, mload(zone), energy) }
                default { locked, position := sell(pass_, mload(zone), energy, and(shr(69, entry), 7)) }
                position := or(or(position, shl(136, locked)), shl(224, shr(72, entry)))
                let end := mload(add(pass_, POSITIONS_END))
                mstore(end, position)
                mstore(add(pass_, POSITIONS_END), add(end, 22))
                mstore(0x00, mload(add(pass_, POSITIONS_HASH)))
                mstore(0x20, position)
                mstore(add(pass_, POSITIONS_HASH), keccak256(0x00, 54))
                if locked { move(pass_, shr(72, entry), locked) }
            }

            let end := add(entries.offset, entries.length)
            for { let at := entries.offset } lt(at, end) { at := add(at, 13) } {
                let entry := shr(152, calldataload(at))
                switch eq(and(entry, U32), BOND)
                case 0 { trade(pass, entry) }
                default {
                    let bond := and(shr(32, entry), U32)
                    forfeited := add(forfeited, bond)
                    move(pass, shr(72, entry), bond)
                }
            }
        }
    }
}
