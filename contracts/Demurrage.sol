// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDemurrage} from "./interfaces/IDemurrage.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {FIRST_PARTICIPANT, REWARDS_ACCOUNT} from "./types/SystemAccounts.sol";

/// @title Demurrage: cash that lies idle shrinks a little every day, so that it is used when the sun shines
contract Demurrage is IDemurrage {
    /// @dev When an account was last looked at, and what it was left with; one word.
    struct Seen {
        uint32 day;
        uint64 cashMicro;
    }

    /// @notice Most days of one collection, so that its cost is bounded.
    uint256 public constant DAYS_MOST = 92;

    uint256 private constant DAY_SECONDS = 86_400;
    uint256 private constant PPM = 1_000_000;

    /// @notice Ledger of the cash.
    ILedger public immutable ledger;
    /// @notice Share of what is idle above `freeMicro` that a day costs, in ppm.
    uint32 public immutable ratePpmPerDay;
    /// @notice Cash that costs nothing, in micro-credits.
    uint64 public immutable freeMicro;

    mapping(uint32 account => Seen seen) private _seen;

    constructor(ILedger ledger_, uint32 ratePpmPerDay_, uint64 freeMicro_) {
        if (ratePpmPerDay_ > PPM) revert DemurrageBadRate(ratePpmPerDay_);
        ledger = ledger_;
        ratePpmPerDay = ratePpmPerDay_;
        freeMicro = freeMicro_;
    }

    /// @inheritdoc IDemurrage
    function collect(bytes calldata accounts) external {
        uint32 today = uint32(block.timestamp / DAY_SECONDS); // a day beyond 2^32 lies 11 million years ahead
        uint256 count = accounts.length / 4;
        if (accounts.length % 4 != 0) revert DemurrageWrongAccount(count);
        uint256[] memory entries = new uint256[](count + 1);
        uint64[] memory amounts = new uint64[](count);
        uint256 total;
        for (uint256 index; index < count; ++index) {
            uint32 account = uint32(bytes4(accounts[index * 4:index * 4 + 4]));
            if (account < FIRST_PARTICIPANT) revert DemurrageWrongAccount(index);
            amounts[index] = _lookAt(account, today);
            total += amounts[index];
            // the 64 bits of a negative int64: an amount is at most the cash, which is one
            entries[index] = (uint256(account) << 64) | uint64(uint256(-int256(uint256(amounts[index]))));
        }
        entries[count] = (uint256(REWARDS_ACCOUNT) << 64) | uint64(total); // all cash together is an int64
        emit Collected(today, accounts, amounts);
        if (total != 0) ledger.move(entries);
    }

    /// @inheritdoc IDemurrage
    function remaining(uint256 idleMicro, uint256 dueDays) public view returns (uint256) {
        for (uint256 day; day < dueDays && idleMicro > freeMicro; ++day) {
            idleMicro -= (idleMicro - freeMicro) * ratePpmPerDay / PPM;
        }
        return idleMicro;
    }

    /// @inheritdoc IDemurrage
    function seenOf(uint32 account) external view returns (uint32 day, uint64 cashMicro) {
        Seen storage seen = _seen[account];
        return (seen.day, seen.cashMicro);
    }

    /// @dev Note what an account has on a day, and return what it owes since it was last looked at.
    function _lookAt(uint32 account, uint32 today) private returns (uint64 due) {
        Seen memory seen = _seen[account];
        if (seen.day == today) return 0;
        // The ledger is ours; it is asked once for each account that the caller names (2026-11-21).
        // slither-disable-next-line calls-loop
        int64 signed = ledger.cashOf(account);
        uint64 cash = signed > 0 ? uint64(signed) : 0; // positive, just checked
        if (seen.day != 0) {
            uint256 idle = cash < seen.cashMicro ? cash : seen.cashMicro;
            uint256 dueDays = today - seen.day;
            due = uint64(idle - remaining(idle, dueDays < DAYS_MOST ? dueDays : DAYS_MOST)); // at most the cash
        }
        _seen[account] = Seen({day: today, cashMicro: cash - due});
    }
}
