// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Authority
/// @notice Who may call what: OpenZeppelin's access manager, with the roles of `Roles.sol`. Administrative roles carry an
/// execution delay, so that everybody sees a change before it happens.
contract Authority is AccessManager {
    /// @param admin First holder of the role ADMIN, without delay until the deployment sets one.
    constructor(address admin) AccessManager(admin) {}
}
