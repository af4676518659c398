// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDoubleAuction} from "../interfaces/IDoubleAuction.sol";

/// @title Packed grid data
/// @notice Reads what the DSO publishes for a slot; the layout is in `IGridLimits`.
library GridData {
    uint256 internal constant HEAD_BYTES = 21;
    uint256 internal constant ZONE_BYTES = 9;
    uint256 internal constant ZONES_MAX = 32;

    /// @notice Refuse bytes that are no tree of zones. What `GridLimits` stored was checked there already.
    function requireValid(bytes calldata data) internal pure {
        if (data.length < HEAD_BYTES + ZONE_BYTES) revert IDoubleAuction.BadGridData(0);
        uint256 count = zoneCount(data);
        if (count == 0 || count > ZONES_MAX || data.length != HEAD_BYTES + count * ZONE_BYTES) {
            revert IDoubleAuction.BadGridData(0);
        }
        if (excluded(data) >> count != 0) revert IDoubleAuction.BadGridData(count);
        for (uint256 index = 1; index < count; ++index) {
            (uint256 parent,,) = zone(data, index);
            if (parent >= index) revert IDoubleAuction.BadGridData(index);
        }
    }

    /// @notice Refuse `data` unless it is `published` with limits tightened or zones left out, and nothing else.
    function requireTightened(bytes calldata data, bytes calldata published) internal pure {
        requireValid(data);
        // Equal charges: bytes 5 to 20. Equal counts follow from equal lengths, as both are valid.
        if (data.length != published.length || bytes16(data[5:HEAD_BYTES]) != bytes16(published[5:HEAD_BYTES])) {
            revert IDoubleAuction.NotTightened(0);
        }
        uint256 before = excluded(published);
        if (excluded(data) & before != before) revert IDoubleAuction.NotTightened(0);
        uint256 count = zoneCount(data);
        for (uint256 index = 0; index < count; ++index) {
            (uint256 parent, uint256 importWh, uint256 exportWh) = zone(data, index);
            (uint256 parentBefore, uint256 importBefore, uint256 exportBefore) = zone(published, index);
            if (parent != parentBefore || importWh > importBefore || exportWh > exportBefore) {
                revert IDoubleAuction.NotTightened(index);
            }
        }
    }

    function zoneCount(bytes calldata data) internal pure returns (uint256) {
        return head(data) >> 160;
    }

    /// @notice Return the zones that are left out, zone z in bit z.
    function excluded(bytes calldata data) internal pure returns (uint256) {
        return uint32(head(data) >> 128); // cuts exactly the field
    }

    /// @notice Return C1 + C2 + C3 and the market fee, in micro-credits per kWh.
    function charges(bytes calldata data) internal pure returns (uint256 network, uint256 fee) {
        uint256 word = head(data);
        // casts cut exactly the fields; three of 32 bits cannot overflow
        unchecked {
            network = uint256(uint32(word >> 96)) + uint32(word >> 64) + uint32(word >> 32);
        }
        fee = uint32(word);
    }

    /// @notice Return a zone's parent and the limits of the line to it, in Wh.
    function zone(bytes calldata data, uint256 index)
        internal
        pure
        returns (uint256 parent, uint256 importWh, uint256 exportWh)
    {
        // Nine bytes from where the zone is; what is not there reads as zeros or as what follows, for `requireValid` and
        // the hash of what was published to refuse. An index is below 256.
        uint256 word;
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, add(HEAD_BYTES, mul(index, ZONE_BYTES))))
        }
        parent = word >> 248;
        importWh = uint32(word >> 216); // cuts exactly the field
        exportWh = uint32(word >> 184); // cuts exactly the field
    }

    /// @notice Return the head as a number: zone count u8 | excluded u32 | C1 u32 | C2 u32 | C3 u32 | fee u32.
    function head(bytes calldata data) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := shr(88, calldataload(data.offset))
        }
    }
}
