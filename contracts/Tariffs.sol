// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITariffs} from "./interfaces/ITariffs.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

/// @title Tariffs
/// @dev The manual is `ITariffs`.
contract Tariffs is ITariffs, AccessManaged {
    using Checkpoints for Checkpoints.Trace224;

    uint256 private constant SLOTS_PER_DAY = 96;
    uint256 private constant SLOTS_PER_WORD = 4;

    uint64 private immutable NOTICE;

    /// @dev Published days in rising order. Key and value are the day: looking up a slot's day finds the list in force.
    Checkpoints.Trace224 private _days;
    mapping(uint32 day => uint256[24] words) private _words;

    /// @param authority Access manager.
    /// @param notice_ How long before a day its prices must be there, in seconds.
    constructor(address authority, uint64 notice_) AccessManaged(authority) {
        NOTICE = notice_;
    }

    /// @inheritdoc ITariffs
    function publish(uint32 day, uint256[24] calldata words) external restricted {
        uint256 start = uint256(day) * 1 days;
        uint256 deadline = start > NOTICE ? start - NOTICE : 0;
        if (block.timestamp >= deadline) revert TariffsTooLate(day, block.timestamp, deadline);
        if (day <= lastDay()) revert TariffsOutOfOrder(day, lastDay());
        for (uint256 slotOfDay = 0; slotOfDay < SLOTS_PER_DAY; ++slotOfDay) {
            (uint32 retail, uint32 feedIn) = _prices(words[slotOfDay / SLOTS_PER_WORD], slotOfDay);
            if (feedIn > retail) revert TariffsFeedInAboveRetail(slotOfDay, retail, feedIn);
        }
        // It returns the old and the new day, both known here (2026-11-21).
        // slither-disable-next-line unused-return
        _days.push(day, day);
        _words[day] = words;
        emit TariffPublished(day, words);
    }

    /// @inheritdoc ITariffs
    function priceAt(uint64 slot) external view returns (uint32 retail, uint32 feedIn) {
        uint256 slotDay = slot / SLOTS_PER_DAY;
        if (slotDay > type(uint32).max) revert TariffsMissing(slot); // 11 million years ahead
        uint256 slotOfDay = slot % SLOTS_PER_DAY;
        uint256 word = _words[uint32(slotDay)][slotOfDay / SLOTS_PER_WORD];
        if (word == 0) {
            // no list of the day's own, or one of zeros: the list in force
            uint32 listDay = uint32(_days.upperLookupRecent(uint32(slotDay)));
            if (listDay == 0) revert TariffsMissing(slot);
            word = _words[listDay][slotOfDay / SLOTS_PER_WORD];
        }
        return _prices(word, slotOfDay);
    }

    /// @inheritdoc ITariffs
    function notice() external view returns (uint64) {
        return NOTICE;
    }

    /// @inheritdoc ITariffs
    function lastDay() public view returns (uint32) {
        return uint32(_days.latest()); // days were pushed as uint32
    }

    /// @dev Reads a slot's 64 bits of its word: retail in the lower half, feed-in in the upper.
    function _prices(uint256 word, uint256 slotOfDay) private pure returns (uint32 retail, uint32 feedIn) {
        uint256 lane = word >> (64 * (slotOfDay % SLOTS_PER_WORD));
        return (uint32(lane), uint32(lane >> 32)); // cuts exactly the fields
    }
}
