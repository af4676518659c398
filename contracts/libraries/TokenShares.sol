// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEnergyToken} from "../interfaces/IEnergyToken.sol";
import {ILedger} from "../interfaces/ILedger.sol";
import {LedgerCalls} from "./LedgerCalls.sol";

/// @title Shares delivered energy out over the buyers of a slot and mints it
/// @notice Pro rata of what was bought, by running totals, so that the shares add up exactly.
library TokenShares {
    /// @dev Of the call of the token: selector (right-aligned in a word), slot, offset of the list, its length; then the list.
    uint256 private constant HEAD = 0x80;
    uint256 private constant SELECTOR_AT = 28;
    /// @dev Length of the shortest record of a buyer.
    uint256 private constant BUYER_BYTES = 27;
    /// @dev Where the owner stands in an entry of the token.
    uint256 private constant OWNER = (2 ** 160 - 1) << 32;

    /// @notice What is shared out.
    /// @param energyWh Energy delivered in the slot, at most what was bought.
    /// @param boughtWh Energy bought in the slot.
    /// @param earlierWh What of it was bought by accounts before those of the page.
    struct Delivery {
        uint256 energyWh; //        0x00
        uint256 boughtWh; //        0x20
        uint256 earlierWh; //       0x40
    }

    /// @notice Mint their shares to the buyers of a page that was read and found in order.
    /// @param first First record of the page in memory, as {ISettlement} describes it.
    /// @param end Where its records end.
    function mint(IEnergyToken token, ILedger ledger, uint64 slot, uint256 first, uint256 end, Delivery memory delivery)
        internal
    {
        uint256 accounts = LedgerCalls.take(LedgerCalls.WORDS_HEAD + 0x20 + (end - first) * 4 / BUYER_BYTES + 28);
        accounts += LedgerCalls.WORDS_HEAD;
        uint256 start = LedgerCalls.take(HEAD + (end - first) * 32 / BUYER_BYTES);
        uint256 entriesEnd = _shareOut(first, end, delivery, accounts, start + HEAD);
        if (entriesEnd == start + HEAD) return;
        bytes memory packed;
        assembly ("memory-safe") {
            packed := accounts
        }
        _nameOwners(start + HEAD, entriesEnd, LedgerCalls.words(ledger, packed));
        _call(token, slot, start, entriesEnd);
    }

    /// @dev Have the token mint the entries that follow the head of a call at `start`.
    function _call(IEnergyToken token, uint64 slot, uint256 start, uint256 end) private {
        uint256 selector = uint32(IEnergyToken.mint.selector);
        assembly ("memory-safe") {
            mstore(start, selector)
            mstore(add(start, 0x20), slot)
            mstore(add(start, 0x40), 0x40)
            mstore(add(start, 0x60), shr(5, sub(sub(end, start), HEAD)))
            if iszero(call(gas(), token, 0, add(start, SELECTOR_AT), sub(sub(end, start), SELECTOR_AT), 0, 0)) {
                returndatacopy(mload(0x40), 0, returndatasize())
                revert(mload(0x40), returndatasize())
            }
        }
    }

    /// @dev Write who has a share, packed, to `accounts`, and the shares to `entry` on.
    /// @return entriesEnd Where the shares end.
    function _shareOut(uint256 first, uint256 end, Delivery memory delivery, uint256 accounts, uint256 entry)
        private
        pure
        returns (uint256 entriesEnd)
    {
        // Assembly, because it runs for every account of every slot with delivery. It reads the records, and writes four bytes
        // and an entry for each buyer, with the rest of the word behind the four; there is room for as many as the page can
        // hold. A share fits 32 bits, as a position does: no more is delivered than was bought.
        assembly ("memory-safe") {
            let energyWh := mload(delivery)
            let boughtWh := mload(add(delivery, 0x20))
            let bought := mload(add(delivery, 0x40))
            let shared := div(mul(energyWh, bought), boughtWh)
            let account := add(accounts, 0x20)
            for { let at := first } lt(at, end) {} {
                let record := mload(at)
                let flags := byte(4, record)
                if and(flags, 1) {
                    at := add(at, 18)
                    let share := signextend(3, shr(152, record)) // what was bought, until its part is known
                    if sgt(share, 0) {
                        bought := add(bought, share)
                        share := sub(div(mul(energyWh, bought), boughtWh), shared)
                        shared := add(shared, share)
                        if share {
                            mstore(account, shl(40, record))
                            account := add(account, 4)
                            mstore(entry, share)
                            entry := add(entry, 0x20)
                        }
                    }
                }
                at := add(at, add(9, and(flags, 4))) // a breach has four bytes
            }
            mstore(accounts, sub(account, add(accounts, 0x20)))
            entriesEnd := entry
        }
    }

    /// @dev Put the owners into entries that have shares so far.
    function _nameOwners(uint256 entry, uint256 end, uint256[] memory words) private pure {
        assembly ("memory-safe") {
            for { let word := add(words, 0x20) } lt(entry, end) { entry := add(entry, 0x20) } {
                mstore(entry, or(mload(entry), and(shl(32, mload(word)), OWNER)))
                word := add(word, 0x20)
            }
        }
    }
}
