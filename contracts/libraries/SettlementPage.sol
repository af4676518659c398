// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../interfaces/ISettlement.sol";

/// @title Reads the packed records of settlement pages; their form is described in {ISettlement}.
library SettlementPage {
    uint256 internal constant TOTALS_LENGTH = 32;
    uint256 internal constant HEAD_LENGTH = 9;
    uint256 internal constant POSITION_LENGTH = 18;
    uint256 internal constant BREACH_LENGTH = 4;

    uint256 internal constant HAS_POSITION = 1;
    uint256 internal constant ESTIMATED = 2;
    uint256 internal constant BREACHED = 4;

    /// @notice One account in one slot.
    /// @param account Ledger account.
    /// @param meteredWh Net energy withdrawn, in Wh; negative is injected.
    /// @param flags HAS_POSITION, ESTIMATED, BREACHED.
    /// @param position The packed position, 18 bytes: energy i32, locked u56, release u56; 0 if there is none.
    /// @param breachWh Energy outside the signed envelope.
    struct Record {
        uint256 account;
        int256 meteredWh;
        uint256 flags;
        uint256 position;
        uint256 breachWh;
    }

    /// @notice Totals of a slot, in Wh, as the first page announces them.
    struct Totals {
        uint256 shortWh;
        uint256 longWh;
        uint256 givenWh;
        uint256 takenWh;
    }

    /// @notice Read the totals at the start of the first page.
    function readTotals(bytes calldata page) internal pure returns (Totals memory totals) {
        if (page.length < TOTALS_LENGTH) revert ISettlement.SettlementMalformedPage(0);
        uint256 word = uint256(bytes32(page[:TOTALS_LENGTH]));
        totals.shortWh = word >> 192;
        totals.longWh = (word >> 128) & type(uint64).max;
        totals.givenWh = (word >> 64) & type(uint64).max;
        totals.takenWh = word & type(uint64).max;
    }

    /// @notice Read the record at `offset` into `record` and return where it ends.
    /// @dev Reverts if the record does not end inside `page`.
    function read(bytes calldata page, uint256 offset, Record memory record) internal pure returns (uint256 next) {
        uint256 word;
        // Loads may reach beyond the page: the length is checked below before anything that was read is used.
        assembly ("memory-safe") {
            word := calldataload(add(page.offset, offset))
        }
        uint256 flags = uint8(word >> 184);
        uint256 position;
        // Offsets are below 2^64: `offset` starts inside the calldata and grows by at most 31 a record.
        unchecked {
            next = offset + HEAD_LENGTH;
            if (flags & HAS_POSITION != 0) {
                position = uint144(word >> 40);
                next += POSITION_LENGTH;
            }
            if (flags & BREACHED != 0) {
                record.breachWh = readUint32(page, next);
                next += BREACH_LENGTH;
            } else {
                record.breachWh = 0;
            }
        }
        if (next > page.length || flags > 7) revert ISettlement.SettlementMalformedPage(offset);
        record.account = word >> 224;
        record.meteredWh = int32(uint32(word >> 192));
        record.flags = flags;
        record.position = position;
    }

    /// @notice Read four bytes; what lies beyond the page reads as zeros or as what follows, for the caller to refuse.
    function readUint32(bytes calldata page, uint256 offset) internal pure returns (uint256 integer) {
        assembly ("memory-safe") {
            integer := shr(224, calldataload(add(page.offset, offset)))
        }
    }

    /// @notice Energy of a packed position, in Wh; bought is positive.
    function energyWh(uint256 position) internal pure returns (int256) {
        return int32(uint32(position >> 112));
    }

    /// @notice What is refunded if the slot lapses: what a buyer paid, or a seller's collateral.
    function lockedMicro(uint256 position) internal pure returns (uint256) {
        return uint56(position >> 56);
    }

    /// @notice What is credited at settlement: nothing to a buyer, revenue and collateral to a seller.
    function releaseMicro(uint256 position) internal pure returns (uint256) {
        return uint56(position);
    }

    /// @notice Extend the running hash over position records: keccak256(running || account u32 || position, 18 bytes).
    function hashPosition(bytes32 running, uint256 account, uint256 position) internal pure returns (bytes32 next) {
        // Scratch space only: 32 bytes of hash and 22 of record.
        assembly ("memory-safe") {
            mstore(0x00, running)
            mstore(0x20, or(shl(224, account), shl(80, position)))
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
}
