// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "../interfaces/ILedger.sol";

/// @title Calls of the ledger with long lists
/// @notice Lists of hundreds of accounts are written once, in the form that the call needs, where the compiler would copy them
/// element by element.
/// @dev The ledger is a contract of the platform, fixed at construction; failures are passed on as they are.
library LedgerCalls {
    /// @dev Selector (right-aligned in a word), offset of the list, its length; then the entries.
    uint256 private constant HEAD = 0x60;
    uint256 private constant SELECTOR_AT = 28;
    /// @notice What `words` needs before the list of accounts.
    uint256 internal constant WORDS_HEAD = 0x40;

    /// @notice Take memory that nothing else uses.
    function take(uint256 length) internal pure returns (uint256 start) {
        // Rounded up to words, as the free pointer is.
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(0x40, add(start, and(add(length, 0x1f), not(0x1f))))
        }
    }

    /// @notice Take the memory up to `end`, which was written before its length was known.
    function takeUpTo(uint256 end) internal pure {
        // Rounded up to words, as the free pointer is.
        assembly ("memory-safe") {
            mstore(0x40, and(add(end, 0x1f), not(0x1f)))
        }
    }

    /// @notice Take memory that nothing else uses, and clear it of what was left there by what used it before.
    function takeCleared(uint256 length) internal pure returns (uint256 start) {
        start = take(length);
        // zeros from beyond the calldata, inside what was just taken
        assembly ("memory-safe") {
            calldatacopy(start, calldatasize(), length)
        }
    }

    /// @notice Begin a list of at most `count` movements.
    /// @return start Where the call starts.
    /// @return end Where the first movement goes.
    function begin(uint256 count) internal pure returns (uint256 start, uint256 end) {
        start = take(HEAD + count * 32);
        end = start + HEAD;
    }

    /// @notice Add a movement, unless it moves nothing; the caller knows that there is room.
    /// @param delta Micro-credits into the account, or out of it if negative.
    function push(uint256 end, uint256 account, int256 delta) internal pure returns (uint256) {
        if (delta == 0) return end;
        // An amount is below 2^63: cash is, and no account pays more than it has.
        assembly ("memory-safe") {
            mstore(end, or(shl(64, account), and(delta, 0xffffffffffffffff)))
            end := add(end, 0x20)
        }
        return end;
    }

    /// @notice Add a movement that settles energy, even if it moves nothing; the caller knows that there is room.
    /// @param delta Micro-credits into the account, or out of it if negative; within int64.
    /// @param energyWh Energy that is settled, signed.
    function pushMetered(uint256 end, uint256 account, int256 delta, int256 energyWh) internal pure returns (uint256) {
        assembly ("memory-safe") {
            mstore(end, or(or(shl(96, energyWh), shl(64, account)), and(delta, 0xffffffffffffffff)))
        }
        return end + 32;
    }

    /// @notice Have the ledger make all movements of a list, if there are any.
    function move(ILedger ledger, uint256 start, uint256 end) internal {
        _call(ledger, uint32(ILedger.move.selector), start, end);
    }

    /// @notice Have the ledger settle all movements of a list, if there are any.
    function settle(ILedger ledger, uint256 start, uint256 end) internal {
        _call(ledger, uint32(ILedger.settle.selector), start, end);
    }

    function _call(ILedger ledger, uint256 selector, uint256 start, uint256 end) private {
        if (end == start + HEAD) return;
        assembly ("memory-safe") {
            mstore(start, selector)
            mstore(add(start, 0x20), 0x20)
            mstore(add(start, 0x40), shr(5, sub(sub(end, start), HEAD)))
            if iszero(call(gas(), ledger, 0, add(start, SELECTOR_AT), sub(sub(end, start), SELECTOR_AT), 0, 0)) {
                returndatacopy(mload(0x40), 0, returndatasize())
                revert(mload(0x40), returndatasize())
            }
        }
    }

    /// @notice Return the account words of packed accounts. The caller left `WORDS_HEAD` bytes before the list for the call's.
    function words(ILedger ledger, bytes memory accounts) internal view returns (uint256[] memory list) {
        uint256 selector = uint32(ILedger.words.selector);
        // Selector and offset go before the list, whose length and bytes follow as they stand. The answer is offset, length
        // and words: everything after the offset is a memory array as it stands.
        assembly ("memory-safe") {
            mstore(sub(accounts, WORDS_HEAD), selector)
            mstore(sub(accounts, 0x20), 0x20)
            if iszero(staticcall(gas(), ledger, sub(accounts, 0x24), add(mload(accounts), 0x44), 0, 0)) {
                returndatacopy(mload(0x40), 0, returndatasize())
                revert(mload(0x40), returndatasize())
            }
            list := mload(0x40)
            let length := sub(returndatasize(), 0x20)
            returndatacopy(list, 0x20, length)
            mstore(0x40, add(list, length))
        }
        assert(list.length == accounts.length / 4);
    }
}
