// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Counts signatures of holders of a role.
library Quorum {
    /// @notice Index of the first signature that does not count and who made it, or the number of signatures if all do.
    /// @dev A signature counts if it is canonical (65 bytes, low s), its signer holds `role`, and signers strictly rise,
    /// which keeps anyone from counting twice.
    function firstBad(bytes32 digest, bytes[] calldata signatures, address manager, uint64 role)
        internal
        view
        returns (uint256 index, address signer)
    {
        address previous;
        for (; index < signatures.length; ++index) {
            ECDSA.RecoverError problem;
            (signer, problem,) = ECDSA.tryRecover(digest, signatures[index]);
            if (problem != ECDSA.RecoverError.NoError || signer <= previous) return (index, signer);
            (bool isMember,) = IAccessManager(manager).hasRole(role, signer);
            if (!isMember) return (index, signer);
            previous = signer;
        }
        return (index, address(0));
    }
}
