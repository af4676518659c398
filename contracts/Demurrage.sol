// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDemurrage} from "./interfaces/IDemurrage.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {FIRST_PARTICIPANT, REWARDS_ACCOUNT} from "./types/SystemAccounts.sol";

/// @title Demurrage: cash that lies idle shrinks a little every day, so that it is used when the sun shines
contract Demurrage is IDemurrage {
    /// @notice Most days of one collection, so that its cost is bounded.
    uint256 public constant DAYS_MOST = 92;

    uint256 private constant DAY_SECONDS = 86_400;
    uint256 private constant PPM = 1_000_000;

    /// @notice Ledger of the cash.
    ILedger public immutable ledger;
    /// @notice First UTC day that costs anything.
    uint32 public immutable firstDay;
    /// @notice Share of the cash above `freeMicro` that a day costs, in ppm.
    uint32 public immutable ratePpmPerDay;
    /// @notice Cash that costs nothing, in micro-credits.
    uint64 public immutable freeMicro;

    mapping(uint32 account => uint32 day) private _paidUntil;

    constructor(ILedger ledger_, uint32 firstDay_, uint32 ratePpmPerDay_, uint64 freeMicro_) {
        if (ratePpmPerDay_ > PPM) revert DemurrageBadRate(ratePpmPerDay_);
        ledger = ledger_;
        firstDay = firstDay_;
        ratePpmPerDay = ratePpmPerDay_;
        freeMicro = freeMicro_;
    }

    /// @inheritdoc IDemurrage
    function collect(uint32 day, bytes calldata accounts) external {
        uint32 today = uint32(block.timestamp / DAY_SECONDS); // a day beyond 2^32 lies 11 million years ahead
        if (day > today) revert DemurrageDayAhead(day, today);
        uint256 count = accounts.length / 4;
        if (accounts.length % 4 != 0) revert DemurrageWrongAccount(count);
        uint256[] memory entries = new uint256[](count + 1);
        uint64[] memory amounts = new uint64[](count);
        uint256 total;
        for (uint256 index; index < count; ++index) {
            uint32 account = uint32(bytes4(accounts[index * 4:index * 4 + 4]));
            if (account < FIRST_PARTICIPANT) revert DemurrageWrongAccount(index);
            amounts[index] = _due(account, day);
            total += amounts[index];
            // the 64 bits of a negative int64: an amount is at most the cash, which is one
            entries[index] = (uint256(account) << 64) | uint64(uint256(-int256(uint256(amounts[index]))));
            _paidUntil[account] = day;
        }
        entries[count] = (uint256(REWARDS_ACCOUNT) << 64) | uint64(total); // all cash together is an int64
        emit Collected(day, accounts, amounts);
        if (total != 0) ledger.move(entries);
    }

    /// @inheritdoc IDemurrage
    function remaining(uint256 cashMicro, uint256 dueDays) public view returns (uint256) {
        for (uint256 day; day < dueDays && cashMicro > freeMicro; ++day) {
            cashMicro -= (cashMicro - freeMicro) * ratePpmPerDay / PPM;
        }
        return cashMicro;
    }

    /// @inheritdoc IDemurrage
    function paidUntil(uint32 account) public view returns (uint32) {
        uint32 paid = _paidUntil[account];
        return paid > firstDay ? paid : firstDay;
    }

    /// @dev What an account owes for the days before `day`.
    function _due(uint32 account, uint32 day) private view returns (uint64) {
        uint32 paid = paidUntil(account);
        // The ledger is ours; it is asked once for each account that the caller names (2026-11-21).
        // slither-disable-next-line calls-loop
        int64 cash = ledger.cashOf(account);
        if (day < paid) revert DemurrageDayAhead(paid, day);
        if (cash <= 0) return 0;
        uint256 dueDays = day - paid;
        if (dueDays > DAYS_MOST) revert DemurrageTooManyDays(account, dueDays, DAYS_MOST);
        uint256 before = uint256(uint64(cash)); // positive, see above
        return uint64(before - remaining(before, dueDays)); // at most the cash
    }
}
