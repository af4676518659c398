// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Constants that only assembly uses, where solhint does not look (2026-11-21).
/* solhint-disable no-unused-import */
import {
    Certificate,
    ZONE_BID_ABOVE,
    ZONE_BID_AT,
    ZONE_DOWN,
    ZONE_OFFER_AT,
    ZONE_OFFER_BELOW,
    ZONE_UP
} from "./Certificate.sol";
import {OrderHash} from "./OrderHash.sol";
import {
    ARRIVALS,
    BONDS,
    CHALLENGE,
    CHARGE_HALF,
    COLLATERAL_PRICES,
    DIGEST,
    DIGEST_DOMAIN,
    DIGEST_ORDER,
    ENERGIES,
    ENTRIES_END,
    ORDER,
    ORDER_ACCOUNT,
    ORDER_SLOT,
    ORDER_TERMS,
    OWN_PRODUCT,
    OWN_SEALS,
    PASS_END,
    PLACES,
    PRICES,
    SIGNED,
    SIGNED_R,
    SIGNED_S,
    SIGNED_V,
    TERMS,
    TERMS_ENERGIES,
    TERMS_PRICES,
    TERMS_SALT,
    TERMS_SIDE,
    TRADES_END,
    VOIDS_END,
    ZONE_TABLE
} from "./PassMemory.sol";

/* solhint-enable no-unused-import */

/// @title The first pass over a book
/// @notice `judge` authenticates opened orders, leaves out those that are void, tallies the others at their zone's price, and
/// lists what each can trade; `Outcomes.fill` is the second pass. What they cost is paid once per order, so they are written
/// in assembly.
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
        uint256 tradesEnd; // where the next order goes that can trade, or bond that is taken; see `Outcomes`
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
        uint256 places; // number of own seals that `arrivals` has room for; none in a book of several pages
        uint256 challenge; // of a book of several pages: what the product over its own seals is taken with
        uint256 ownProduct; // that product
    }

    /// @notice Length of an own seal in the list of arrivals.
    uint256 internal constant OWN_SEAL_BYTES = 52;

    /// @dev The field in which the product over own seals is taken, that of secp256k1's coordinates.
    uint256 private constant FIELD = 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f;
    /// @dev The order of secp256k1's group: the double of a canonical s is below it.
    uint256 private constant GROUP = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    /// @dev Of a row: account bits 0-31, kind bits 32-39, position of the record from bit 48 (`BookReader`). Of an account's word:
    /// class byte 1, status byte 2, zone byte 3, which the ledger keeps below 32, cash bits 160-223, owner below
    /// (`AccountWord`). Of a record that is opened: head of 5 bytes, 2 more of an own one; steps; salt; signature.
    uint256 private constant U32 = 0xffffffff;
    uint256 private constant SYSTEM = 3; // status of an account of the platform
    uint256 private constant SHAPE_ROW = 0xf700000000; // kind but for the side
    uint256 private constant ONE_STEP_ROW = 0x100000000;
    uint256 private constant SIDE_ROW = 0x800000000;
    uint256 private constant OWN_ROW = 0x1000000000;
    uint256 private constant OTHER_ROW = 0x6000000000; // unopened or superseded
    uint256 private constant OFFERS = 0x8000000000000000; // side of what can trade, at its place (`Outcomes`)

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
        // From TERMS to PASS_END nothing has been taken; it is taken here, and cleared with zeros from beyond the calldata.
        assembly ("memory-safe") {
            mstore(0x40, PASS_END)
            calldatacopy(TERMS, calldatasize(), sub(PASS_END, TERMS))
            mstore(TERMS, termsType)
            mstore(ORDER, orderType)
            mstore(ORDER_SLOT, slot)
            mstore(DIGEST, shl(240, 0x1901))
            mstore(DIGEST_DOMAIN, domain)
            pass := ENTRIES_END
        }
    }

    /// @notice Tell the passes where the zones are, at most 32.
    /// @param excluded Bit z: zone z is left out.
    function setZones(Certificate.Zone[] memory zones, uint256 excluded) internal pure {
        assembly ("memory-safe") {
            let count := mload(zones)
            for { let zone := 0 } lt(zone, count) { zone := add(zone, 1) } {
                zones := add(zones, 0x20)
                if iszero(and(shr(zone, excluded), 1)) {
                    mstore(add(ZONE_TABLE, shl(5, zone)), mload(zones))
                }
            }
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

    /// @notice Judge opened orders from row `index` on and return the index of the first row that is none, or their number. What
    /// it lists overwrites rows that have been judged.
    function judge(uint256[] memory rows, uint256[] memory words, uint256 index) internal view returns (uint256) {
        assembly ("memory-safe") {
            // Read the steps of a record that is not of one step and relayed into ENERGIES and PRICES. Their length in words;
            // where the salt is, less 13; their energy in all, 2^40 or more if a step is malformed or there are too many; and
            // 1000 times what they cost at their limits, each rounded up.
            function readSteps(row) -> length, body, energyWh, cost {
                // Prices must get strictly worse: a bid's fall, and so do an offer's when all their bits are turned.
                let turn := and(sub(0, and(shr(35, row), 1)), U32)
                let best := 0x100000000
                length := and(shr(27, row), 0xe0) // 32 bytes a step
                energyWh := shl(40, gt(length, 0x80))
                body := add(add(shr(48, row), 5), and(shr(35, row), 2)) // an own one's head is 2 longer
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
                body := sub(body, 13)
                cost := mul(cost, 1000)
            }
            // Put an own seal where it arrived, with who must have sent it: the account's owner. A place beyond the list is not
            // written; the chain then comes out wrong. A book of several pages has no places, but a product over all seals.
            function takeOwn(row, word, digest) {
                let arrival := shr(240, calldataload(add(shr(48, row), 5)))
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
            // Why an order is void that looks so, in the order that IDoubleAuction states; 0 if it is not, its class being above 7.
            // After each reason it leaves, which slither does not see (2026-11-21).
            // slither-disable-next-line write-after-write
            function reasonOf(row, word, isBadlySigned, zone, energyWh, cost) -> reason {
                if isBadlySigned {
                    reason := 1
                    leave
                }
                if sub(byte(2, word), 1) {
                    reason := 2 // not active
                    leave
                }
                if iszero(zone) {
                    reason := 6 // left out
                    leave
                }
                if gt(sub(energyWh, 1), 0x7ffffffe) {
                    reason := 4 // malformed
                    leave
                }
                let class := byte(1, word)
                if gt(class, 7) { class := 7 }
                class := shl(5, class)
                if and(row, SIDE_ROW) { cost := mul(energyWh, and(shr(class, mload(COLLATERAL_PRICES)), U32)) }
                word := sub(signextend(7, shr(160, word)), and(shr(class, mload(BONDS)), U32)) // cash beyond the bond
                if sgt(cost, mul(word, 1000)) { reason := 3 } // insolvent
            }
            // Count the steps after the first one in, until one is worse than the price; what of them can trade.
            function tallyRest(zone, row, length) -> trade {
                let isOffer := and(shr(35, row), 1)
                let charge := mul(iszero(isOffer), mload(CHARGE_HALF))
                row := mload(zone) // from here on the price
                length := add(ENERGIES, length) // from here on where the steps end
                for { let from := add(ENERGIES, 0x20) } lt(from, length) { from := add(from, 0x20) } {
                    let energyWh := mload(from)
                    let price := sub(shl(1, mload(add(from, 0xe0))), charge)
                    let field
                    switch eq(price, row)
                    case 1 {
                        trade := add(trade, energyWh)
                        field := add(ZONE_BID_AT, shl(6, isOffer))
                    }
                    default {
                        switch sgt(price, row)
                        case 1 {
                            if lt(price, mload(add(zone, ZONE_UP))) { mstore(add(zone, ZONE_UP), price) }
                            if isOffer { leave }
                            field := ZONE_BID_ABOVE
                        }
                        default {
                            if sgt(price, mload(add(zone, ZONE_DOWN))) { mstore(add(zone, ZONE_DOWN), price) }
                            if iszero(isOffer) { leave }
                            field := ZONE_OFFER_BELOW
                        }
                        trade := add(trade, shl(32, energyWh))
                    }
                    field := add(zone, field)
                    mstore(field, add(mload(field), energyWh))
                }
            }

            let end := add(add(rows, 0x20), shl(5, mload(rows)))
            words := sub(words, rows) // from here on how far behind its row an account's word is
            rows := add(rows, shl(5, add(index, 1))) // from here on where the next row is
            index := sub(index, shr(5, rows)) // from here on what makes an index of that
            for {} lt(rows, end) { rows := add(rows, 0x20) } {
                let row := mload(rows)
                // Most orders are relayed and of one step, which is read here.
                let body := shr(48, row)
                let length := 0x20
                let cost := calldataload(add(body, 5))
                let energyWh := shr(224, cost)
                cost := and(shr(192, cost), U32)
                mstore(ENERGIES, energyWh)
                mstore(PRICES, cost)
                cost := mul(energyWh, cost) // 1000 times the cover
                if xor(and(row, SHAPE_ROW), ONE_STEP_ROW) {
                    if and(row, OTHER_ROW) { break }
                    length, body, energyWh, cost := readSteps(row)
                }
                mstore(TERMS_SIDE, and(shr(35, row), 1))
                mstore(TERMS_ENERGIES, keccak256(ENERGIES, length))
                mstore(TERMS_PRICES, keccak256(PRICES, length))
                calldatacopy(TERMS_SALT, add(body, 13), 16)
                mstore(ORDER_ACCOUNT, and(row, U32))
                mstore(ORDER_TERMS, keccak256(TERMS, 0xa0))
                mstore(DIGEST_ORDER, keccak256(ORDER, 0x80))
                let word := mload(add(rows, words))
                let isBadlySigned
                switch and(row, OWN_ROW)
                case 0 {
                    // What the precompile recovers from is also what the relay committed to (Signatures.ticket).
                    mstore(SIGNED, keccak256(DIGEST, 0x42))
                    mstore(SIGNED_R, calldataload(add(body, 29)))
                    body := calldataload(add(body, 61))
                    mstore(SIGNED_V, add(27, shr(255, body)))
                    body := shl(1, body) // from here on the double of s
                    mstore(SIGNED_S, shr(1, body))
                    let entry := mload(ENTRIES_END)
                    mstore(entry, shl(224, row))
                    mstore(add(entry, 4), keccak256(SIGNED, 0x80))
                    mstore(ENTRIES_END, add(entry, 36))
                    // Whether the owner in `word` signed, canonically, as in Signatures.recover. The precompile answers with
                    // nothing if nobody did.
                    pop(staticcall(gas(), 1, SIGNED, 0x80, 0x00, 0x20))
                    isBadlySigned := or(or(gt(body, GROUP), iszero(returndatasize())), shl(96, xor(mload(0x00), word)))
                }
                default { takeOwn(row, word, keccak256(DIGEST, 0x42)) }

                let zone := mload(add(ZONE_TABLE, and(shr(219, word), 0x3e0)))
                let class := and(shr(235, word), 0xe0) // 32 times it, unless it is above 7
                if and(row, SIDE_ROW) { cost := mul(energyWh, and(shr(class, mload(COLLATERAL_PRICES)), U32)) }
                // badly signed, not active or of a class above 7, left out, malformed, or insolvent: cash below bond and cover
                if or(
                    or(or(isBadlySigned, sub(and(shr(232, word), 0xf8ff), 1)), iszero(zone)),
                    or(
                        gt(sub(energyWh, 1), 0x7ffffffe),
                        sgt(cost, mul(sub(signextend(7, shr(160, word)), and(shr(class, mload(BONDS)), U32)), 1000))
                    )
                ) {
                    class := 0xe0
                    let reason := reasonOf(row, word, isBadlySigned, zone, energyWh, cost)
                    if reason {
                        let void := mload(VOIDS_END)
                        mstore(void, or(shl(224, row), shl(216, reason)))
                        mstore(VOIDS_END, add(void, 5))
                        continue
                    }
                }

                // The first step is the best: if it is worse than the price, nothing trades. A bid below the charge is in none of
                // the arithmetic, as it can trade at no price: `down` is -1 or more.
                let trade
                switch and(row, SIDE_ROW)
                case 0 {
                    cost := sub(shl(1, mload(PRICES)), mload(CHARGE_HALF)) // from here on the effective price
                    switch sgt(cost, mload(zone))
                    case 1 {
                        if lt(cost, mload(add(zone, ZONE_UP))) { mstore(add(zone, ZONE_UP), cost) }
                        trade := mload(ENERGIES)
                        mstore(add(zone, ZONE_BID_ABOVE), add(mload(add(zone, ZONE_BID_ABOVE)), trade))
                        trade := shl(32, trade)
                    }
                    default {
                        if xor(cost, mload(zone)) {
                            if sgt(cost, mload(add(zone, ZONE_DOWN))) { mstore(add(zone, ZONE_DOWN), cost) }
                            continue
                        }
                        trade := mload(ENERGIES)
                        mstore(add(zone, ZONE_BID_AT), add(mload(add(zone, ZONE_BID_AT)), trade))
                    }
                }
                default {
                    cost := shl(1, mload(PRICES))
                    switch lt(cost, mload(zone))
                    case 1 {
                        if sgt(cost, mload(add(zone, ZONE_DOWN))) { mstore(add(zone, ZONE_DOWN), cost) }
                        trade := mload(ENERGIES)
                        mstore(add(zone, ZONE_OFFER_BELOW), add(mload(add(zone, ZONE_OFFER_BELOW)), trade))
                        trade := or(OFFERS, shl(32, trade))
                    }
                    default {
                        if xor(cost, mload(zone)) {
                            if lt(cost, mload(add(zone, ZONE_UP))) { mstore(add(zone, ZONE_UP), cost) }
                            continue
                        }
                        trade := mload(ENERGIES)
                        mstore(add(zone, ZONE_OFFER_AT), add(mload(add(zone, ZONE_OFFER_AT)), trade))
                        trade := or(OFFERS, trade)
                    }
                }
                if xor(length, 0x20) { trade := add(trade, tallyRest(zone, row, length)) }
                trade := or(trade, or(shl(72, row), shl(64, or(class, byte(3, word)))))
                row := mload(TRADES_END) // from here on where it goes
                mstore(row, shl(152, trade))
                mstore(TRADES_END, add(row, 13))
            }
            index := add(index, shr(5, rows))
        }
        return index;
    }
}
