// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Demurrage: cash that lies idle shrinks a little every day, so that it is used when the sun shines
/// @notice An option of a market: unless it is a mover of the ledger this contract can do nothing. Idle is what an account
/// had at one collection and still has at the next one, on a later UTC day: money that came or was used in between costs
/// nothing, and the first collection only notes what is there. Each day takes a share of what is idle above a free amount, rounded
/// down; days compound. It goes to the rewards account, so that no credit comes or goes. Debts do not grow.
interface IDemurrage {
    /// @notice Accounts were looked at on UTC day `day`; those that were looked at on that day already are unchanged.
    /// @param accounts Accounts, 4 bytes each.
    /// @param amountsMicro What each paid.
    event Collected(uint32 indexed day, bytes accounts, uint64[] amountsMicro);

    /// @notice Only participants' accounts pay; a list has 4 bytes for each.
    error DemurrageWrongAccount(uint256 index);

    /// @notice A rate is a share of at most 100 %.
    error DemurrageBadRate(uint32 ratePpmPerDay);

    /// @notice Look at accounts, and collect what is due since they were last looked at; by anybody.
    /// @dev At most the last 92 days count, so that the cost is bounded.
    function collect(bytes calldata accounts) external;

    /// @notice What is left of `idleMicro` after `dueDays`, in micro-credits.
    function remaining(uint256 idleMicro, uint256 dueDays) external view returns (uint256);

    /// @notice The UTC day on which an account was last looked at, 0 if never, and the cash that it was left with.
    function seenOf(uint32 account) external view returns (uint32 day, uint64 cashMicro);
}
