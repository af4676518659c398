// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../interfaces/ISettlement.sol";
import {ImbalanceRule, Rules} from "../types/SettlementTypes.sol";
import {LedgerCalls} from "./LedgerCalls.sol";
import {ESTIMATED, HAS_POSITION, SettlementPage} from "./SettlementPage.sol";

/// @title What an account pays and receives in a slot; `p2ptrade/domain/settlement.py` computes the same to the unit.
/// @dev Records are laid out as {ISettlement} says. Energies fit 33 bits, prices 32, locked and released amounts 56,
/// totals of a slot 64: no sum or product here comes near 256 bits.
library SettlementFlows {
    using SettlementPage for bytes;
    using SettlementPage for bytes32;
    using SettlementPage for uint256;

    uint256 private constant WH_PER_KWH = 1000;
    uint256 private constant ROUND_UP = 999; // added before a division by WH_PER_KWH, for what is owed
    uint256 private constant PPM = 1_000_000;
    uint256 private constant SHIFT = 1000 << 64; // WH_PER_KWH times 2^64, which is far above what an imbalance comes to

    /// @notice Everything about a slot that is the same for all accounts.
    /// @param toleranceSquare Square of the fixed tolerance `toleranceWh`.
    /// @param shortPrice What a missing kWh costs, in micro-credits.
    /// @param longPrice What a surplus kWh earns, in micro-credits.
    /// @param matchSides Whether positions are cut to what both sides kept to.
    /// @param matchedWh Traded energy that counts as such then: the smaller of given and taken.
    struct Terms {
        uint256 toleranceSquare; // 0x00
        uint256 toleranceWh; //     0x20
        uint256 shortPrice; //      0x40
        uint256 longPrice; //       0x60
        uint256 tolerancePpm; //    0x80
        uint256 deviationPrice; //  0xa0
        uint256 breachPrice;
        bool matchSides;
        uint256 matchedWh;
        uint256 givenWh;
        uint256 takenWh;
    }

    /// @notice Running sums over the accounts of a slot, in Wh and micro-credits. Of what was given, `estimatedWh` was only
    /// estimated. Retailer and release are those of one page.
    struct Sums {
        int256 netWh; //            0x00
        uint256 givenWh; //         0x20
        uint256 takenWh; //         0x40
        uint256 boughtWh; //        0x60
        bytes32 positionsHash; //   0x80
        uint256 lastAccount; //     0xa0
        int256 retailerMicro; //    0xc0
        uint256 releasedMicro; //   0xe0
        uint256 estimatedWh;
    }

    /// @notice Places in memory: where the next record is read, and where the next entry of the ledger goes.
    struct Span {
        uint256 next; //            0x00
        uint256 entry; //           0x20
        Terms terms; //             0x40
        Sums sums; //               0x60
    }

    /// @notice The terms of a slot under `rules`.
    function termsOf(Rules memory rules, SettlementPage.Totals memory totals, uint32 retail, uint32 feedIn)
        internal
        pure
        returns (Terms memory terms)
    {
        terms.shortPrice = retail;
        terms.longPrice = feedIn;
        if (rules.imbalanceRule == ImbalanceRule.ONE_PRICE) {
            if (totals.netWh > 0) terms.longPrice = retail;
            else terms.shortPrice = feedIn;
        }
        terms.toleranceWh = rules.toleranceWh;
        terms.toleranceSquare = terms.toleranceWh * terms.toleranceWh;
        terms.tolerancePpm = rules.tolerancePpm;
        terms.deviationPrice = rules.deviationMicroPerKwh;
        terms.breachPrice = rules.breachMicroPerKwh;
        terms.matchSides = rules.imbalanceRule == ImbalanceRule.MATCHED_SIDES;
        terms.givenWh = totals.givenWh;
        terms.takenWh = totals.takenWh;
        terms.matchedWh = totals.givenWh < totals.takenWh ? totals.givenWh : totals.takenWh;
    }

    /// @notice Settle all records of a page on paper: extend the sums, and write for each account its ledger entry.
    /// @dev Most records are ordinary; `_settleOrdinary` does those quickly and leaves the others to `_settleNext`.
    /// @param span Starts at the first record of the copy of the page at `start`, which has 64 bytes of zeros behind it;
    /// there is room for an entry for every 9 bytes of the page.
    function settlePage(bytes calldata page, uint256 start, Span memory span) internal pure {
        uint256 end = start + page.length;
        while (span.next < end) {
            if (!span.terms.matchSides) _settleOrdinary(span);
            if (span.next < end) _settleNext(page, start, span);
        }
        if (span.next > end) revert ISettlement.SettlementMalformedPage(page.length);
    }

    /// @notice What an account gets from the retailer (imbalance, penalties, unwound trade) and what is released of its
    /// position, in micro-credits; extends the sums.
    function flowOf(uint256 record, uint256 breachWh, Terms memory terms, Sums memory sums)
        internal
        pure
        returns (int256 micro)
    {
        int256 metered = record.meteredWh();
        bool measured = record & ESTIMATED == 0;
        sums.netWh += metered;
        if (measured) micro -= _owed(breachWh, terms.breachPrice);
        if (record & HAS_POSITION == 0) {
            micro += _priced(metered, terms);
            sums.retailerMicro -= micro;
            return micro;
        }
        sums.positionsHash = sums.positionsHash.hashPosition(record);
        int256 energy = record.energyWh();
        if (measured) micro -= _penalty(_size(metered - energy), _size(energy), terms);
        int256 traded = _extendKept(metered, energy, measured, terms, sums);
        if (terms.matchSides) micro += _unwound(record, _size(traded));
        else traded = energy;
        micro += _priced(metered - traded, terms);
        sums.retailerMicro -= micro;
        if (energy < 0) {
            micro += int256(record.releaseMicro());
            sums.releasedMicro += record.releaseMicro();
        }
    }

    /// @dev Settle one record of any kind, and refuse it if it is malformed or out of order.
    function _settleNext(bytes calldata page, uint256 start, Span memory span) private pure {
        (uint256 record, uint256 breachWh, uint256 end) = page.read(span.next - start);
        uint256 account = record.accountOf();
        if (account <= span.sums.lastAccount) revert ISettlement.SettlementMalformedPage(span.next - start);
        span.sums.lastAccount = account;
        int256 micro = flowOf(record, breachWh, span.terms, span.sums);
        span.entry = LedgerCalls.pushMetered(span.entry, account, micro, record.meteredWh());
        span.next = start + end;
    }

    /// @dev Settle ordinary records up to the first other one, or the end: known to be measured, without a breach, in
    /// order, and at the account's own deviation. Does what `flowOf` does.
    function _settleOrdinary(Span memory span) private pure {
        // Assembly, because it runs for every account of every slot. It reads records up to the zeros behind them, which
        // are no account that rises, and the fields of the structs at the places written beside them; it writes sums and
        // entries, and uses scratch space, where the running hash of the positions stays in the first word. While it runs,
        // energies are kept side by side in one word, 64 bits each from the top: given, taken, bought and net, which is
        // signed and may borrow from the one above it until the end. What an imbalance comes to is one floored division of
        // -imbalance * price, shifted to where it is positive: floored, it rounds up what is owed and down what is due. The
        // shift leaves 2^64 in the amount, above what an entry has of it. `paid` and `released` are sums of micro-credits.
        assembly ("memory-safe") {
            let at := mload(span)
            let entry := mload(add(span, 0x20))
            let energies := 0
            let paid := 0
            let released := 0
            let last := mload(add(span, 0x60)) // the sums, for a moment
            mstore(0x00, mload(add(last, 0x80)))
            last := mload(add(last, 0xa0))
            let terms := mload(add(span, 0x40))
            for {} 1 {} {
                let record := mload(at)
                let account := shr(224, shl(40, record))
                if iszero(gt(account, last)) { break }
                let metered := sar(224, record)
                let imbalance := metered
                let micro := 0
                switch byte(4, record) // flags
                case 1 {
                    at := add(at, 27)
                    mstore(0x20, shl(40, record))
                    mstore(0x00, keccak256(0x00, 54))
                    let energy := signextend(3, shr(152, record))
                    imbalance := sub(metered, energy)
                    // beyond the fixed tolerance
                    if gt(mul(imbalance, imbalance), mload(terms)) {
                        // sizes: of a number x, x * (x < 0 ? -1 : 1)
                        let tolerated := div(mul(mul(energy, or(1, sar(255, energy))), mload(add(terms, 0x80))), PPM)
                        if lt(tolerated, mload(add(terms, 0x20))) { tolerated := mload(add(terms, 0x20)) }
                        let beyond := mul(imbalance, or(1, sar(255, imbalance)))
                        if gt(beyond, tolerated) {
                            beyond := mul(sub(beyond, tolerated), mload(add(terms, 0xa0)))
                            micro := sub(0, div(add(beyond, ROUND_UP), WH_PER_KWH))
                        }
                    }
                    switch slt(energy, 0)
                    case 0 {
                        let taken := energy
                        if slt(imbalance, 0) { taken := mul(metered, sgt(metered, 0)) }
                        energies := add(energies, add(metered, or(shl(128, taken), shl(64, energy))))
                    }
                    default {
                        if sgt(imbalance, 0) { energy := mul(metered, slt(metered, 0)) }
                        energies := add(energies, sub(metered, shl(192, energy)))
                        energy := and(shr(40, record), 0xffffffffffffff) // what is released
                        micro := add(micro, energy)
                        released := add(released, energy)
                    }
                }
                case 0 {
                    at := add(at, 9)
                    energies := add(energies, metered)
                }
                default { break }
                micro := add(
                    micro,
                    div(sub(SHIFT, mul(imbalance, mload(add(terms, shl(5, add(2, slt(imbalance, 0))))))), WH_PER_KWH)
                )
                paid := add(paid, micro)
                // An amount is below 2^60 either way, the entry has 64 bits for it.
                mstore(entry, or(shl(64, or(shl(32, metered), account)), shr(192, shl(192, micro))))
                entry := add(entry, 0x20)
                last := account
            }
            mstore(span, at)
            paid := sub(paid, shl(59, sub(entry, mload(add(span, 0x20))))) // 2^64 for each entry of 32 bytes
            mstore(add(span, 0x20), entry)
            let sums := mload(add(span, 0x60))
            let net := signextend(7, energies)
            energies := sub(energies, net)
            mstore(sums, add(mload(sums), net))
            mstore(add(sums, 0x20), add(mload(add(sums, 0x20)), shr(192, energies)))
            mstore(add(sums, 0x40), add(mload(add(sums, 0x40)), and(shr(128, energies), 0xffffffffffffffff)))
            mstore(add(sums, 0x60), add(mload(add(sums, 0x60)), and(shr(64, energies), 0xffffffffffffffff)))
            mstore(add(sums, 0x80), mload(0x00))
            mstore(add(sums, 0xa0), last)
            mstore(add(sums, 0xc0), add(mload(add(sums, 0xc0)), sub(released, paid)))
            mstore(add(sums, 0xe0), add(mload(add(sums, 0xe0)), released))
        }
    }

    /// @dev Add to the sums what was kept of a position, and return what of it counts as traded, with its sign, if only what
    /// both sides kept to does.
    function _extendKept(int256 metered, int256 energy, bool measured, Terms memory terms, Sums memory sums)
        private
        pure
        returns (int256)
    {
        if (energy < 0) {
            uint256 given = _least(-metered, -energy);
            sums.givenWh += given;
            if (!measured) sums.estimatedWh += given;
            return -int256(_shareOf(terms.matchedWh, given, sums.givenWh, terms.givenWh));
        }
        uint256 taken = _least(metered, energy);
        sums.takenWh += taken;
        sums.boughtWh += uint256(energy);
        return int256(_shareOf(terms.matchedWh, taken, sums.takenWh, terms.takenWh));
    }

    /// @dev Part of `amount` for whoever brings the running total of `whole` from `later - part` to `later`.
    function _shareOf(uint256 amount, uint256 part, uint256 later, uint256 whole) private pure returns (uint256) {
        return part == 0 || whole == 0 ? 0 : amount * later / whole - amount * (later - part) / whole;
    }

    /// @dev Money that comes back for what of a position does not count as traded, at the price it traded at: to a buyer
    /// rounded down, from a seller rounded up.
    function _unwound(uint256 record, uint256 tradedWh) private pure returns (int256) {
        int256 energy = record.energyWh();
        uint256 size = _size(energy);
        uint256 locked = record.lockedMicro();
        if (energy > 0) return int256(locked * (size - tradedWh) / size);
        uint256 release = record.releaseMicro();
        if (energy == 0 || release <= locked) return 0;
        return -int256(((release - locked) * (size - tradedWh) + size - 1) / size);
    }

    /// @dev Penalty on what exceeds both tolerances.
    function _penalty(uint256 deviationWh, uint256 energyWh, Terms memory terms) private pure returns (int256) {
        uint256 tolerated = energyWh * terms.tolerancePpm / PPM;
        if (tolerated < terms.toleranceWh) tolerated = terms.toleranceWh;
        return deviationWh > tolerated ? _owed(deviationWh - tolerated, terms.deviationPrice) : int256(0);
    }

    /// @dev What an imbalance earns or, negative, costs.
    function _priced(int256 imbalance, Terms memory terms) private pure returns (int256) {
        if (imbalance > 0) return -_owed(uint256(imbalance), terms.shortPrice);
        return int256(uint256(-imbalance) * terms.longPrice / WH_PER_KWH);
    }

    function _owed(uint256 energyWh, uint256 price) private pure returns (int256) {
        return int256((energyWh * price + ROUND_UP) / WH_PER_KWH);
    }

    /// @dev The smaller one, or 0 if that is negative; `most` is not.
    function _least(int256 amount, int256 most) private pure returns (uint256) {
        if (amount <= 0) return 0;
        return uint256(amount < most ? amount : most);
    }

    function _size(int256 amount) private pure returns (uint256) {
        return uint256(amount < 0 ? -amount : amount);
    }
}
