// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ImbalanceRule, Rules} from "../types/SettlementTypes.sol";
import {SettlementPage} from "./SettlementPage.sol";

/// @title What an account pays and receives in a slot; `p2ptrade/domain/settlement.py` computes the same to the unit.
/// @dev Nothing overflows: energies fit 33 bits, prices 32, locked and released amounts 56, and totals 64.
library SettlementFlows {
    uint256 private constant WH_PER_KWH = 1000;
    uint256 private constant PPM = 1_000_000;

    /// @notice Everything about a slot that is the same for all accounts.
    /// @param shortPrice What a missing kWh costs, in micro-credits.
    /// @param longPrice What a surplus kWh earns, in micro-credits.
    /// @param matchedWh Traded energy that counts as such: the smaller of given and taken, under MATCHED_SIDES.
    struct Terms {
        uint256 shortPrice;
        uint256 longPrice;
        uint256 toleranceWh;
        uint256 tolerancePpm;
        uint256 deviationPrice;
        uint256 breachPrice;
        bool matchSides;
        uint256 matchedWh;
        uint256 givenWh;
        uint256 takenWh;
    }

    /// @notice Running sums over the accounts of a slot, in Wh.
    struct Sums {
        uint256 shortWh;
        uint256 longWh;
        uint256 givenWh;
        uint256 takenWh;
        uint256 deliveredWh;
        uint256 boughtWh;
        int256 netWh;
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
            if (totals.shortWh > totals.longWh) terms.longPrice = retail;
            else terms.shortPrice = feedIn;
        }
        terms.toleranceWh = rules.toleranceWh;
        terms.tolerancePpm = rules.tolerancePpm;
        terms.deviationPrice = rules.deviationMicroPerKwh;
        terms.breachPrice = rules.breachMicroPerKwh;
        terms.matchSides = rules.imbalanceRule == ImbalanceRule.MATCHED_SIDES;
        terms.givenWh = totals.givenWh;
        terms.takenWh = totals.takenWh;
        terms.matchedWh = totals.givenWh < totals.takenWh ? totals.givenWh : totals.takenWh;
    }

    /// @notice What the account gets from the retailer or, negative, owes to it: imbalance, penalties, unwound trade.
    /// @param sums Running sums of the accounts before this one; this one is added.
    function flowOf(SettlementPage.Record memory record, Terms memory terms, Sums memory sums)
        internal
        pure
        returns (int256 retailMicro)
    {
        // The widths named at the top of the library keep every sum and product far inside 256 bits.
        unchecked {
            int256 metered = record.meteredWh;
            int256 position = SettlementPage.energyWh(record.position);
            int256 imbalance = metered - position;
            sums.netWh += metered;
            if (imbalance > 0) sums.shortWh += uint256(imbalance);
            else sums.longWh += uint256(-imbalance);
            uint256 flags = record.flags;
            if (flags & SettlementPage.HAS_POSITION != 0) {
                uint256 traded = position < 0
                    ? _tradedBySeller(metered, uint256(-position), flags, terms, sums)
                    : _tradedByBuyer(metered, uint256(position), terms, sums);
                if (flags & SettlementPage.ESTIMATED == 0) {
                    retailMicro = -int256(_deviationPenalty(imbalance, position, terms));
                }
                if (terms.matchSides) {
                    (int256 unwoundMicro, int256 kept) = _unwind(record.position, position, traded);
                    retailMicro += unwoundMicro;
                    imbalance = metered - kept;
                }
            }
            retailMicro += imbalance > 0
                ? -int256(roundedUp(uint256(imbalance) * terms.shortPrice, WH_PER_KWH))
                : int256(uint256(-imbalance) * terms.longPrice / WH_PER_KWH);
            if (flags & (SettlementPage.BREACHED | SettlementPage.ESTIMATED) == SettlementPage.BREACHED) {
                retailMicro -= int256(roundedUp(record.breachWh * terms.breachPrice, WH_PER_KWH));
            }
        }
    }

    /// @notice Part of `amount` that goes to whoever brings the running total from `before` to `later` of `whole`.
    /// @dev Parts add up to `amount` exactly. `whole` may be zero only if both totals are.
    function shareOf(uint256 amount, uint256 before, uint256 later, uint256 whole) internal pure returns (uint256) {
        if (whole == 0) return 0;
        return amount * later / whole - amount * before / whole;
    }

    /// @notice Return the quotient rounded up.
    function roundedUp(uint256 dividend, uint256 divisor) internal pure returns (uint256) {
        return (dividend + divisor - 1) / divisor;
    }

    /// @dev Count what the seller delivered of what it sold, and return what of it counts as traded.
    function _tradedBySeller(int256 metered, uint256 soldWh, uint256 flags, Terms memory terms, Sums memory sums)
        private
        pure
        returns (uint256)
    {
        uint256 injected = metered < 0 ? uint256(-metered) : 0;
        uint256 given = injected < soldWh ? injected : soldWh;
        uint256 before = sums.givenWh;
        sums.givenWh = before + given;
        if (flags & SettlementPage.ESTIMATED == 0) sums.deliveredWh += given;
        return terms.matchSides ? shareOf(terms.matchedWh, before, before + given, terms.givenWh) : 0;
    }

    /// @dev Count what the buyer withdrew of what it bought, and return what of it counts as traded.
    function _tradedByBuyer(int256 metered, uint256 boughtWh, Terms memory terms, Sums memory sums)
        private
        pure
        returns (uint256)
    {
        sums.boughtWh += boughtWh;
        uint256 withdrawn = metered > 0 ? uint256(metered) : 0;
        uint256 taken = withdrawn < boughtWh ? withdrawn : boughtWh;
        uint256 before = sums.takenWh;
        sums.takenWh = before + taken;
        return terms.matchSides ? shareOf(terms.matchedWh, before, before + taken, terms.takenWh) : 0;
    }

    /// @dev Penalty on what exceeds the tolerance, rounded up.
    function _deviationPenalty(int256 imbalance, int256 position, Terms memory terms) private pure returns (uint256) {
        uint256 deviation = uint256(imbalance < 0 ? -imbalance : imbalance);
        uint256 tolerance = uint256(position < 0 ? -position : position) * terms.tolerancePpm / PPM;
        if (tolerance < terms.toleranceWh) tolerance = terms.toleranceWh;
        if (deviation <= tolerance) return 0;
        return roundedUp((deviation - tolerance) * terms.deviationPrice, WH_PER_KWH);
    }

    /// @dev Undo what of a position did not count as traded, at the price it traded at: a buyer gets back its part of
    /// what it paid, rounded down, a seller returns its part of the revenue, rounded up.
    function _unwind(uint256 packed, int256 position, uint256 traded) private pure returns (int256 micro, int256 kept) {
        uint256 locked = SettlementPage.lockedMicro(packed);
        if (position > 0) {
            uint256 bought = uint256(position);
            return (int256(locked * (bought - traded) / bought), int256(traded));
        }
        uint256 sold = uint256(-position);
        uint256 revenue = SettlementPage.releaseMicro(packed) - locked;
        return (-int256(sold == 0 ? 0 : roundedUp(revenue * (sold - traded), sold)), -int256(traded));
    }
}
