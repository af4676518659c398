// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IGuarantee} from "./interfaces/IGuarantee.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {FIRST_PARTICIPANT, GUARANTEE_ACCOUNT} from "./types/SystemAccounts.sol";

/// @title Guarantee: over a period nobody pays more than it would have paid the retailer alone
contract Guarantee is IGuarantee, AccessManaged {
    uint256 private constant REFUND_BYTES = 12;
    uint256 private constant SLOTS_PER_DAY = 96;

    /// @notice Ledger of the cash.
    ILedger public immutable ledger;
    /// @notice Settlement, which knows how long a slot can still change.
    ISettlement public immutable settlement;
    /// @notice First UTC day of period 0.
    uint32 public immutable firstDay;
    /// @notice Days of a period.
    uint32 public immutable periodDays;
    /// @notice What an account gets at most for a period, in micro-credits.
    uint64 public immutable mostMicro;

    /// @inheritdoc IGuarantee
    uint32 public nextPeriod;
    /// @inheritdoc IGuarantee
    uint32 public lastAccount;

    constructor(
        address authority,
        ILedger ledger_,
        ISettlement settlement_,
        uint32 firstDay_,
        uint32 periodDays_,
        uint64 mostMicro_
    ) AccessManaged(authority) {
        if (periodDays_ == 0 || mostMicro_ == 0) revert GuaranteeBadParameters();
        ledger = ledger_;
        settlement = settlement_;
        firstDay = firstDay_;
        periodDays = periodDays_;
        mostMicro = mostMicro_;
    }

    /// @inheritdoc IGuarantee
    function pay(uint32 period, bytes calldata refunds, bool isLast) external restricted {
        if (period != nextPeriod) revert GuaranteeWrongPeriod(period, nextPeriod);
        uint256 closes = closesAt(period);
        if (block.timestamp <= closes) revert GuaranteePeriodOpen(period, block.timestamp, closes);
        if (refunds.length % REFUND_BYTES != 0) revert GuaranteeMalformedList(refunds.length);
        (uint256[] memory entries, uint32 last, uint256 total) = _read(refunds);
        int64 held = ledger.cashOf(GUARANTEE_ACCOUNT);
        if (held < int256(total)) revert GuaranteeUnfunded(held, total); // less than 2^32 refunds of a uint64 each

        (nextPeriod, lastAccount) = isLast ? (period + 1, 0) : (period, last);
        emit GuaranteePaid(period, refunds, isLast);
        if (total != 0) ledger.move(entries);
    }

    /// @inheritdoc IGuarantee
    function closesAt(uint32 period) public view returns (uint256) {
        uint256 endDay = firstDay + (uint256(period) + 1) * periodDays;
        uint64 lastSlot = uint64(endDay * SLOTS_PER_DAY - 1); // periods are paid in order: years, not 2^57 of them
        uint256 deadline = settlement.deadlineOf(lastSlot);
        uint256 corrections = settlement.correctionsUntil(lastSlot);
        return deadline > corrections ? deadline : corrections;
    }

    /// @dev The ledger's movement that a list makes: each refund, and their sum from the guarantee account.
    /// @return entries That movement.
    /// @return last The last account of the list, or of those before it if it is empty.
    /// @return total The sum, in micro-credits.
    function _read(bytes calldata refunds) private view returns (uint256[] memory entries, uint32 last, uint256 total) {
        uint256 count = refunds.length / REFUND_BYTES;
        entries = new uint256[](count + 1);
        last = lastAccount;
        for (uint256 index; index < count; ++index) {
            uint256 entry = uint96(bytes12(refunds[index * REFUND_BYTES:(index + 1) * REFUND_BYTES]));
            uint32 account = uint32(entry >> 64);
            uint64 amount = uint64(entry); // the lower 64 bits
            uint32 least = last < FIRST_PARTICIPANT ? FIRST_PARTICIPANT : last + 1;
            if (account < least) revert GuaranteeWrongAccount(account, least);
            if (amount > mostMicro) revert GuaranteeAboveMost(account, amount, mostMicro);
            last = account;
            total += amount;
            entries[index] = entry;
        }
        // what the account holds, an int64, covers the total: found before the entries are used
        entries[count] = (uint256(GUARANTEE_ACCOUNT) << 64) | uint64(uint256(-int256(total)));
    }
}
