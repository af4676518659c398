// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "./interfaces/ILedger.sol";
import {IReputation} from "./interfaces/IReputation.sol";
import {IRewards} from "./interfaces/IRewards.sol";
import {FIRST_PARTICIPANT, REWARDS_ACCOUNT} from "./types/SystemAccounts.sol";

/// @title Rewards: at the end of a period, the best by reputation share a subsidy
contract Rewards is IRewards {
    /// @notice Ledger of the cash.
    ILedger public immutable ledger;
    /// @notice Scores that accounts are ranked by.
    IReputation public immutable reputation;
    /// @notice First UTC day of period 0.
    uint32 public immutable firstDay;
    /// @notice Days of a period.
    uint32 public immutable periodDays;
    /// @notice How many are paid.
    uint256 public immutable places;
    /// @notice What a period pays in all, if all places are taken, in micro-credits.
    uint64 public immutable subsidyMicro;

    /// @inheritdoc IRewards
    uint32 public nextPeriod;

    mapping(uint32 account => uint32 deals) private _dealsPaid;

    constructor(
        ILedger ledger_,
        IReputation reputation_,
        uint32 firstDay_,
        uint32 periodDays_,
        uint32 places_,
        uint64 subsidyMicro_
    ) {
        if (periodDays_ == 0 || places_ == 0) revert RewardsBadParameters();
        ledger = ledger_;
        reputation = reputation_;
        firstDay = firstDay_;
        periodDays = periodDays_;
        places = places_;
        subsidyMicro = subsidyMicro_;
    }

    /// @inheritdoc IRewards
    // The reputation is ours and answers in a few reads, and every participant has to be asked (2026-11-21).
    // slither-disable-next-line calls-loop
    function pay(uint32 period, bytes calldata ranking) external {
        if (period != nextPeriod) revert RewardsWrongPeriod(period, nextPeriod);
        uint32 endDay = firstDay + (period + 1) * periodDays;
        if (reputation.nextDay() < endDay) revert RewardsPeriodNotOver(period, reputation.nextDay(), endDay);
        uint256 count = ranking.length / 4;
        uint256 participants = ledger.lastAccount() + 1 - FIRST_PARTICIPANT;
        if (ranking.length % 4 != 0 || count != participants) revert RewardsIncomplete(count, participants);

        nextPeriod = period + 1;
        uint256 active = _checkRanking(ranking, count);
        for (uint256 rank; rank < active; ++rank) {
            uint32 account = _accountAt(ranking, rank);
            _dealsPaid[account] = reputation.countsOf(account).deals;
        }
        _payBest(period, ranking, active < places ? active : places);
    }

    /// @inheritdoc IRewards
    function amountOf(uint256 rank, uint256 ranked) public view returns (uint64) {
        uint256 paid = ranked < places ? ranked : places;
        if (rank >= paid) return 0;
        // weights places, places - 1, ... of all places, taken or not: what nobody earned stays in the account
        return uint64(uint256(subsidyMicro) * (places - rank) * 2 / (places * (places + 1))); // below the subsidy
    }

    /// @dev Every account strictly after the one before it, in the order of the interface: then there are no two the same.
    /// @return active How many of them, at the head of the list, were active.
    // The reputation is ours and answers in a few reads, and every participant has to be asked (2026-11-21).
    // slither-disable-next-line calls-loop
    function _checkRanking(bytes calldata ranking, uint256 count) private view returns (uint256 active) {
        uint256 before = type(uint256).max;
        for (uint256 rank; rank < count; ++rank) {
            uint32 account = _accountAt(ranking, rank);
            // as many different participants as there are: all of them
            if (account < FIRST_PARTICIPANT || account >= FIRST_PARTICIPANT + count) {
                revert RewardsWrongRank(rank, account);
            }
            IReputation.Counts memory counts = reputation.countsOf(account);
            bool isActive = counts.deals != _dealsPaid[account];
            // larger is better: active, then score, then the smaller account
            uint256 order = (isActive ? 1 << 64 : 0) | (isActive ? reputation.scoreOf(account) << 32 : 0)
                | (type(uint32).max - account);
            if (order >= before) revert RewardsWrongRank(rank, account);
            before = order;
            if (isActive) ++active;
        }
    }

    /// @dev One movement from the rewards account to the first `paid` of the ranking.
    function _payBest(uint32 period, bytes calldata ranking, uint256 paid) private {
        uint256[] memory entries = new uint256[](paid + 1);
        uint64[] memory amounts = new uint64[](paid);
        int256 total;
        for (uint256 rank; rank < paid; ++rank) {
            uint64 amount = amountOf(rank, paid);
            amounts[rank] = amount;
            total += int256(uint256(amount));
            entries[rank] = (uint256(_accountAt(ranking, rank)) << 64) | amount;
        }
        entries[paid] = (uint256(REWARDS_ACCOUNT) << 64) | uint64(uint256(-total)); // the 64 bits of an int64
        emit PeriodPaid(period, ranking[:paid * 4], amounts);
        if (total != 0) ledger.move(entries);
    }

    function _accountAt(bytes calldata ranking, uint256 rank) private pure returns (uint32) {
        return uint32(bytes4(ranking[rank * 4:rank * 4 + 4]));
    }
}
