// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountStatus} from "../types/AccountStatus.sol";

/// @title AccountWord
/// @notice Reads and writes the one storage word that holds everything about a ledger account.
/// @dev Layout, from the least significant bit:
///   0-159 owner | 160-223 cash (int64, micro-credits) | 224-231 zone | 232-239 status | 240-247 reputation class
///   | 248-255 connection capacity (kW)
library AccountWord {
    uint256 internal constant CASH_SHIFT = 160;
    uint256 internal constant ZONE_SHIFT = 224;
    uint256 internal constant STATUS_SHIFT = 232;
    uint256 internal constant CLASS_SHIFT = 240;
    uint256 internal constant CAPACITY_SHIFT = 248;
    /// @notice Every bit but those of the cash.
    uint256 internal constant NOT_CASH = ~(uint256(type(uint64).max) << CASH_SHIFT);

    /// @notice Returns a word with empty cash and reputation class 0.
    function pack(address owner_, uint8 zone_, AccountStatus status_, uint8 capacityKw_)
        internal
        pure
        returns (uint256)
    {
        return uint256(uint160(owner_)) | (uint256(zone_) << ZONE_SHIFT) | (uint256(uint8(status_)) << STATUS_SHIFT)
            | (uint256(capacityKw_) << CAPACITY_SHIFT);
    }

    function owner(uint256 word) internal pure returns (address) {
        // forge-lint: disable-next-line(unsafe-typecast) -- the low 160 bits are the owner
        return address(uint160(word));
    }

    /// @notice Returns the cash in micro-credits; negative is a debt.
    function cash(uint256 word) internal pure returns (int64) {
        // the cast to uint64 cuts exactly the field; reading it as int64 is its meaning
        return int64(uint64(word >> CASH_SHIFT));
    }

    function zone(uint256 word) internal pure returns (uint8) {
        return uint8(word >> ZONE_SHIFT); // cuts exactly the field
    }

    function status(uint256 word) internal pure returns (AccountStatus) {
        return AccountStatus(uint8(word >> STATUS_SHIFT)); // cuts exactly the field
    }

    function reputationClass(uint256 word) internal pure returns (uint8) {
        return uint8(word >> CLASS_SHIFT); // cuts exactly the field
    }

    /// @notice Returns the connection capacity in kW.
    function capacityKw(uint256 word) internal pure returns (uint8) {
        return uint8(word >> CAPACITY_SHIFT);
    }

    function withCash(uint256 word, int64 cash_) internal pure returns (uint256) {
        return (word & NOT_CASH) | (uint256(uint64(cash_)) << CASH_SHIFT);
    }

    function withStatus(uint256 word, AccountStatus status_) internal pure returns (uint256) {
        return (word & ~(uint256(0xff) << STATUS_SHIFT)) | (uint256(uint8(status_)) << STATUS_SHIFT);
    }

    function withZone(uint256 word, uint8 zone_) internal pure returns (uint256) {
        return (word & ~(uint256(0xff) << ZONE_SHIFT)) | (uint256(zone_) << ZONE_SHIFT);
    }

    function withCapacityKw(uint256 word, uint8 capacityKw_) internal pure returns (uint256) {
        return (word & ~(uint256(0xff) << CAPACITY_SHIFT)) | (uint256(capacityKw_) << CAPACITY_SHIFT);
    }

    function withReputationClass(uint256 word, uint8 class_) internal pure returns (uint256) {
        return (word & ~(uint256(0xff) << CLASS_SHIFT)) | (uint256(class_) << CLASS_SHIFT);
    }

    function withOwner(uint256 word, address owner_) internal pure returns (uint256) {
        return ((word >> CASH_SHIFT) << CASH_SHIFT) | uint256(uint160(owner_));
    }
}
