// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ImbalanceRule, Rules} from "../types/SettlementTypes.sol";
// solhint does not look into assembly, where they are used (2026-11-21).
// solhint-disable-next-line no-unused-import
import {BREACHED, ESTIMATED, HAS_POSITION, SettlementPage, UNKNOWN_FLAGS} from "./SettlementPage.sol";

/// @title What an account pays and receives in a slot; `p2ptrade/domain/settlement.py` computes the same to the unit.
/// @dev Records are laid out as {ISettlement} says. Energies fit 33 bits, prices 32, locked and released amounts 56,
/// totals of a slot 64: no sum or product here comes near 256 bits.
library SettlementFlows {
    uint256 private constant WH_PER_KWH = 1000;
    uint256 private constant ROUND_UP = 999; // added before a division by WH_PER_KWH, for what is owed
    uint256 private constant PPM = 1_000_000;

    /// @notice Everything about a slot that is the same for all accounts.
    /// @param shortPrice What a missing kWh costs, in micro-credits.
    /// @param longPrice What a surplus kWh earns, in micro-credits.
    /// @param matchSides Whether positions are cut to what both sides kept to.
    /// @param matchedWh Traded energy that counts as such then: the smaller of given and taken.
    /// @param deliveredWh Metered delivery of the slot, which is minted to the buyers.
    /// @param boughtWh Energy traded in the slot.
    struct Terms {
        uint256 shortPrice; //      0x00
        uint256 longPrice; //       0x20
        uint256 toleranceWh; //     0x40
        uint256 tolerancePpm; //    0x60
        uint256 deviationPrice; //  0x80
        uint256 breachPrice; //     0xa0
        bool matchSides; //         0xc0
        uint256 matchedWh; //       0xe0
        uint256 givenWh; //         0x100
        uint256 takenWh; //         0x120
        uint256 deliveredWh; //     0x140
        uint256 boughtWh; //        0x160
    }

    /// @notice Where records are read and what is made of them is written: places in memory.
    /// @param next First record; after a malformed one, that one.
    /// @param end End of the records.
    /// @param toFacts How far from an account's entry its fact goes.
    /// @param entry Where the first entry goes.
    struct Span {
        uint256 next; //            0x00
        uint256 end; //             0x20
        uint256 toFacts; //         0x40
        uint256 entry; //           0x60
        Terms terms; //             0x80
        Sums sums; //               0xa0
    }

    /// @notice Running sums over the accounts of a slot, in Wh and micro-credits. Of what was given, `estimatedWh` was only
    /// estimated. Retailer and release are those of one page.
    struct Sums {
        int256 netWh; //            0x00
        uint256 givenWh; //         0x20
        uint256 takenWh; //         0x40
        uint256 estimatedWh; //     0x60
        uint256 boughtWh; //        0x80
        bytes32 positionsHash; //   0xa0
        uint256 lastAccount; //     0xc0
        int256 retailerMicro; //    0xe0
        uint256 releasedMicro; //   0x100
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

    /// @notice Settle the records of a span: extend the sums, and write for each account its ledger entry (account, and what
    /// it gets in all) from `span.entry` on and, `span.toFacts` further on, its reading (upper half of the word) with its
    /// share of the minted energy.
    /// @dev The caller provides memory for as many entries and facts as there can be records. Two flows make an entry: what
    /// the account gets from the retailer (imbalance, penalties, unwound trade), and what is released of its position.
    /// @return entry Where the entries end; 0 if a record is malformed or out of order, which `span.next` then shows.
    function settleRecords(Span memory span) internal pure returns (uint256 entry) {
        // Assembly, because it runs for every account of every slot. It reads the records and the fields of the structs at
        // the places written beside them, writes sums, entries and facts, and uses scratch space, where the running hash of
        // the positions stays in the first word. Sums are kept side by side in two words while it runs: `energies` has net,
        // given, taken and bought energy, 64 bits each from the top, `money` the retailer's share in its upper half (signed)
        // and what is released in its lower. Each fits its lane, see the top of the library.
        assembly ("memory-safe") {
            /// Part of `amount` for whoever brings the running total of `whole` from `later - part` to `later`.
            function shareOf(amount, part, later, whole) -> share {
                share := sub(div(mul(amount, later), whole), div(mul(amount, sub(later, part)), whole))
            }
            /// Add to the fact at `place` a buyer's share of the minted energy; `bought` has its own energy in it already.
            function addShare(energy, given, bought, place) {
                let share := shareOf(mload(add(given, 0x140)), energy, bought, mload(add(given, 0x160)))
                mstore(place, or(mload(place), share))
            }
            /// What an imbalance earns or, negative, costs.
            function priced(imbalance, given) -> micro {
                switch sgt(imbalance, 0)
                case 0 { micro := div(mul(sub(0, imbalance), mload(add(given, 0x20))), WH_PER_KWH) }
                default { micro := sub(0, div(add(mul(imbalance, mload(given)), ROUND_UP), WH_PER_KWH)) }
            }
            /// Penalty on what exceeds both tolerances.
            function penalty(record, deviation, given) -> micro {
                let energy := signextend(3, shr(152, record))
                if slt(energy, 0) { energy := sub(0, energy) }
                let tolerance := div(mul(energy, mload(add(given, 0x60))), PPM)
                if lt(tolerance, mload(add(given, 0x40))) { tolerance := mload(add(given, 0x40)) }
                if gt(deviation, tolerance) {
                    micro := div(add(mul(sub(deviation, tolerance), mload(add(given, 0x80))), ROUND_UP), WH_PER_KWH)
                }
            }
            /// What of a position counts as traded if only what both sides kept to does.
            function tradedPart(record, kept, given, energies) -> part {
                if kept {
                    switch slt(signextend(3, shr(152, record)), 0)
                    case 0 {
                        energies := and(shr(64, energies), 0xffffffffffffffff) // taken
                        part := shareOf(mload(add(given, 0xe0)), kept, energies, mload(add(given, 0x120)))
                    }
                    default {
                        energies := and(shr(128, energies), 0xffffffffffffffff) // given
                        part := shareOf(mload(add(given, 0xe0)), kept, energies, mload(add(given, 0x100)))
                    }
                }
            }
            /// What changes for an account if only `part` of its position counts as traded: that part of its imbalance is none,
            /// and money comes back at the price it traded at, to a buyer rounded down, from a seller rounded up.
            function unwound(record, part, given) -> micro {
                let energy := signextend(3, shr(152, record))
                let locked := and(shr(96, record), 0xffffffffffffff)
                switch sgt(energy, 0)
                case 0 {
                    if energy {
                        let revenue := and(shr(40, record), 0xffffffffffffff)
                        revenue := mul(gt(revenue, locked), sub(revenue, locked))
                        energy := sub(0, energy)
                        micro := sub(0, div(add(mul(revenue, sub(energy, part)), sub(energy, 1)), energy))
                        part := sub(0, part)
                    }
                }
                default { micro := div(mul(locked, sub(energy, part)), energy) }
                let metered := signextend(3, shr(192, record))
                micro := add(micro, priced(sub(metered, part), given))
                micro := sub(micro, priced(sub(metered, signextend(3, shr(152, record))), given))
            }

            /// The running sums as two words: energies, and the last account.
            function packed(sums) -> energies, last {
                energies := or(shl(192, mload(sums)), shl(128, mload(add(sums, 0x20))))
                energies := or(energies, or(shl(64, mload(add(sums, 0x40))), mload(add(sums, 0x80))))
                last := mload(add(sums, 0xc0))
            }
            /// Write the sums back.
            function unpack(sums, energies, money, last) {
                mstore(sums, sar(192, energies))
                mstore(add(sums, 0x20), and(shr(128, energies), 0xffffffffffffffff))
                mstore(add(sums, 0x40), and(shr(64, energies), 0xffffffffffffffff))
                mstore(add(sums, 0x80), and(energies, 0xffffffffffffffff))
                mstore(add(sums, 0xa0), mload(0x00))
                mstore(add(sums, 0xc0), last)
                mstore(add(sums, 0xe0), add(mload(add(sums, 0xe0)), sar(128, money)))
                money := and(money, 0xffffffffffffffffffffffffffffffff)
                mstore(add(sums, 0x100), add(mload(add(sums, 0x100)), money))
            }

            entry := mload(add(span, 0x60))
            let terms := mload(add(span, 0x80))
            let money := 0
            let energies, last := packed(mload(add(span, 0xa0)))
            mstore(0x00, mload(add(mload(add(span, 0xa0)), 0xa0)))
            for { let at := mload(span) } lt(at, mload(add(span, 0x20))) {} {
                let record := mload(at)
                let micro := 0
                mstore(span, at)
                at := add(add(at, 9), mul(18, and(shr(184, record), 1)))
                if and(record, or(BREACHED, UNKNOWN_FLAGS)) {
                    if iszero(and(record, ESTIMATED)) {
                        micro := sub(
                            0,
                            div(add(mul(shr(224, mload(at)), mload(add(terms, 0xa0))), ROUND_UP), WH_PER_KWH)
                        )
                    }
                    at := add(at, 4)
                    if and(record, UNKNOWN_FLAGS) { at := not(0) }
                }
                if or(gt(at, mload(add(span, 0x20))), iszero(gt(shr(224, record), last))) {
                    entry := 0
                    break
                }
                last := shr(224, record)
                let imbalance := signextend(3, shr(192, record)) // what is metered, until the position is taken off
                energies := add(energies, shl(192, imbalance))
                mstore(add(entry, mload(add(span, 0x40))), shl(128, imbalance))
                if and(record, HAS_POSITION) {
                    mstore(0x20, or(shl(224, last), shr(32, shl(72, record))))
                    mstore(0x00, keccak256(0x00, 54))
                    let energy := signextend(3, shr(152, record))
                    let kept := imbalance
                    imbalance := sub(imbalance, energy)
                    switch slt(energy, 0)
                    case 0 {
                        if sgt(kept, energy) { kept := energy }
                        kept := mul(sgt(kept, 0), kept)
                        energies := add(energies, or(shl(64, kept), energy)) // taken, bought
                        if mload(add(terms, 0x140)) {
                            addShare(
                                energy,
                                terms,
                                and(energies, 0xffffffffffffffff),
                                add(entry, mload(add(span, 0x40)))
                            )
                        }
                    }
                    default {
                        if slt(kept, energy) { kept := energy }
                        kept := mul(slt(kept, 0), sub(0, kept))
                        energies := add(energies, shl(128, kept)) // given
                        if and(record, ESTIMATED) {
                            energy := add(mload(add(span, 0xa0)), 0x60) // place of estimatedWh
                            mstore(energy, add(mload(energy), kept))
                        }
                        energy := and(shr(40, record), 0xffffffffffffff) // what is released
                        micro := add(micro, energy)
                        money := add(money, or(shl(128, energy), energy)) // nothing of it is the retailer's
                    }
                    energy := sar(255, imbalance)
                    energy := sub(xor(imbalance, energy), energy) // the deviation without its sign
                    if gt(energy, mload(add(terms, 0x40))) {
                        if iszero(and(record, ESTIMATED)) { micro := sub(micro, penalty(record, energy, terms)) }
                    }
                    if mload(add(terms, 0xc0)) {
                        kept := tradedPart(record, kept, terms, energies)
                        micro := add(micro, unwound(record, kept, terms))
                    }
                }
                switch sgt(imbalance, 0)
                case 0 { micro := add(micro, div(mul(sub(0, imbalance), mload(add(terms, 0x20))), WH_PER_KWH)) }
                default { micro := sub(micro, div(add(mul(imbalance, mload(terms)), ROUND_UP), WH_PER_KWH)) }
                money := sub(money, shl(128, micro))
                // An amount is below 2^60 either way, the entry has 64 bits for it.
                mstore(entry, or(shl(64, last), and(micro, 0xffffffffffffffff)))
                entry := add(entry, 0x20)
            }
            unpack(mload(add(span, 0xa0)), energies, money, last)
        }
    }
}
