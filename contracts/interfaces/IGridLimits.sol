// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title GridLimits
/// @notice What the grid operator publishes ahead of a slot: the tree of zones with the line limits each way, and the
/// charges. Only the hash is stored; the bytes are in the event.
/// @dev Grid data, big endian:
///   zone count u8 | excluded zones u32 (bit z) | C1 u32 | C2 u32 | C3 u32 | fee u32 (micro-credits per kWh)
///   | zone count x (parent u8, import limit u32, export limit u32 (Wh in the slot))
/// Zone 0 is the root: parent 0 and limits 0. The parent of every other zone has a lower number.
interface IGridLimits {
    /// @notice Limits and charges of a slot were published, or replaced before the lead time.
    event LimitsPublished(uint64 indexed slot, bytes gridData);

    /// @notice The grid model behind the limits changed.
    /// @param topologyHash Hash of the canonical form of the network file.
    event TopologySet(bytes32 indexed topologyHash);

    /// @notice It is too late to publish for this slot.
    /// @param deadline The last second was the one before.
    error LimitsTooLate(uint64 slot, uint256 nowSeconds, uint256 deadline);

    /// @notice The slot number lies beyond what a clock can reach.
    error LimitsInvalidSlot(uint64 slot);

    /// @notice The length of the grid data does not belong to its zone count.
    error LimitsMalformed(uint256 length, uint256 needed);

    /// @notice There are 1 to 32 zones.
    error LimitsInvalidZoneCount(uint256 zoneCount);

    /// @notice A zone's parent has a lower number; the root's parent and limits are 0.
    error LimitsInvalidZone(uint256 zone, uint256 parent);

    /// @notice Two lists that belong together differ in length.
    error LimitsListLengths(uint256 slots, uint256 gridData);

    /// @notice Publishes limits and charges of a slot; replaces what was published, until the lead time.
    /// @dev Role DSO.
    function publish(uint64 slot, bytes calldata gridData) external;

    /// @notice Publishes several slots.
    /// @dev Role DSO.
    function publishMany(uint64[] calldata slots, bytes[] calldata gridData) external;

    /// @notice Sets the hash of the grid model.
    /// @dev Role DSO.
    function setTopology(bytes32 topologyHash_) external;

    /// @notice Returns the hash of the grid data of a slot; 0 where nothing is published.
    function hashOf(uint64 slot) external view returns (bytes32);

    /// @notice Returns how long before delivery publication ends, in seconds.
    function lead() external view returns (uint64);

    /// @notice Returns the hash of the canonical form of the network file.
    function topologyHash() external view returns (bytes32);
}
