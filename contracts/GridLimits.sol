// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridLimits} from "./interfaces/IGridLimits.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title GridLimits
/// @dev The manual is `IGridLimits`.
contract GridLimits is IGridLimits, AccessManaged {
    uint256 private constant SLOT_SECONDS = 900;
    uint256 private constant HEAD_BYTES = 21;
    uint256 private constant ZONE_BYTES = 9;
    uint256 private constant MAX_ZONES = 32;
    /// @dev Far above every date, far below an overflow.
    uint64 private constant LAST_SLOT = type(uint40).max;

    uint64 private immutable LEAD;

    bytes32 private _topologyHash;
    mapping(uint64 slot => bytes32 hash) private _hashes;

    /// @param authority Access manager.
    /// @param lead_ How long before delivery publication ends, in seconds.
    constructor(address authority, uint64 lead_) AccessManaged(authority) {
        LEAD = lead_;
    }

    /// @inheritdoc IGridLimits
    function publish(uint64 slot, bytes calldata gridData) external restricted {
        _publish(slot, gridData);
    }

    /// @inheritdoc IGridLimits
    function publishMany(uint64[] calldata slots, bytes[] calldata gridData) external restricted {
        if (slots.length != gridData.length) revert LimitsListLengths(slots.length, gridData.length);
        for (uint256 i = 0; i < slots.length; ++i) {
            _publish(slots[i], gridData[i]);
        }
    }

    /// @inheritdoc IGridLimits
    function setTopology(bytes32 topologyHash_) external restricted {
        _topologyHash = topologyHash_;
        emit TopologySet(topologyHash_);
    }

    /// @inheritdoc IGridLimits
    function hashOf(uint64 slot) external view returns (bytes32) {
        return _hashes[slot];
    }

    /// @inheritdoc IGridLimits
    function lead() external view returns (uint64) {
        return LEAD;
    }

    /// @inheritdoc IGridLimits
    function topologyHash() external view returns (bytes32) {
        return _topologyHash;
    }

    function _publish(uint64 slot, bytes calldata gridData) private {
        if (slot > LAST_SLOT) revert LimitsInvalidSlot(slot);
        uint256 start = slot * SLOT_SECONDS;
        uint256 deadline = start > LEAD ? start - LEAD : 0;
        if (block.timestamp >= deadline) revert LimitsTooLate(slot, block.timestamp, deadline);
        _requireWellFormed(gridData);
        _hashes[slot] = keccak256(gridData);
        emit LimitsPublished(slot, gridData);
    }

    /// @dev What the clearing reads later without looking: zone count, and a tree whose parents come first.
    function _requireWellFormed(bytes calldata gridData) private pure {
        if (gridData.length < HEAD_BYTES) revert LimitsMalformed(gridData.length, HEAD_BYTES);
        uint256 zones = uint8(gridData[0]);
        if (zones == 0 || zones > MAX_ZONES) revert LimitsInvalidZoneCount(zones);
        uint256 needed = HEAD_BYTES + ZONE_BYTES * zones;
        if (gridData.length != needed) revert LimitsMalformed(gridData.length, needed);
        if (uint72(bytes9(gridData[HEAD_BYTES:HEAD_BYTES + ZONE_BYTES])) != 0) {
            revert LimitsInvalidZone(0, uint8(gridData[HEAD_BYTES]));
        }
        for (uint256 zone = 1; zone < zones; ++zone) {
            uint256 parent = uint8(gridData[HEAD_BYTES + ZONE_BYTES * zone]);
            if (parent >= zone) revert LimitsInvalidZone(zone, parent);
        }
    }
}
