// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What an account may do. The numbers are stored in account words and must not change.
enum AccountStatus {
    /// @dev Does not exist.
    None,
    /// @dev May trade.
    Active,
    /// @dev May not trade; its cash stays free to leave.
    Suspended,
    /// @dev Belongs to a function of the platform, see `SystemAccounts.sol`.
    System
}
