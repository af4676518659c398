// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ImbalanceRule, Rules} from "../types/SettlementTypes.sol";
import {BREACHED, ESTIMATED, HAS_POSITION, SettlementPage} from "./SettlementPage.sol";

/// @title What an account pays and receives in a slot; `p2ptrade/domain/settlement.py` computes the same to the unit.
/// @dev Records are the words that {SettlementPage} reads. Energies fit 33 bits, prices 32, locked and released amounts
/// 56, totals of a slot 64: no sum or product below comes near 256 bits, which is why they are unchecked.
library SettlementFlows {
    using SettlementPage for uint256;

    uint256 private constant WH_PER_KWH = 1000;
    uint256 private constant ROUND_UP = 999; // added before a division by WH_PER_KWH
    uint256 private constant PPM = 1_000_000;

    /// @notice Everything about a slot that is the same for all accounts.
    /// @param shortPrice What a missing kWh costs, in micro-credits.
    /// @param longPrice What a surplus kWh earns, in micro-credits.
    /// @param matchSides Whether positions are cut to what both sides kept to.
    /// @param matchedWh Traded energy that counts as such then: the smaller of given and taken.
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

    /// @notice Running sums over the accounts of a slot, in Wh. Of what was given, `estimatedWh` was only estimated.
    struct Sums {
        int256 netWh;
        uint256 givenWh;
        uint256 takenWh;
        uint256 estimatedWh;
        uint256 boughtWh;
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
    function flowOf(uint256 record, uint256 breachWh, Terms memory terms, Sums memory sums)
        internal
        pure
        returns (int256 micro)
    {
        // Runs for every account of every slot, hence assembly. It touches the fields of `terms` and `sums` only, at the
        // places that their order above gives them, and nothing overflows, see the top of the library.
        assembly ("memory-safe") {
            let metered := signextend(3, shr(192, record))
            let imbalance := metered
            mstore(sums, add(mload(sums), metered)) // netWh
            if and(record, HAS_POSITION) {
                let energy := signextend(3, shr(152, record))
                imbalance := sub(metered, energy)
                switch slt(energy, 0)
                case 0 {
                    mstore(add(sums, 0x80), add(mload(add(sums, 0x80)), energy)) // boughtWh
                    if sgt(metered, 0) {
                        if sgt(metered, energy) { metered := energy }
                        mstore(add(sums, 0x40), add(mload(add(sums, 0x40)), metered)) // takenWh
                    }
                }
                default {
                    if slt(metered, 0) {
                        if slt(metered, energy) { metered := energy }
                        mstore(add(sums, 0x20), sub(mload(add(sums, 0x20)), metered)) // givenWh
                        if and(record, ESTIMATED) {
                            mstore(add(sums, 0x60), sub(mload(add(sums, 0x60)), metered)) // estimatedWh
                        }
                    }
                    energy := sub(0, energy)
                }
                let deviation := imbalance
                if slt(deviation, 0) { deviation := sub(0, deviation) }
                if gt(deviation, mload(add(terms, 0x40))) {
                    if iszero(and(record, ESTIMATED)) {
                        let tolerance := div(mul(energy, mload(add(terms, 0x60))), PPM)
                        if lt(tolerance, mload(add(terms, 0x40))) { tolerance := mload(add(terms, 0x40)) }
                        if gt(deviation, tolerance) {
                            // rounded up, as all that is owed
                            let owed := mul(sub(deviation, tolerance), mload(add(terms, 0x80)))
                            micro := sub(0, div(add(owed, ROUND_UP), WH_PER_KWH))
                        }
                    }
                }
            }
            switch sgt(imbalance, 0)
            case 0 { micro := add(micro, div(mul(sub(0, imbalance), mload(add(terms, 0x20))), WH_PER_KWH)) }
            default { micro := sub(micro, div(add(mul(imbalance, mload(terms)), ROUND_UP), WH_PER_KWH)) }
            if and(record, BREACHED) {
                if iszero(and(record, ESTIMATED)) {
                    micro := sub(micro, div(add(mul(breachWh, mload(add(terms, 0xa0))), ROUND_UP), WH_PER_KWH))
                }
            }
        }
        if (terms.matchSides) micro += _gainOfUnwinding(record, terms, sums);
    }

    /// @notice Part of `amount` that goes to whoever brings the running total from `before` to `later` of `whole`.
    /// @dev Parts add up to `amount` exactly. Amount and totals fit 64 bits, `whole` may be zero only if both totals are.
    function shareOf(uint256 amount, uint256 before, uint256 later, uint256 whole) internal pure returns (uint256) {
        unchecked {
            return whole == 0 ? 0 : amount * later / whole - amount * before / whole;
        }
    }

    /// @notice Return the quotient rounded up; the dividend is far below 2^256 and the divisor above zero.
    function roundedUp(uint256 dividend, uint256 divisor) internal pure returns (uint256) {
        unchecked {
            return (dividend + divisor - 1) / divisor;
        }
    }

    /// @dev What changes for an account because of its position only a part counts as traded: that part of its imbalance
    /// is none, and money comes back at the price it traded at, to a buyer rounded down, from a seller rounded up.
    /// @param sums Running sums with this account.
    function _gainOfUnwinding(uint256 record, Terms memory terms, Sums memory sums) private pure returns (int256) {
        int256 energy = record.energyWh();
        if (record & HAS_POSITION == 0 || energy == 0) return 0;
        int256 metered = record.meteredWh();
        uint256 whole = uint256(energy < 0 ? -energy : energy);
        uint256 moved = uint256(energy < 0 ? -metered : metered);
        uint256 kept = energy < 0 == metered < 0 ? (moved < whole ? moved : whole) : 0;
        int256 unwoundMicro;
        int256 traded;
        if (energy > 0) {
            uint256 part = shareOf(terms.matchedWh, sums.takenWh - kept, sums.takenWh, terms.takenWh);
            unwoundMicro = int256(record.lockedMicro() * (whole - part) / whole);
            traded = int256(part);
        } else {
            uint256 part = shareOf(terms.matchedWh, sums.givenWh - kept, sums.givenWh, terms.givenWh);
            uint256 revenue = record.releaseMicro() - record.lockedMicro();
            unwoundMicro = -int256(roundedUp(revenue * (whole - part), whole));
            traded = -int256(part);
        }
        return unwoundMicro + _priced(metered - traded, terms) - _priced(metered - energy, terms);
    }

    /// @dev What an imbalance earns or, negative, costs.
    function _priced(int256 imbalance, Terms memory terms) private pure returns (int256) {
        return imbalance > 0
            ? -int256(roundedUp(uint256(imbalance) * terms.shortPrice, WH_PER_KWH))
            : int256(uint256(-imbalance) * terms.longPrice / WH_PER_KWH);
    }
}
