// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../interfaces/ISettlement.sol";

// Flags of a record, at their place in its word.
uint256 constant HAS_POSITION = 0x01_000000000000000000000000000000000000000000000000000000;
uint256 constant ESTIMATED = 0x02_000000000000000000000000000000000000000000000000000000;
uint256 constant BREACHED = 0x04_000000000000000000000000000000000000000000000000000000;
uint256 constant UNKNOWN_FLAGS = 0xf8_000000000000000000000000000000000000000000000000000000;

/// @title Reads the packed records of settlement pages; their form is described in {ISettlement}.
/// @dev A record travels inside the contract as the word that it begins with, 27 bytes and five of zeros:
///   metered i32 | flags u8 | account u32 | position (energy i32, locked u56, release u56) or zeros | zeros
library SettlementPage {
    uint256 internal constant TOTALS_LENGTH = 24;
    uint256 internal constant HEAD_LENGTH = 9;
    uint256 internal constant POSITION_LENGTH = 18;
    uint256 internal constant BREACH_LENGTH = 4;

    uint256 internal constant FLAGS_SHIFT = 216;
    uint256 internal constant HEAD_SHIFT = 184;
    uint256 internal constant POSITION_SHIFT = 40;

    /// @notice Totals of a slot, in Wh, as the first page announces them.
    struct Totals {
        int256 netWh;
        uint256 givenWh;
        uint256 takenWh;
    }

    /// @notice Read the totals at the start of the first page.
    function readTotals(bytes calldata page) internal pure returns (Totals memory totals) {
        if (page.length < TOTALS_LENGTH) revert ISettlement.SettlementMalformedPage(0);
        uint256 word = uint192(bytes24(page[:TOTALS_LENGTH]));
        // casts cut exactly the fields
        totals.netWh = int64(uint64(word >> 128));
        totals.givenWh = uint64(word >> 64);
        totals.takenWh = uint64(word);
    }

    /// @notice Read the record at `offset`.
    /// @return record Its word.
    /// @return breachWh Energy outside the signed envelope, in Wh.
    /// @return next Where it ends, which is inside the page.
    function read(bytes calldata page, uint256 offset)
        internal
        pure
        returns (uint256 record, uint256 breachWh, uint256 next)
    {
        // The load may reach beyond the page: the length is checked below before anything that was read is used.
        assembly ("memory-safe") {
            record := calldataload(add(page.offset, offset))
        }
        // `offset` is inside the calldata and a record adds at most 31.
        unchecked {
            next = offset + HEAD_LENGTH;
            if (record & HAS_POSITION != 0) next += POSITION_LENGTH;
            if (record & BREACHED != 0) {
                breachWh = readUint32(page, next);
                next += BREACH_LENGTH;
            }
        }
        if (next > page.length || record & UNKNOWN_FLAGS != 0) revert ISettlement.SettlementMalformedPage(offset);
        uint256 unused = record & HAS_POSITION != 0 ? POSITION_SHIFT : HEAD_SHIFT;
        record = record >> unused << unused;
    }

    /// @notice Read four bytes; what lies beyond the page reads as zeros or as what follows, for the caller to refuse.
    function readUint32(bytes calldata page, uint256 offset) internal pure returns (uint256 integer) {
        assembly ("memory-safe") {
            integer := shr(224, calldataload(add(page.offset, offset)))
        }
    }

    /// @notice The record with another reading and other flags, its position unchanged.
    /// @param flags Flags at their place in the word.
    function withReading(uint256 record, uint256 meteredWh_, uint256 flags) internal pure returns (uint256) {
        return (meteredWh_ << 224) | (record & HAS_POSITION) | flags | ((record << 40) >> 40);
    }

    function accountOf(uint256 record) internal pure returns (uint256) {
        return uint32(record >> HEAD_SHIFT); // cuts exactly the field
    }

    /// @notice Net energy withdrawn, in Wh; negative is injected.
    function meteredWh(uint256 record) internal pure returns (int256) {
        return int256(record) >> 224; // the top field, with its sign
    }

    /// @notice Energy of the position, in Wh; bought is positive.
    function energyWh(uint256 record) internal pure returns (int256) {
        return int32(uint32(record >> 152)); // cuts exactly the field
    }

    /// @notice What is refunded if the slot lapses: what a buyer paid, or a seller's collateral.
    function lockedMicro(uint256 record) internal pure returns (uint256) {
        return uint56(record >> 96); // cuts exactly the field
    }

    /// @notice What is credited at settlement: nothing to a buyer, revenue and collateral to a seller.
    function releaseMicro(uint256 record) internal pure returns (uint256) {
        return uint56(record >> POSITION_SHIFT); // cuts exactly the field
    }

    /// @notice Extend the running hash over position records: keccak256(running || account u32 || position, 18 bytes).
    function hashPosition(bytes32 running, uint256 record) internal pure returns (bytes32 next) {
        // Scratch space only: 32 bytes of hash and 22 of record.
        assembly ("memory-safe") {
            mstore(0x00, running)
            mstore(0x20, shl(40, record))
            next := keccak256(0x00, 54)
        }
    }

    /// @notice Extend the running hash over pages: keccak256(running || keccak256(page)).
    function hashPage(bytes32 running, bytes32 pageHash) internal pure returns (bytes32 next) {
        assembly ("memory-safe") {
            mstore(0x00, running)
            mstore(0x20, pageHash)
            next := keccak256(0x00, 64)
        }
    }

    /// @notice A record as it stands in a page.
    function pack(uint256 record, uint256 breachWh) internal pure returns (bytes memory packed) {
        // casts cut to the widths that the fields were read with
        packed = record & HAS_POSITION == 0
            ? abi.encodePacked(uint72(record >> HEAD_SHIFT))
            : abi.encodePacked(uint216(record >> POSITION_SHIFT));
        if (record & BREACHED != 0) packed = abi.encodePacked(packed, uint32(breachWh));
    }

    /// @notice Hash of a record as it stands in a page.
    function hashRecord(uint256 record, uint256 breachWh) internal pure returns (bytes32) {
        return keccak256(pack(record, breachWh));
    }

    /// @notice Read a position record of 22 bytes, as the clearing makes them, as a settlement record without a reading.
    function readPosition(bytes calldata positions, uint256 offset) internal pure returns (uint256 record) {
        return
            HAS_POSITION | (uint256(uint176(bytes22(positions[offset:offset + 4 + POSITION_LENGTH]))) << POSITION_SHIFT);
    }
}
