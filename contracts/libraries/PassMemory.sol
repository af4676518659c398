// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Where the working state of the passes over a book lies in memory. `BookPasses.place` reserves it at a fixed place, so that
// assembly has its addresses as constants.

/// @dev What the EIP-712 hashing works in; words that are the same for all orders of a slot are written once.
uint256 constant TERMS = 0x400; // typehash, side, hash of energies, hash of prices, salt
uint256 constant TERMS_SIDE = 0x420;
uint256 constant TERMS_ENERGIES = 0x440;
uint256 constant TERMS_PRICES = 0x460;
uint256 constant TERMS_SALT = 0x480;
uint256 constant ORDER = 0x4a0; // typehash, slot, account, hash of terms
uint256 constant ORDER_SLOT = 0x4c0;
uint256 constant ORDER_ACCOUNT = 0x4e0;
uint256 constant ORDER_TERMS = 0x500;
uint256 constant DIGEST = 0x520; // 0x1901, domain separator, hash of the order
uint256 constant DIGEST_DOMAIN = 0x522;
uint256 constant DIGEST_ORDER = 0x542;
uint256 constant ENERGIES = 0x580; // up to 7 words
uint256 constant PRICES = 0x660; // up to 7 words, each 0xe0 behind its energy
uint256 constant SIGNED = 0x740; // digest, v, r, s
uint256 constant SIGNED_V = 0x760;
uint256 constant SIGNED_R = 0x780;
uint256 constant SIGNED_S = 0x7a0;

/// @dev The fields of `BookPasses.Pass`, in order.
uint256 constant ENTRIES_END = 0x7c0;
uint256 constant ARRIVALS = 0x7e0;
uint256 constant OWN_SEALS = 0x800;
uint256 constant VOIDS_END = 0x820;
uint256 constant TRADES_END = 0x840;
uint256 constant BONDS = 0x860;
uint256 constant COLLATERAL_PRICES = 0x880;
uint256 constant CHARGE_HALF = 0x8a0;
uint256 constant MOVES_END = 0x8c0;
uint256 constant POSITIONS_END = 0x8e0;
uint256 constant POSITIONS_HASH = 0x900;
uint256 constant BUYERS_PAY = 0x920;
uint256 constant SELLERS_GET = 0x940;
uint256 constant COLLATERAL = 0x960;
uint256 constant BOUGHT_WH = 0x980;
uint256 constant PLACES = 0x9a0;
uint256 constant CHALLENGE = 0x9c0;
uint256 constant OWN_PRODUCT = 0x9e0;

/// @dev By zone: where its state is, 0 if there is no such zone or it is left out.
uint256 constant ZONE_TABLE = 0xa00; // 32 words
uint256 constant PASS_END = 0xe00;
