// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What all pages of one clearing have in common, fixed by the first: the certificate, and the book that it is of.
/// @param slot Delivery slot, unix seconds / 900.
/// @param bookHash Running hash over the pages of the whole book; see `IDoubleAuction`.
/// @param prices The certificate: one price per zone, in half micro-credits per kWh.
/// @param gridData Line limits and charges that the clearing keeps; see `IGridLimits`.
/// @param published The grid data that the DSO published, if `gridData` is a tightened form of it; empty if it is the same.
/// @param envelopeRoot Merkle root of the envelopes that go with the verdict; zero if there are none.
/// @param verdict The DSO's EIP-2098 signature (64 bytes) over the `Verdict` message of exactly this result.
struct Clearing {
    uint64 slot;
    bytes32 bookHash;
    uint64[] prices;
    bytes gridData;
    bytes published;
    bytes32 envelopeRoot;
    bytes verdict;
}

/// @notice What one call judges: the next page of the book, the next own seals of the slot, or both.
/// @param book Records, rising by account over all pages; empty if there is none in this call.
/// @param endsChunk Whether a chunk of the relay's commitment ends with this page. The last one ends with the book anyway.
/// @param seals The next own seals in order of arrival, 53 bytes each: stranger u8 | sender 20 | digest 32. A stranger
/// (1) owns no account, so that the book has no record of its seal.
struct BookPage {
    bytes book;
    bool endsChunk;
    bytes seals;
}

/// @notice What a page came to; see `IDoubleAuctionPages`.
/// @param trades An entry for every bond that is taken and for every order that can trade.
/// @param voids Orders left out: (account u32, reason u8) each, in book order.
struct Outcome {
    bytes trades;
    bytes voids;
}

/// @notice What of a book has been judged, from one call to the next.
/// @param bookHash Running hash over the pages so far.
/// @param entriesHash Running hash over the relay's chunks that have ended.
/// @param ownChain Chain over the own seals given so far.
/// @param arrivals Number of own seals given so far.
/// @param ownInBook Product over the own records so far; see `DoubleAuctionPages`.
/// @param ownInChain Product over the own seals given so far.
/// @param last Last account (bits 0-31), whether its own seal must come next (bit 32), how many own seals arrived up to the
/// superseded one that the page ended with (from bit 40).
/// @param zones What the passes have found in each zone: 10 words a zone.
/// @param outcomes Hash of each page's outcome: keccak256(keccak256(trades) || keccak256(voids)).
/// @param entries Relayed seals of the chunk that has not ended.
struct Judged {
    bytes32 bookHash;
    bytes32 entriesHash;
    bytes32 ownChain;
    uint256 arrivals;
    uint256 ownInBook;
    uint256 ownInChain;
    uint256 last;
    uint256[] zones;
    bytes32[] outcomes;
    bytes entries;
}

/// @notice What of an accepted clearing has been filled, from one call to the next.
/// @param root The relay's commitment.
/// @param page Number of the next page.
/// @param positionsHash Running hash over the positions so far.
/// @param buyersPay Of the positions so far, in micro-credits; so are the next two.
/// @param sellersGet What they will receive.
/// @param collateral What sellers have locked.
/// @param boughtWh Energy bought so far.
/// @param zones As in `Judged`, and what trades at each margin.
/// @param outcomes As in `Judged`.
struct Filled {
    bytes32 root;
    uint256 page;
    bytes32 positionsHash;
    uint256 buyersPay;
    uint256 sellersGet;
    uint256 collateral;
    uint256 boughtWh;
    uint256[] zones;
    bytes32[] outcomes;
}
