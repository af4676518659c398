// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Certificate} from "./Certificate.sol";
import {OrderHash} from "./OrderHash.sol";

/// @title The two passes over a book
/// @notice `judge` authenticates opened orders, leaves out those that are void, and tallies the others at their zone's price. `fill`
/// finds out what each trades, and lists its position and what moves on the ledger. Both are loops of several hundred
/// turns, and the only place where the price of a mile of gas is paid per order, so they are written in assembly.
/// @dev What holds throughout. A `Pass` is laid out as declared, 32 bytes a field; its pointers lead to memory that
/// `DoubleAuction` took for as many records as there are rows, so that no append leaves it. Rows come from
/// `BookReader.read`, so every record lies inside the calldata and has at most 7 steps. Energies and prices are read from
/// 32 bits each, charges below 2^34, so that no sum or product of one order exceeds 2^103, and none of a book 2^160.
library BookPasses {
    /// @notice The working state of a pass.
    /// @dev The assembly below refers to the fields by their offsets, which are given here.
    struct Pass {
        uint256 space; // 0x000 hashing workspace, see OrderHash
        uint256 entriesEnd; // 0x020 where the next relayed seal goes
        uint256 arrivals; // 0x040 where own seals go, 36 bytes each, in order of arrival
        uint256 ownSeals; // 0x060 how many there are
        uint256 voidsEnd; // 0x080 where the next void order goes
        uint256 zones; // 0x0a0 first of the pointers to zones
        uint256 allowed; // 0x0c0 bit z: zone z exists and is not left out
        uint256 bonds; // 0x0e0 eight numbers of 32 bits
        uint256 collateralPrices; // 0x100 eight numbers of 32 bits
        int256 chargeHalf; // 0x120 charge in half micro-credits per kWh
        uint256 movesEnd; // 0x140 where the next movement goes
        uint256 positionsEnd; // 0x160 where the next position goes
        bytes32 positionsHash; // 0x180
        uint256 buyersPay; // 0x1a0 micro-credits
        uint256 sellersGet; // 0x1c0 micro-credits
        uint256 collateral; // 0x1e0 micro-credits
        uint256 boughtWh; // 0x200
        uint256 count; // 0x220 number of records
    }

    uint256 internal constant BAD_SIGNATURE = 1;
    uint256 internal constant NOT_ACTIVE = 2;
    uint256 internal constant INSOLVENT = 3;
    uint256 internal constant MALFORMED = 4;
    uint256 internal constant UNOPENED = 5;
    uint256 internal constant ZONE_EXCLUDED = 6;
    uint256 internal constant SUPERSEDED = 7;

    /// @notice Judge opened orders from row `index` on and return the index of the first row that is none, or their number.
    function judge(Pass memory pass, uint256[] memory rows, uint256[] memory words, uint256 index)
        internal
        view
        returns (uint256)
    {
        assembly ("memory-safe") {
            // The digest of an opened order. Its steps stay in the workspace: energies from 0x180, prices from 0x260.
            function digestOf(space, kind, account, body) -> digest {
                let length := shl(5, and(kind, 7))
                for { let at := 0 } lt(at, length) { at := add(at, 0x20) } {
                    let step := calldataload(body)
                    mstore(add(add(space, 0x180), at), shr(224, step))
                    mstore(add(add(space, 0x260), at), and(shr(192, step), 0xffffffff))
                    body := add(body, 8)
                }
                mstore(add(space, 0x20), and(shr(3, kind), 1))
                mstore(add(space, 0x40), keccak256(add(space, 0x180), length))
                mstore(add(space, 0x60), keccak256(add(space, 0x260), length))
                mstore(add(space, 0x80), shl(128, shr(128, calldataload(body))))
                mstore(add(space, 0xe0), account)
                mstore(add(space, 0x100), keccak256(space, 0xa0))
                mstore(add(space, 0x142), keccak256(add(space, 0xa0), 0x80))
                digest := keccak256(add(space, 0x120), 0x42)
            }
            // Whether the owner in `word` signed `digest`; as Signatures.recover.
            function isSigned(scratch, digest, position, word) -> yes {
                let parityAndS := calldataload(add(position, 0x20))
                let s := shr(1, shl(1, parityAndS))
                if iszero(gt(s, 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0)) {
                    mstore(scratch, digest)
                    mstore(add(scratch, 0x20), add(27, shr(255, parityAndS)))
                    mstore(add(scratch, 0x40), calldataload(position))
                    mstore(add(scratch, 0x60), s)
                    mstore(0x00, 0)
                    pop(staticcall(gas(), 1, scratch, 0x80, 0x00, 0x20))
                    let signer := mload(0x00)
                    yes := and(iszero(iszero(signer)), eq(signer, shr(96, shl(96, word))))
                }
            }
            // Why an authentic order takes no part, 0 if it does; in the order that IDoubleAuction states.
            function refusal(pass_, kind, word) -> reason {
                if iszero(eq(and(shr(232, word), 0xff), 1)) {
                    reason := 2 // not active
                    leave
                }
                if iszero(and(shr(and(shr(224, word), 0xff), mload(add(pass_, 0xc0))), 1)) {
                    reason := 6 // zone left out
                    leave
                }
                let energies := add(mload(pass_), 0x180)
                let end := add(energies, shl(5, and(kind, 7)))
                // Prices must get strictly worse: a bid's fall, and an offer's do when all their bits are turned.
                let turn := mul(and(shr(3, kind), 1), 0xffffffff)
                let best := 0x100000000
                let good := lt(sub(and(kind, 7), 1), 4) // 1 to 4 steps
                let energyWh := 0
                let cover := 0
                for {} lt(energies, end) { energies := add(energies, 0x20) } {
                    let energy := mload(energies)
                    let price := mload(add(energies, 0xe0))
                    good := and(good, and(lt(xor(price, turn), best), gt(energy, 0)))
                    best := xor(price, turn)
                    energyWh := add(energyWh, energy)
                    cover := add(cover, div(add(mul(energy, price), 999), 1000))
                }
                if iszero(and(good, lt(energyWh, 0x80000000))) {
                    reason := 4 // malformed
                    leave
                }
                let class := shl(5, classOf(word))
                if turn {
                    let price := and(shr(class, mload(add(pass_, 0x100))), 0xffffffff)
                    cover := div(add(mul(energyWh, price), 999), 1000)
                }
                cover := add(cover, and(shr(class, mload(add(pass_, 0xe0))), 0xffffffff))
                if slt(signextend(7, shr(160, word)), cover) { reason := 3 } // insolvent
            }
            // The reputation class of an account; those above 7 count as 7.
            function classOf(word) -> class {
                class := and(shr(240, word), 0xff)
                if gt(class, 7) { class := 7 }
            }
            // As Certificate.tally, for every step in the workspace. A bid below the charge can trade at no price.
            function tally(pass_, kind, word) {
                let zone := mload(add(mload(add(pass_, 0xa0)), shl(5, and(shr(224, word), 0xff))))
                let at := mload(zone)
                let isOffer := and(shr(3, kind), 1)
                let charge := mul(iszero(isOffer), mload(add(pass_, 0x120)))
                let energies := add(mload(pass_), 0x180)
                let end := add(energies, shl(5, and(kind, 7)))
                for {} lt(energies, end) { energies := add(energies, 0x20) } {
                    let price := sub(shl(1, mload(add(energies, 0xe0))), charge)
                    if slt(price, 0) { continue }
                    // fields of Certificate.Zone: bidAbove 0x20, bidAt 0x40, offerBelow 0x60, offerAt 0x80, down 0xa0, up 0xc0
                    let sum := 0
                    switch eq(price, at)
                    case 1 { sum := add(add(zone, 0x40), shl(6, isOffer)) }
                    default {
                        switch gt(price, at)
                        case 1 {
                            if slt(price, mload(add(zone, 0xc0))) { mstore(add(zone, 0xc0), price) }
                            if iszero(isOffer) { sum := add(zone, 0x20) }
                        }
                        default {
                            if sgt(price, mload(add(zone, 0xa0))) { mstore(add(zone, 0xa0), price) }
                            if isOffer { sum := add(zone, 0x60) }
                        }
                    }
                    if sum { mstore(sum, add(mload(sum), mload(energies))) }
                }
            }

            // List a relayed seal for the commitment; whether its owner signed it.
            function takeRelayed(pass_, row, word, digest) -> yes {
                let entry := mload(add(pass_, 0x20))
                mstore(entry, shl(224, row))
                mstore(add(entry, 4), digest)
                mstore(add(pass_, 0x20), add(entry, 36))
                let signature := add(add(and(shr(40, row), 0xffffffffffffffff), 16), shl(3, and(shr(32, row), 7)))
                yes := isSigned(add(mload(pass_), 0x340), digest, signature, word)
            }
            // Put an own seal where it arrived. A place beyond the list is not written; the chain then comes out wrong.
            function takeOwn(pass_, row, digest) {
                let arrival := shr(240, calldataload(sub(and(shr(40, row), 0xffffffffffffffff), 2)))
                if lt(arrival, mload(add(pass_, 0x220))) {
                    let entry := add(mload(add(pass_, 0x40)), mul(arrival, 36))
                    mstore(entry, shl(224, row))
                    mstore(add(entry, 4), digest)
                }
                mstore(add(pass_, 0x60), add(mload(add(pass_, 0x60)), 1))
            }
            // Authenticate an opened order and tally it, or return why it is void.
            function judgeOne(pass_, row, word) -> reason {
                let kind := and(shr(32, row), 0xff)
                let body := and(shr(40, row), 0xffffffffffffffff)
                let digest := digestOf(mload(pass_), kind, and(row, 0xffffffff), body)
                switch and(kind, 0x10)
                case 0 { reason := iszero(takeRelayed(pass_, row, word, digest)) } // bad signature
                default { takeOwn(pass_, row, digest) }
                if iszero(reason) { reason := refusal(pass_, kind, word) }
                if iszero(reason) { tally(pass_, kind, word) }
            }

            for { let count := mload(rows) } lt(index, count) { index := add(index, 1) } {
                let cursor := add(rows, shl(5, add(index, 1)))
                let row := mload(cursor)
                if gt(and(shr(32, row), 0xff), 0x1f) { break }
                let reason := judgeOne(pass, row, mload(add(words, sub(cursor, rows))))
                if reason {
                    let end := mload(add(pass, 0x80))
                    mstore(end, or(shl(224, row), shl(216, reason)))
                    mstore(add(pass, 0x80), add(end, 5))
                    mstore(cursor, or(row, shl(104, reason)))
                }
            }
        }
        return index;
    }

    /// @notice List what every order trades; the zones' shares must be set (`Certificate.share`).
    function fill(Pass memory pass, uint256[] memory rows, uint256[] memory words) internal pure {
        assembly ("memory-safe") {
            // As Certificate.fill: a step's share of what trades at the margin, by running totals. The fields of the zone are
            // those of the side: marginal energy, what of it trades, and how much of it came before.
            function shareOf(zone, isOffer, energy) -> filled {
                let whole := mload(add(add(zone, 0x40), shl(6, isOffer)))
                let trades := mload(add(add(zone, 0x200), shl(5, isOffer)))
                let running := add(add(zone, 0x240), shl(5, isOffer))
                let before := mload(running)
                let reached := add(before, energy)
                mstore(running, reached)
                filled := sub(div(mul(trades, reached), whole), div(mul(trades, before), whole))
            }
            // What an order trades.
            function filledOf(zone, kind, body, charge) -> filled {
                let at := mload(zone)
                let isOffer := and(shr(3, kind), 1)
                if isOffer { charge := 0 }
                let end := add(body, shl(3, and(kind, 7)))
                for {} lt(body, end) { body := add(body, 8) } {
                    let step := calldataload(body)
                    let price := sub(shl(1, and(shr(192, step), 0xffffffff)), charge)
                    if slt(price, 0) { continue }
                    switch eq(price, at)
                    case 1 { filled := add(filled, shareOf(zone, isOffer, shr(224, step))) }
                    default { if xor(gt(price, at), isOffer) { filled := add(filled, shr(224, step)) } }
                }
            }
            function addTo(field, amount) {
                mstore(field, add(mload(field), amount))
            }
            // A buyer pays price and charge, rounded up.
            function buy(pass_, zone, energy) -> locked, position {
                locked := div(add(mul(energy, add(mload(zone), mload(add(pass_, 0x120)))), 1999), 2000)
                addTo(add(pass_, 0x1a0), locked)
                addTo(add(pass_, 0x200), energy)
                position := shl(192, energy)
            }
            // A seller locks collateral, rounded up, and will receive the price, rounded down, and the collateral.
            function sell(pass_, zone, energy, word) -> locked, position {
                let class := and(shr(240, word), 0xff)
                if gt(class, 7) { class := 7 }
                let price := and(shr(shl(5, class), mload(add(pass_, 0x100))), 0xffffffff)
                locked := div(add(mul(energy, price), 999), 1000)
                let revenue := div(mul(energy, mload(zone)), 2000)
                addTo(add(pass_, 0x1c0), revenue)
                addTo(add(pass_, 0x1e0), locked)
                position := or(shr(32, shl(224, sub(0, energy))), shl(80, add(revenue, locked)))
            }
            // List a position, and what it locks as a movement on the ledger.
            function list(pass_, row, position, locked) {
                position := or(or(position, shl(136, locked)), shl(224, row))
                let to := mload(add(pass_, 0x160))
                mstore(to, position)
                mstore(add(pass_, 0x160), add(to, 22))
                mstore(0x00, mload(add(pass_, 0x180)))
                mstore(0x20, position)
                mstore(add(pass_, 0x180), keccak256(0x00, 54))
                if locked {
                    to := mload(add(pass_, 0x140))
                    mstore(to, or(shl(64, and(row, 0xffffffff)), and(sub(0, locked), 0xffffffffffffffff)))
                    mstore(add(pass_, 0x140), add(to, 0x20))
                }
            }

            function fillOne(pass_, row, word) {
                let zone := mload(add(mload(add(pass_, 0xa0)), shl(5, and(shr(224, word), 0xff))))
                let kind := and(shr(32, row), 0xff)
                let energy := filledOf(zone, kind, and(shr(40, row), 0xffffffffffffffff), mload(add(pass_, 0x120)))
                if iszero(energy) { leave }
                let locked
                let position
                switch and(kind, 8)
                case 0 { locked, position := buy(pass_, zone, energy) }
                default { locked, position := sell(pass_, zone, energy, word) }
                list(pass_, row, position, locked)
            }

            let end := add(add(rows, 0x20), shl(5, mload(rows)))
            for { let cursor := add(rows, 0x20) } lt(cursor, end) { cursor := add(cursor, 0x20) } {
                let row := mload(cursor)
                if iszero(and(shr(104, row), 0xff)) { fillOne(pass, row, mload(add(words, sub(cursor, rows)))) }
            }
        }
    }
}
