// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Reputation from facts that the contracts saw, in parts per million.
/// @notice R = (good / deals + deals / takenPart) / 2. A deal is a filled order; it is good if metered delivery was
/// within tolerance. Taken part counts orders sealed; one that was not opened counts twice, and an idle day (admitted,
/// nothing sealed) counts once. A ratio without a denominator is one half, so a newcomer starts at one half. Who was idle
/// or is not good enough has no right to stand as a validator.
/// @dev Counts are posted a day at a time, signed by the oracle quorum (EIP-712
/// `DayCounts(uint32 day,bytes32 countsHash)`); anyone can recompute them from the events of the day.
interface IReputation {
    /// @notice What an account has done up to the last posted day.
    struct Counts {
        uint32 good;
        uint32 deals;
        uint32 takenPart;
        uint32 unopened;
        uint32 idleDays;
        uint32 lastIdleDay; // zero if there was none
    }

    /// @notice Counts of a day: per account, strictly rising, account u32 | good u8 | deals u8 | takenPart u16 |
    /// unopened u8 | idle u8. `takenPart` has the doubled and idle counts in it already.
    event DayPosted(uint32 indexed day, bytes counts);

    /// @notice Days follow each other; each is posted once, after it ended.
    error ReputationWrongDay(uint32 day, uint32 needed);

    /// @notice The day is not over yet.
    error ReputationDayNotOver(uint32 day);

    /// @notice Fewer valid oracle signatures than the quorum.
    error ReputationQuorumMissed(uint256 signatures, uint256 needed);

    /// @notice A signature is malformed, not of an oracle, or the signers do not strictly rise.
    error ReputationBadSigner(uint256 index, address signer);

    /// @notice The bytes end inside a record, the accounts do not rise, or a day has more good deals than deals.
    error ReputationMalformedCounts(uint256 offset);

    /// @notice Add a day's counts and hand the classes that changed to the ledger.
    /// @param day UTC day, epoch seconds / 86,400.
    function postDay(uint32 day, bytes calldata counts, bytes[] calldata signatures) external;

    /// @notice What an account has done.
    function countsOf(uint32 account) external view returns (Counts memory);

    /// @notice Score of an account, in ppm.
    function scoreOf(uint32 account) external view returns (uint256 scorePpm);

    /// @notice Class by which the ledger scales bond and collateral: 0 the lowest (newcomers), 3 the best.
    function classOf(uint32 account) external view returns (uint8);

    /// @notice Whether an account may stand as a validator: of class 2 or better, and not idle on the newest day posted.
    function mayStand(uint32 account) external view returns (bool);

    /// @notice Next day to be posted.
    function nextDay() external view returns (uint32);

    /// @notice EIP-712 digest that the oracles sign for a day.
    function digestOf(uint32 day, bytes calldata counts) external view returns (bytes32);
}
