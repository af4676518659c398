// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDoubleAuction} from "../interfaces/IDoubleAuction.sol";

/// @title Packed records of a book
/// @notice Finds the records of a page, checks that they are whole and rise by account, and hands out a row for each. The layout
/// is in `IDoubleAuction`.
/// @dev A row is one word: account (bits 0-31), kind (32-39), position of the body in the calldata (40-103), reason why the
/// order is void, 0 if it is not (104-111), zone (112-119).
library BookReader {
    uint256 internal constant STEPS_MASK = 0x07;
    uint256 internal constant SIDE_BIT = 0x08;
    uint256 internal constant OWN_BIT = 0x10;
    uint256 internal constant UNOPENED_BIT = 0x20;
    uint256 internal constant SUPERSEDED_BIT = 0x40;
    uint256 private constant NO_OPENING = UNOPENED_BIT | SUPERSEDED_BIT;

    uint256 private constant HEAD_BYTES = 5;
    uint256 private constant SALT_BYTES = 16;
    uint256 private constant STEP_BYTES = 8;
    uint256 private constant HASH_BYTES = 32;
    uint256 private constant SIGNATURE_BYTES = 64;

    uint256 private constant ACCOUNT_MASK = 0xffffffff;
    uint256 private constant KIND_SHIFT = 32;
    uint256 private constant BODY_SHIFT = 40;
    uint256 private constant REASON_SHIFT = 104;
    uint256 private constant ZONE_SHIFT = 112;

    /// @notice Return a row for every record of a page.
    /// @param previous Last account of the page before, 0 on the first.
    function rows(bytes calldata page, uint256 previous) internal pure returns (uint256[] memory found) {
        // Grows an array at the free pointer while nothing else takes memory; its length is known at the end. Records
        // are read only as far as the page reaches: a record that ends beyond it reverts.
        unchecked {
            uint256 end;
            uint256 free;
            uint256 position;
            assembly ("memory-safe") {
                position := page.offset
                end := add(position, page.length)
                found := mload(0x40)
                free := add(found, 0x20)
            }
            uint256 start = position;
            uint256 superseded = 0; // the account of a superseded record whose own seal must come next
            while (position < end) {
                uint256 head;
                assembly ("memory-safe") {
                    head := shr(216, calldataload(position))
                }
                uint256 account = head & ACCOUNT_MASK;
                uint256 kind = head >> KIND_SHIFT;
                uint256 next = position + HEAD_BYTES + bodyBytes(kind);
                if (kind & (OWN_BIT | SUPERSEDED_BIT) == 0) next += SIGNATURE_BYTES;
                if (next > end) revert IDoubleAuction.TruncatedBook(end - start, next - start);
                if (superseded != 0) {
                    if (account != superseded || kind & OWN_BIT == 0) {
                        revert IDoubleAuction.AccountsMustRise(position - start, uint32(account), uint32(superseded));
                    }
                    superseded = 0;
                } else if (account <= previous) {
                    if (account == previous && kind & OWN_BIT != 0) revert IDoubleAuction.NotSuperseded(uint32(account));
                    revert IDoubleAuction.AccountsMustRise(position - start, uint32(account), uint32(previous));
                }
                // Own seals are live as sorted; a record is of one kind, without idle bits.
                if (kind & NO_OPENING != 0) {
                    if (
                        kind & (STEPS_MASK | SIDE_BIT) != 0 || kind & NO_OPENING == NO_OPENING
                            || kind & (OWN_BIT | SUPERSEDED_BIT) == OWN_BIT | SUPERSEDED_BIT
                    ) revert IDoubleAuction.BadRecord(position - start, kind);
                    if (kind & SUPERSEDED_BIT != 0) superseded = account;
                }
                if (kind > 0x7f) revert IDoubleAuction.BadRecord(position - start, kind);
                previous = account;
                uint256 row = head | (position + HEAD_BYTES) << BODY_SHIFT;
                assembly ("memory-safe") {
                    mstore(free, row)
                    free := add(free, 0x20)
                }
                position = next;
            }
            if (superseded != 0) {
                revert IDoubleAuction.AccountsMustRise(end - start, uint32(superseded), uint32(superseded));
            }
            assembly ("memory-safe") {
                mstore(found, shr(5, sub(sub(free, found), 0x20)))
                mstore(0x40, free)
            }
        }
    }

    /// @notice Return the accounts of rows, 4 bytes each.
    function accounts(uint256[] memory list) internal pure returns (bytes memory packed) {
        uint256 count = list.length;
        packed = new bytes(count * 4);
        // Each word written overlaps the next ones' place, which is written after it; the last one ends within the
        // 28 bytes of slack that are taken here behind the array.
        assembly ("memory-safe") {
            mstore(0x40, add(mload(0x40), 0x20))
            let to := add(packed, 0x20)
            let from := add(list, 0x20)
            for { let end := add(from, shl(5, count)) } lt(from, end) { from := add(from, 0x20) } {
                mstore(to, shl(224, mload(from)))
                to := add(to, 4)
            }
        }
    }

    /// @notice Return the length of a record's body.
    function bodyBytes(uint256 kind) internal pure returns (uint256) {
        unchecked {
            if (kind & NO_OPENING != 0) return HASH_BYTES;
            return (kind & STEPS_MASK) * STEP_BYTES + SALT_BYTES;
        }
    }

    /// @notice Return the account of a row.
    function accountOf(uint256 row) internal pure returns (uint256) {
        return row & ACCOUNT_MASK;
    }

    /// @notice Return the kind of a row's record.
    function kindOf(uint256 row) internal pure returns (uint256) {
        return (row >> KIND_SHIFT) & 0xff;
    }

    /// @notice Return where in the calldata the body of a row's record starts.
    function bodyOf(uint256 row) internal pure returns (uint256) {
        return (row >> BODY_SHIFT) & type(uint64).max;
    }

    /// @notice Return why a row's order is void; 0 if it is not.
    function reasonOf(uint256 row) internal pure returns (uint256) {
        return (row >> REASON_SHIFT) & 0xff;
    }

    /// @notice Return the zone of a row's order.
    function zoneOf(uint256 row) internal pure returns (uint256) {
        return (row >> ZONE_SHIFT) & 0xff;
    }

    /// @notice Return a row with what was found about its order.
    function judged(uint256 row, uint256 reason, uint256 zone) internal pure returns (uint256) {
        return row | (reason << REASON_SHIFT) | (zone << ZONE_SHIFT);
    }

    /// @notice Return the word of calldata at a position.
    function load(uint256 position) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }
}
