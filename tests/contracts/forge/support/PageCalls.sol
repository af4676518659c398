// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDoubleAuction} from "../../../../contracts/interfaces/IDoubleAuction.sol";
import {IDoubleAuctionPages} from "../../../../contracts/interfaces/IDoubleAuctionPages.sol";
import {SlotResult} from "../../../../contracts/types/AuctionTypes.sol";
import {BookPage, Clearing, Outcome} from "../../../../contracts/types/PageTypes.sol";
import {SealedSlots} from "./SealedSlots.sol";
import {Vm} from "./Vm.sol";

/// @title Sends pages and reads what the events say, as whoever goes on with a clearing does.
/// @dev Clearings, pages, outcomes and results are handed about ABI-encoded.
abstract contract PageCalls is SealedSlots {
    /// @notice Judges a page; for `try`.
    function sendPage(bytes calldata clearing, bytes calldata page, bytes calldata state)
        external
        returns (bytes memory, bytes memory, bytes memory)
    {
        return _sendPage(abi.decode(clearing, (Clearing)), page, state);
    }

    /// @notice Fills a page; for `try`.
    function sendFill(bytes calldata clearing, bytes calldata outcome, bytes calldata state)
        external
        returns (bytes memory, bytes memory, bytes memory)
    {
        return _sendFill(abi.decode(clearing, (Clearing)), outcome, state);
    }

    /// @dev Returns what the events say: the next state, the outcome, and the first state of filling if that was the last page.
    function _sendPage(Clearing memory clearing, bytes memory page, bytes memory state)
        internal
        returns (bytes memory next, bytes memory outcome, bytes memory filling)
    {
        vm.recordLogs();
        AUCTION.judgePage(clearing, abi.decode(page, (BookPage)), state);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == IDoubleAuctionPages.PageJudged.selector) {
                Outcome memory found;
                (found, next) = abi.decode(logs[i].data, (Outcome, bytes));
                outcome = abi.encode(found);
            }
            if (logs[i].topics[0] == IDoubleAuctionPages.Accepted.selector) {
                (, filling) = abi.decode(logs[i].data, (Clearing, bytes));
            }
        }
    }

    /// @dev Returns what the events say: the next state, the positions, and the result if that was the last page.
    function _sendFill(Clearing memory clearing, bytes memory outcome, bytes memory state)
        internal
        returns (bytes memory next, bytes memory positions, bytes memory result)
    {
        vm.recordLogs();
        AUCTION.fillPage(clearing, abi.decode(outcome, (Outcome)), state);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == IDoubleAuctionPages.PageFilled.selector) {
                (positions,, next) = abi.decode(logs[i].data, (bytes, bytes, bytes));
            }
            if (logs[i].topics[0] == IDoubleAuction.Cleared.selector) {
                SlotResult memory cleared;
                (,,,, positions,, cleared) =
                    abi.decode(logs[i].data, (bytes32, uint64[], bytes32, bytes32, bytes, bytes, SlotResult));
                result = abi.encode(cleared);
            }
        }
    }

    function _slice(bytes memory whole, uint256 from, uint256 to) internal pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i = from; i < to; ++i) {
            part[i - from] = whole[i];
        }
    }
}
