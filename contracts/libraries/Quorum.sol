// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

import {Signatures} from "./Signatures.sol";

/// @title Counts signatures of holders of a role.
library Quorum {
    /// @notice Index of the first signature that does not count and who made it, or the number of signatures if all do.
    /// @dev A signature counts if it is compact (EIP-2098, 64 bytes, low s), its signer holds `role`, and signers strictly
    /// rise, which keeps anyone from counting twice.
    function firstBad(bytes32 digest, bytes[] calldata signatures, address manager, uint64 role)
        internal
        view
        returns (uint256 index, address signer)
    {
        address previous;
        for (; index < signatures.length; ++index) {
            signer = Signatures.recover(digest, signatures[index]);
            if (signer <= previous) return (index, signer); // nobody's signature recovers to zero
            // The delay of its actions is no matter here: an oracle signs, it does not call (2026-11-21).
            // slither-disable-next-line unused-return
            (bool isMember,) = IAccessManager(manager).hasRole(role, signer);
            if (!isMember) return (index, signer);
            previous = signer;
        }
        return (index, address(0));
    }
}
