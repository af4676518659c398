// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDoubleAuction} from "../interfaces/IDoubleAuction.sol";
import {LedgerCalls} from "./LedgerCalls.sol";

/// @title Packed records of a book
/// @notice Finds the records of a page, checks that they are whole and rise by account, and hands out a row for each. The layout
/// is in `IDoubleAuction`.
/// @dev A row is one word: account (bits 0-31), kind (32-39), position of the record in the calldata (from 48).
library BookReader {
    uint256 internal constant STEPS_MASK = 0x07;
    uint256 internal constant SIDE_BIT = 0x08;
    uint256 internal constant OWN_BIT = 0x10;
    uint256 internal constant UNOPENED_BIT = 0x20;
    uint256 internal constant SUPERSEDED_BIT = 0x40;
    /// @dev Kinds up to this one are opened orders, relayed or own.
    uint256 internal constant OPENED_MAX = 0x1f;

    uint256 internal constant HEAD_BYTES = 5;
    uint256 private constant INDEX_BYTES = 2;
    uint256 private constant SALT_BYTES = 16;
    uint256 private constant STEP_BYTES = 8;
    uint256 private constant HASH_BYTES = 32;
    uint256 private constant SIGNATURE_BYTES = 64;
    /// @dev An own order without steps.
    uint256 private constant RECORD_BYTES_MIN = 23;
    /// @dev Length of an opened record of each kind, kind 0 in the first byte: 5 + 8 a step + 16, and 64 relayed or 2 own. `byte`
    /// finds 0 for every other kind.
    uint256 private constant OPENED_BYTES = 0x555d656d757d858d555d656d757d858d171f272f373f474f171f272f373f474f;
    uint256 private constant ACCOUNT_MASK = 0xffffffff;
    /// @dev Beside an account: a record of it was superseded, so that an own one of it must come next.
    uint256 internal constant IN_RUN = 0x100000000;
    uint256 internal constant MAY_END_IN_RUN = 0x200000000;
    uint256 internal constant RUN_MASK = 0x1ffffffff;

    /// @notice Return a row for every record of a page, and their accounts, 4 bytes each, for `LedgerCalls.words`.
    /// @param previous Last account of the page before, 0 on the first; with `IN_RUN` if that page ended with a superseded record, and
    /// with `MAY_END_IN_RUN` if this one may.
    function read(bytes calldata page, uint256 previous)
        internal
        pure
        returns (uint256[] memory rows, bytes memory accounts)
    {
        // Grows the array of rows at the free pointer while nothing else takes memory; its length is known at the end. The
        // list of accounts comes before it and has room for as many of the shortest records as a page can hold, and for
        // what the last write reaches beyond its 4 bytes. The loop takes opened orders in rising order and leaves everything
        // else to `_readOther`. If the last record does not end with the page, the call does not go on.
        uint256 position;
        uint256 end;
        uint256 free;
        uint256 list;
        // Whole records are counted before their bytes, which is meant (2026-11-21).
        // slither-disable-next-line divide-before-multiply
        uint256 room = (page.length / RECORD_BYTES_MIN) * 4 + 63;
        uint256 before = LedgerCalls.WORDS_HEAD;
        uint256 mayEndInRun = previous & MAY_END_IN_RUN;
        previous &= RUN_MASK;
        assembly ("memory-safe") {
            position := page.offset
            end := add(position, page.length)
            accounts := add(mload(0x40), before)
            list := add(accounts, 0x20)
            rows := add(list, and(room, not(0x1f)))
            free := add(rows, 0x20)
        }
        while (position < end) {
            assembly ("memory-safe") {
                for {} lt(position, end) {} {
                    let head := calldataload(position)
                    let length := byte(byte(0, head), OPENED_BYTES)
                    head := shr(216, head)
                    let account := and(head, ACCOUNT_MASK)
                    // another kind, or an account that does not rise
                    if iszero(mul(length, gt(account, previous))) { break }
                    mstore(free, or(head, shl(48, position)))
                    mstore(list, shl(224, account))
                    free := add(free, 0x20)
                    list := add(list, 4)
                    previous := account
                    position := add(position, length)
                }
            }
            if (position >= end) break;
            (position, previous) = _readOther(page, position, list, free, previous);
            free += 0x20;
            list += 4;
        }
        if (position != end) revert IDoubleAuction.TruncatedBook(page.length, _offset(page, position));
        if (previous & IN_RUN > mayEndInRun) revert IDoubleAuction.TruncatedBook(page.length, page.length + 1);
        assembly ("memory-safe") {
            let count := shr(5, sub(sub(free, rows), 0x20))
            mstore(rows, count)
            mstore(accounts, shl(2, count))
            mstore(0x40, free)
        }
    }

    /// @dev Read one record of any kind. After a superseded one `previous` has `IN_RUN`, which no account exceeds.
    function _readOther(bytes calldata page, uint256 position, uint256 list, uint256 free, uint256 previous)
        private
        pure
        returns (uint256, uint256)
    {
        (uint256 row, uint256 next) = _whole(page, position);
        uint256 account = accountOf(row);
        bool isOwn = kindOf(row) & OWN_BIT != 0;
        if (previous & IN_RUN == 0 ? account <= previous : account != previous & ACCOUNT_MASK || !isOwn) {
            if (account == previous && isOwn) revert IDoubleAuction.NotSuperseded(uint32(account));
            revert IDoubleAuction.AccountsMustRise(_offset(page, position), uint32(account), uint32(previous));
        }
        assembly ("memory-safe") {
            mstore(free, row)
            mstore(list, shl(224, row))
        }
        return (next, kindOf(row) & SUPERSEDED_BIT == 0 ? account : account | IN_RUN);
    }

    /// @dev Return the row of the record at `position` and where the next one starts; the record is of a known kind and whole.
    function _whole(bytes calldata page, uint256 position) private pure returns (uint256 row, uint256 next) {
        uint256 head = load(position) >> 216;
        uint256 kind = head >> 32;
        uint256 body = position + HEAD_BYTES + (kind & OWN_BIT != 0 ? INDEX_BYTES : 0);
        next = body + bodyBytes(kind);
        if (kind & (OWN_BIT | SUPERSEDED_BIT) == 0) next += SIGNATURE_BYTES;
        if (_offset(page, next) > page.length) revert IDoubleAuction.TruncatedBook(page.length, _offset(page, next));
        if (!isKnown(kind)) revert IDoubleAuction.BadRecord(_offset(page, position), kind);
        row = head | (position << 48);
    }

    /// @dev Return how far into the page a position of the calldata is.
    function _offset(bytes calldata page, uint256 position) private pure returns (uint256) {
        uint256 start;
        assembly ("memory-safe") {
            start := page.offset
        }
        return position - start;
    }

    /// @notice Return whether there are records of a kind: opened with up to 7 steps, unopened, superseded; each relayed or own.
    function isKnown(uint256 kind) internal pure returns (bool) {
        uint256 path = kind & ~OWN_BIT;
        return kind <= OPENED_MAX || path == UNOPENED_BIT || path == SUPERSEDED_BIT;
    }

    /// @notice Return the length of a record's body.
    function bodyBytes(uint256 kind) internal pure returns (uint256) {
        return kind > OPENED_MAX ? HASH_BYTES : (kind & STEPS_MASK) * STEP_BYTES + SALT_BYTES;
    }

    /// @notice Return the account of a row.
    function accountOf(uint256 row) internal pure returns (uint256) {
        return row & ACCOUNT_MASK;
    }

    /// @notice Return the kind of a row's record.
    function kindOf(uint256 row) internal pure returns (uint256) {
        return (row >> 32) & 0xff;
    }

    /// @notice Return where in the calldata the body of a row's record starts.
    function bodyOf(uint256 row) internal pure returns (uint256) {
        return (row >> 48) + HEAD_BYTES + (kindOf(row) & OWN_BIT != 0 ? INDEX_BYTES : 0);
    }

    /// @notice Return which of the slot's own seals an own record is, in order of arrival.
    function arrivalOf(uint256 row) internal pure returns (uint256) {
        return load((row >> 48) + HEAD_BYTES) >> 240;
    }

    /// @notice Return the 64 bytes of a signature at a position of the calldata, inside a record.
    // Offset and length are two parts of one value, not one written twice (2026-11-21).
    // slither-disable-next-line write-after-write
    function signatureAt(uint256 position) internal pure returns (bytes calldata signature) {
        assembly ("memory-safe") {
            signature.offset := position
            signature.length := SIGNATURE_BYTES
        }
    }

    /// @notice Return the word of calldata at a position.
    function load(uint256 position) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
    }
}
