// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrderHash} from "./OrderHash.sol";

/// @title The two passes over a book
/// @notice `judge` authenticates opened orders, leaves out those that are void, and tallies the others at their zone's price. `fill`
/// finds out what each trades, and lists its position and what moves on the ledger. What they cost is paid once per order,
/// so they are written in assembly.
/// @dev What holds throughout. The working state lies at a fixed place that `place` reserved, so that its addresses are
/// constants; its pointers lead to memory taken for as many records as there are rows, so that no append leaves it. Rows
/// come from `BookReader.read`: every record lies inside the calldata and has at most 7 steps. Energies and prices are read
/// from 32 bits each and charges are below 2^35, so that no sum or product over one order exceeds 2^104, and none over a
/// book 2^160: nothing overflows.
library BookPasses {
    /// @notice The working state that Solidity sees too.
    struct Pass {
        uint256 entriesEnd; // where the next relayed seal goes
        uint256 arrivals; // where own seals go, (owner 20 || digest 32) each, in order of arrival
        uint256 ownSeals; // how many there are
        uint256 voidsEnd; // where the next void order goes
        uint256 zones; // first of the pointers to zones
        uint256 allowed; // bit z: zone z exists and is not left out
        uint256 bonds; // eight numbers of 32 bits
        uint256 collateralPrices; // eight numbers of 32 bits
        uint256 chargeHalf; // charge in half micro-credits per kWh
        uint256 movesEnd; // where the next movement goes
        uint256 positionsEnd; // where the next position goes
        bytes32 positionsHash;
        uint256 buyersPay; // micro-credits
        uint256 sellersGet; // micro-credits
        uint256 collateral; // micro-credits
        uint256 boughtWh;
        uint256 count; // number of records
        uint256 places; // number of own seals that `arrivals` has room for; none in a book of several pages
        uint256 challenge; // of a book of several pages: what the product over its own seals is taken with
        uint256 ownProduct; // that product
    }

    /// @notice Length of an own seal in the list of arrivals.
    uint256 internal constant OWN_SEAL_BYTES = 52;

    /// @dev What the EIP-712 hashing works in; words that are the same for all orders of a slot are written once.
    uint256 private constant TERMS = 0x400; // typehash, side, hash of energies, hash of prices, salt
    uint256 private constant TERMS_SIDE = 0x420;
    uint256 private constant TERMS_ENERGIES = 0x440;
    uint256 private constant TERMS_PRICES = 0x460;
    uint256 private constant TERMS_SALT = 0x480;
    uint256 private constant ORDER = 0x4a0; // typehash, slot, account, hash of terms
    uint256 private constant ORDER_SLOT = 0x4c0;
    uint256 private constant ORDER_ACCOUNT = 0x4e0;
    uint256 private constant ORDER_TERMS = 0x500;
    uint256 private constant DIGEST = 0x520; // 0x1901, domain separator, hash of the order
    uint256 private constant DIGEST_DOMAIN = 0x522;
    uint256 private constant DIGEST_ORDER = 0x542;
    uint256 private constant ENERGIES = 0x580; // up to 7 words
    uint256 private constant PRICES = 0x660; // up to 7 words, each 0xe0 behind its energy
    uint256 private constant SIGNED = 0x740; // digest, v, r, s
    uint256 private constant SIGNED_V = 0x760;
    uint256 private constant SIGNED_R = 0x780;
    uint256 private constant SIGNED_S = 0x7a0;
    /// @dev The fields of `Pass`, in order.
    uint256 private constant ENTRIES_END = 0x7c0;
    uint256 private constant ARRIVALS = 0x7e0;
    uint256 private constant OWN_SEALS = 0x800;
    uint256 private constant VOIDS_END = 0x820;
    uint256 private constant ZONES = 0x840;
    uint256 private constant ALLOWED = 0x860;
    uint256 private constant BONDS = 0x880;
    uint256 private constant COLLATERAL_PRICES = 0x8a0;
    uint256 private constant CHARGE_HALF = 0x8c0;
    uint256 private constant MOVES_END = 0x8e0;
    uint256 private constant POSITIONS_END = 0x900;
    uint256 private constant POSITIONS_HASH = 0x920;
    uint256 private constant BUYERS_PAY = 0x940;
    uint256 private constant SELLERS_GET = 0x960;
    uint256 private constant COLLATERAL = 0x980;
    uint256 private constant BOUGHT_WH = 0x9a0;
    uint256 private constant COUNT = 0x9c0;
    uint256 private constant PLACES = 0x9e0;
    uint256 private constant CHALLENGE = 0xa00;
    uint256 private constant OWN_PRODUCT = 0xa20;
    uint256 private constant END = 0xa40;
    /// @dev The field in which the product over own seals is taken, that of secp256k1's coordinates.
    uint256 private constant FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;

    /// @dev Fields of `Certificate.Zone`, from the start of a zone; the price is at 0.
    uint256 private constant BID_ABOVE = 0x20;
    uint256 private constant BID_AT = 0x40; // of offers: 0x40 further
    uint256 private constant OFFER_BELOW = 0x60;
    uint256 private constant DOWN = 0xa0;
    uint256 private constant UP = 0xc0;
    uint256 private constant SHARE = 0x200; // of offers: 0x20 further
    uint256 private constant RUNNING = 0x240; // of offers: 0x20 further

    /// @dev Of a row: account bits 0-31, kind byte 27, reason byte 26, body from bit 48 (`BookReader`). Of an account's word: class byte
    /// 1, status byte 2, zone byte 3, cash bits 160-223, owner below (`AccountWord`).
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 private constant U32 = 0xffffffff;
    uint256 private constant SYSTEM = 3; // status of an account of the platform
    uint256 private constant OUT = 0x80; // mark of an order that takes part but cannot trade at the price
    uint256 private constant S_MASK = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff;
    uint256 private constant STEPS_ROW = 0x700000000; // number of steps, at its place in a row
    uint256 private constant ONE_STEP_ROW = 0x100000000;
    uint256 private constant OWN_ROW = 0x1000000000;
    uint256 private constant OTHER_ROW = 0x6000000000; // unopened or superseded
    uint256 private constant SALT_MASK = 0xffffffffffffffffffffffffffffffff00000000000000000000000000000000;

    /// @notice Reserve the working state and write what is the same for all orders of a slot. To be called before anything
    /// else takes more than a few words of memory.
    function place(uint256 slot, bytes32 domain) internal pure returns (Pass memory pass) {
        bytes32 termsType = OrderHash.TERMS_TYPEHASH;
        bytes32 orderType = OrderHash.ORDER_TYPEHASH;
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        assert(free <= TERMS);
        // From TERMS to END nothing has been taken; it is taken here, and cleared with zeros from beyond the calldata.
        assembly ("memory-safe") {
            mstore(0x40, END)
            calldatacopy(TERMS, calldatasize(), sub(END, TERMS))
            mstore(TERMS, termsType)
            mstore(ORDER, orderType)
            mstore(ORDER_SLOT, slot)
            mstore(DIGEST, shl(240, 0x1901))
            mstore(DIGEST_DOMAIN, domain)
            pass := ENTRIES_END
        }
    }

    /// @notice Return a product over own seals after one more: with a factor of the challenge and the hash of what came when from whom.
    function product(uint256 before, uint256 challenge, uint256 arrival, address owner, bytes32 digest)
        internal
        pure
        returns (uint256)
    {
        uint256 factor = uint256(keccak256(abi.encode(arrival, owner, digest)));
        return mulmod(before, addmod(challenge, factor, FIELD), FIELD);
    }

    /// @notice Judge opened orders from row `index` on and return the index of the first row that is none, or their number.
    function judge(uint256[] memory rows, uint256[] memory words, uint256 index) internal view returns (uint256) {
        assembly ("memory-safe") {
            // Read all steps of a record that has not exactly one into ENERGIES and PRICES. Where its salt is, their energy in
            // all, with bit 40 or above set if a step is malformed, and what they cost at their limits, each rounded up.
            function readSteps(length, body, isOffer) -> salt, energyWh, cost {
                // Prices must get strictly worse: a bid's fall, and so do an offer's when all their bits are turned.
                let turn := and(sub(0, isOffer), U32)
                let best := 0x100000000
                let end := add(ENERGIES, length)
                for { let at := ENERGIES } lt(at, end) { at := add(at, 0x20) } {
                    let step := calldataload(body)
                    body := add(body, 8)
                    let energy := shr(224, step)
                    step := and(shr(192, step), U32)
                    mstore(at, energy)
                    mstore(add(at, 0xe0), step)
                    cost := add(cost, div(add(mul(energy, step), 999), 1000))
                    step := xor(step, turn)
                    energyWh := add(energyWh, or(energy, shl(40, or(iszero(energy), iszero(lt(step, best))))))
                    best := step
                }
                salt := body
            }
            // Put an own seal where it arrived, with who must have sent it: the account's owner. A place beyond the list is not
            // written; the chain then comes out wrong. A book of several pages has no places, but a product over all seals.
            function takeOwn(row, word, digest) {
                let arrival := shr(240, calldataload(sub(shr(48, row), 2)))
                // an account of the platform has an owner who does not seal with it
                word := shl(96, mul(word, iszero(eq(byte(2, word), SYSTEM))))
                mstore(OWN_SEALS, add(mload(OWN_SEALS), 1))
                if lt(arrival, mload(PLACES)) {
                    let entry := add(mload(ARRIVALS), mul(arrival, OWN_SEAL_BYTES))
                    mstore(entry, word)
                    mstore(add(entry, 20), digest)
                    leave
                }
                mstore(SIGNED, arrival)
                mstore(SIGNED_V, shr(96, word))
                mstore(SIGNED_R, digest)
                let factor := addmod(mload(CHALLENGE), keccak256(SIGNED, 0x60), FIELD)
                mstore(OWN_PRODUCT, mulmod(mload(OWN_PRODUCT), factor, FIELD))
            }
            // Count the step at `from` in at its zone's price; whether it is worse than the price, so that it cannot trade. A bid
            // below the charge can trade at no price.
            function tally(zone, isOffer, charge, from) -> out {
                let at := mload(zone)
                let price := sub(shl(1, mload(add(from, 0xe0))), charge)
                if sgt(price, at) {
                    if lt(price, mload(add(zone, UP))) { mstore(add(zone, UP), price) }
                    if isOffer {
                        out := OUT
                        leave
                    }
                    zone := add(zone, BID_ABOVE)
                    mstore(zone, add(mload(zone), mload(from)))
                    leave
                }
                if slt(price, at) {
                    if iszero(isOffer) { out := OUT }
                    if slt(price, 0) { leave }
                    if sgt(price, mload(add(zone, DOWN))) { mstore(add(zone, DOWN), price) }
                    if out { leave }
                    zone := add(zone, OFFER_BELOW)
                    mstore(zone, add(mload(zone), mload(from)))
                    leave
                }
                zone := add(zone, add(BID_AT, shl(6, isOffer)))
                mstore(zone, add(mload(zone), mload(from)))
            }
            // Authenticate an opened order and tally it, or return why it is void, in the order that IDoubleAuction states. An
            // order whose first step, the best one, is worse than the price is marked too: it trades nothing.
            // After each reason it leaves, which slither does not see (2026-11-21).
            // slither-disable-next-line write-after-write
            function judgeOne(row, word) -> reason {
                let body := shr(48, row)
                let isOffer := and(shr(35, row), 1)
                let length := and(shr(27, row), 0xe0) // 32 bytes a step
                let energyWh
                let cover
                switch eq(length, 0x20)
                case 1 {
                    cover := calldataload(body)
                    energyWh := shr(224, cover)
                    cover := and(shr(192, cover), U32)
                    mstore(ENERGIES, energyWh)
                    mstore(PRICES, cover)
                    cover := div(add(mul(energyWh, cover), 999), 1000)
                    body := add(body, 8)
                }
                default { body, energyWh, cover := readSteps(length, body, isOffer) }
                mstore(TERMS_SIDE, isOffer)
                mstore(TERMS_ENERGIES, keccak256(ENERGIES, length))
                mstore(TERMS_PRICES, keccak256(PRICES, length))
                mstore(TERMS_SALT, and(calldataload(body), SALT_MASK))
                mstore(ORDER_ACCOUNT, and(row, U32))
                mstore(ORDER_TERMS, keccak256(TERMS, 0xa0))
                mstore(DIGEST_ORDER, keccak256(ORDER, 0x80))
                switch and(row, OWN_ROW)
                case 0 {
                    // What the precompile recovers from is also what the relay committed to (Signatures.ticket).
                    let at := calldataload(add(body, 0x30))
                    mstore(SIGNED, keccak256(DIGEST, 0x42))
                    mstore(SIGNED_V, add(27, shr(255, at)))
                    mstore(SIGNED_R, calldataload(add(body, 0x10)))
                    mstore(SIGNED_S, and(at, S_MASK))
                    at := mload(ENTRIES_END)
                    mstore(at, shl(224, row))
                    mstore(add(at, 4), keccak256(SIGNED, 0x80))
                    mstore(ENTRIES_END, add(at, 36))
                    mstore(0x00, 0)
                    pop(staticcall(gas(), 1, SIGNED, 0x80, 0x00, 0x20))
                    // Whether the owner in `word` signed, canonically, as in Signatures.recover. Nobody signed what recovers
                    // to zero, also not the account that does not exist.
                    at := mload(0x00)
                    if or(or(gt(mload(SIGNED_S), HALF_ORDER), iszero(at)), shl(96, xor(at, word))) {
                        reason := 1
                        leave
                    }
                }
                default { takeOwn(row, word, keccak256(DIGEST, 0x42)) }
                body := byte(1, word) // from here on 32 times the reputation class
                if gt(body, 7) { body := 7 }
                body := shl(5, body)
                if isOffer {
                    cover := div(add(mul(energyWh, and(shr(body, mload(COLLATERAL_PRICES)), U32)), 999), 1000)
                }
                cover := slt(signextend(7, shr(160, word)), add(cover, and(shr(body, mload(BONDS)), U32))) // insolvent
                body := iszero(and(shr(byte(3, word), mload(ALLOWED)), 1)) // in a zone left out
                // too many steps, none, a bad one, or too much energy
                energyWh := or(gt(length, 0x80), gt(sub(energyWh, 1), 0x7ffffffe))
                if or(or(cover, energyWh), or(body, sub(byte(2, word), 1))) {
                    reason := 3
                    if energyWh { reason := 4 }
                    if body { reason := 6 }
                    if sub(byte(2, word), 1) { reason := 2 } // not active
                    leave
                }
                let zone := mload(add(mload(ZONES), shl(5, byte(3, word))))
                let charge := mul(iszero(isOffer), mload(CHARGE_HALF))
                reason := tally(zone, isOffer, charge, ENERGIES)
                if gt(length, 0x20) {
                    length := add(ENERGIES, length)
                    for { let from := add(ENERGIES, 0x20) } lt(from, length) { from := add(from, 0x20) } {
                        pop(tally(zone, isOffer, charge, from))
                    }
                }
            }

            let end := add(add(rows, 0x20), shl(5, mload(rows)))
            let gap := sub(words, rows)
            for { rows := add(rows, shl(5, add(index, 1))) } lt(rows, end) { rows := add(rows, 0x20) } {
                let row := mload(rows)
                if and(row, OTHER_ROW) { break }
                let reason := judgeOne(row, mload(add(rows, gap)))
                if reason {
                    mstore(rows, or(row, shl(40, reason)))
                    if eq(reason, OUT) { continue }
                    let void := mload(VOIDS_END)
                    mstore(void, or(shl(224, row), shl(216, reason)))
                    mstore(VOIDS_END, add(void, 5))
                }
            }
            // back from a position to an index
            index := sub(mload(COUNT), shr(5, sub(end, rows)))
        }
        return index;
    }

    /// @notice List what every order trades; the zones' shares must be set (`Certificate.share`).
    function fill(uint256[] memory rows, uint256[] memory words) internal pure {
        assembly ("memory-safe") {
            // A step's share of what trades at the margin of its side, by running totals.
            function shareOf(zone, isOffer, energy) -> filled {
                let whole := mload(add(add(zone, BID_AT), shl(6, isOffer)))
                let trades := mload(add(add(zone, SHARE), shl(5, isOffer)))
                let running := add(add(zone, RUNNING), shl(5, isOffer))
                let before := mload(running)
                let reached := add(before, energy)
                mstore(running, reached)
                filled := sub(div(mul(trades, reached), whole), div(mul(trades, before), whole))
            }
            // What an order of several steps trades, whose first one is better than the price.
            function filledOf(zone, isOffer, charge, row) -> filled {
                let at := mload(zone)
                let body := shr(48, row)
                let end := add(body, and(shr(29, row), 0x38)) // 8 bytes a step
                for {} lt(body, end) { body := add(body, 8) } {
                    let step := calldataload(body)
                    let price := sub(shl(1, and(shr(192, step), U32)), charge)
                    switch eq(price, at)
                    case 1 { filled := add(filled, shareOf(zone, isOffer, shr(224, step))) }
                    default { if xor(sgt(price, at), isOffer) { filled := add(filled, shr(224, step)) } }
                }
            }
            // A seller locks collateral, rounded up, and will receive the price, rounded down, and the collateral.
            function sell(zone, energy, word) -> locked, position {
                let class := byte(1, word)
                if gt(class, 7) { class := 7 }
                locked := div(add(mul(energy, and(shr(shl(5, class), mload(COLLATERAL_PRICES)), U32)), 999), 1000)
                let revenue := div(mul(energy, mload(zone)), 2000)
                mstore(SELLERS_GET, add(mload(SELLERS_GET), revenue))
                mstore(COLLATERAL, add(mload(COLLATERAL), locked))
                position := or(shr(32, shl(224, sub(0, energy))), shl(80, add(revenue, locked)))
            }
            // Find out what an order trades; list its position, and what it locks as a movement on the ledger.
            function fillOne(row, word) {
                let zone := mload(add(mload(ZONES), shl(5, byte(3, word))))
                let isOffer := and(shr(35, row), 1)
                let charge := mul(iszero(isOffer), mload(CHARGE_HALF))
                // The first step is not worse than the price: if it is better it trades wholly, at the price its share.
                let energy := calldataload(shr(48, row))
                let price := sub(shl(1, and(shr(192, energy), U32)), charge)
                energy := shr(224, energy)
                switch eq(price, mload(zone))
                case 1 { energy := shareOf(zone, isOffer, energy) }
                default {
                    if xor(and(row, STEPS_ROW), ONE_STEP_ROW) { energy := filledOf(zone, isOffer, charge, row) }
                }
                if iszero(energy) { leave }
                let locked
                let position
                switch isOffer
                case 0 {
                    // a buyer pays price and charge, rounded up
                    locked := div(add(mul(energy, add(mload(zone), charge)), 1999), 2000)
                    mstore(BUYERS_PAY, add(mload(BUYERS_PAY), locked))
                    mstore(BOUGHT_WH, add(mload(BOUGHT_WH), energy))
                    position := shl(192, energy)
                }
                default { locked, position := sell(zone, energy, word) }
                position := or(or(position, shl(136, locked)), shl(224, row))
                price := mload(POSITIONS_END) // from here on where things are listed
                mstore(price, position)
                mstore(POSITIONS_END, add(price, 22))
                mstore(0x00, mload(POSITIONS_HASH))
                mstore(0x20, position)
                mstore(POSITIONS_HASH, keccak256(0x00, 54))
                if locked {
                    price := mload(MOVES_END)
                    mstore(price, or(shl(64, and(row, U32)), and(sub(0, locked), 0xffffffffffffffff)))
                    mstore(MOVES_END, add(price, 0x20))
                }
            }

            let end := add(add(rows, 0x20), shl(5, mload(rows)))
            let gap := sub(words, rows)
            for { rows := add(rows, 0x20) } lt(rows, end) { rows := add(rows, 0x20) } {
                let row := mload(rows)
                if iszero(byte(26, row)) { fillOne(row, mload(add(rows, gap))) }
            }
        }
    }
}
