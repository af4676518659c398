// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Demurrage: cash that lies idle shrinks a little every day, so that it is used when the sun shines
/// @notice An option of a market: without the MARKET role this contract can do nothing. Each day costs a share of what an
/// account has above a free amount, rounded down, and goes to the rewards account; days compound. Debts do not grow.
interface IDemurrage {
    /// @notice Demurrage of accounts up to and without `day` was collected.
    /// @param accounts Accounts, 4 bytes each.
    /// @param amountsMicro What each paid.
    event Collected(uint32 indexed day, bytes accounts, uint64[] amountsMicro);

    /// @notice The day has not come yet.
    error DemurrageDayAhead(uint32 day, uint32 today);

    /// @notice More than the most days of one collection are due; collect up to an earlier day first.
    error DemurrageTooManyDays(uint32 account, uint256 dueDays, uint256 most);

    /// @notice Only participants' accounts pay; a list has 4 bytes for each.
    error DemurrageWrongAccount(uint256 index);

    /// @notice A rate is a share of at most 100 %.
    error DemurrageBadRate(uint32 ratePpmPerDay);

    /// @notice Collect what is due of accounts for all days before `day`; by anybody.
    function collect(uint32 day, bytes calldata accounts) external;

    /// @notice What is left of `cashMicro` after `dueDays`, in micro-credits.
    function remaining(uint256 cashMicro, uint256 dueDays) external view returns (uint256);

    /// @notice The first day that an account has not paid for yet.
    function paidUntil(uint32 account) external view returns (uint32 day);
}
