// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Rewards: at the end of a period, the best by reputation share a subsidy
/// @notice An account is active in a period if it made a deal in it. Active accounts are ranked by score, equal ones by
/// account number; the first `places` share the subsidy in proportion to `places - rank`, rank counted from 0. One call pays
/// all of them from the rewards account, and the contract finds out itself whether the ranking is the right one.
interface IRewards {
    /// @notice A period was paid.
    /// @param accounts The accounts paid, best first (4 bytes each).
    /// @param amountsMicro What each got.
    event PeriodPaid(uint32 indexed period, bytes accounts, uint64[] amountsMicro);

    /// @notice The period is not the next one.
    error RewardsWrongPeriod(uint32 period, uint32 needed);

    /// @notice Reputation has not been posted up to the end of the period yet.
    error RewardsPeriodNotOver(uint32 period, uint32 nextDay, uint32 needed);

    /// @notice The list must have every participant once.
    error RewardsIncomplete(uint256 listed, uint256 needed);

    /// @notice An account is ranked before one that is better, or listed twice.
    error RewardsWrongRank(uint256 rank, uint32 account);

    /// @notice Rank of nobody: a period has at least a day, and a subsidy at least a place.
    error RewardsBadParameters();

    /// @notice Pay a period; by anybody.
    /// @param ranking All participants, 4 bytes each: the active ones by falling score, then the others; equal ones by
    /// rising account.
    function pay(uint32 period, bytes calldata ranking) external;

    /// @notice The next period to be paid.
    function nextPeriod() external view returns (uint32);

    /// @notice What rank `rank` of `ranked` active accounts gets, in micro-credits.
    function amountOf(uint256 rank, uint256 ranked) external view returns (uint64);
}
