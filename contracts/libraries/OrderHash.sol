// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title EIP-712 hashing of orders, receipts and verdicts
/// @notice An order's digest is its seal. The terms are a struct of their own, so that their hash alone proves for which
/// slot and account a seal was signed.
library OrderHash {
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant TERMS_TYPEHASH =
        keccak256("Terms(uint8 side,uint32[] energyWh,uint32[] limitPriceMicroPerKwh,bytes16 salt)");
    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "Order(uint64 slot,uint32 account,Terms terms)"
        "Terms(uint8 side,uint32[] energyWh,uint32[] limitPriceMicroPerKwh,bytes16 salt)"
    );
    bytes32 internal constant RECEIPT_TYPEHASH =
        keccak256("Receipt(uint64 slot,uint32 account,bytes32 digest,uint64 receivedAt)");
    bytes32 internal constant VERDICT_TYPEHASH =
        keccak256("Verdict(uint64 slot,bytes32 bookHash,bytes32 pricesHash,bytes32 gridHash,bytes32 envelopeRoot)");

    /// @dev Layout of the working memory. The words that are the same for all orders of a slot are written once.
    ///   0x000 terms: typehash, side, hash of energies, hash of prices, salt
    ///   0x0a0 order: typehash, slot, account, hash of terms
    ///   0x120 digest: 0x1901, domain separator, hash of order
    ///   0x180 energies, up to 7 words
    ///   0x260 limit prices, up to 7 words
    ///   0x340 scratch, 4 words
    uint256 private constant WORKSPACE_BYTES = 0x3c0;
    uint256 internal constant SCRATCH = 0x340;

    /// @notice Return the domain separator of an auction.
    function domainSeparator(address auction) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256("p2ptrade"), keccak256("1"), block.chainid, auction));
    }

    /// @notice Return working memory for the orders of a slot.
    function workspace(uint256 slot, bytes32 domain) internal pure returns (uint256 space) {
        bytes32 termsType = TERMS_TYPEHASH;
        bytes32 orderType = ORDER_TYPEHASH;
        // Takes fresh memory from the free pointer and moves it on.
        assembly ("memory-safe") {
            space := mload(0x40)
            mstore(0x40, add(space, WORKSPACE_BYTES))
            mstore(space, termsType)
            mstore(add(space, 0xa0), orderType)
            mstore(add(space, 0xc0), slot)
            mstore(add(space, 0x120), shl(240, 0x1901))
            mstore(add(space, 0x122), domain)
        }
    }

    /// @notice Return the hash of the terms that the body of an opened record states: steps, then the salt.
    /// @param kind Kind of the record: number of steps and side.
    function termsHash(uint256 space, uint256 kind, bytes calldata body) internal pure returns (bytes32 hash) {
        // Writes inside the workspace only, because there are at most 7 steps.
        assembly ("memory-safe") {
            let position := body.offset
            let length := shl(5, and(kind, 7))
            for { let at := 0 } lt(at, length) { at := add(at, 0x20) } {
                let step := calldataload(position)
                mstore(add(add(space, 0x180), at), shr(224, step))
                mstore(add(add(space, 0x260), at), and(shr(192, step), 0xffffffff))
                position := add(position, 8)
            }
            mstore(add(space, 0x20), and(shr(3, kind), 1))
            mstore(add(space, 0x40), keccak256(add(space, 0x180), length))
            mstore(add(space, 0x60), keccak256(add(space, 0x260), length))
            mstore(add(space, 0x80), shl(128, shr(128, calldataload(position))))
            hash := keccak256(space, 0xa0)
        }
    }

    /// @notice Return the digest of the order of `account` with terms of this hash, in the workspace's slot and domain.
    function digest(uint256 space, uint256 account, bytes32 hashOfTerms) internal pure returns (bytes32 hash) {
        // Writes inside the workspace only.
        assembly ("memory-safe") {
            mstore(add(space, 0xe0), account)
            mstore(add(space, 0x100), hashOfTerms)
            mstore(add(space, 0x142), keccak256(add(space, 0xa0), 0x80))
            hash := keccak256(add(space, 0x120), 0x42)
        }
    }

    /// @notice Return the chain over own seals after one more.
    function chain(bytes32 running, uint32 account, bytes32 seal) internal pure returns (bytes32 next) {
        // 68 bytes behind the free pointer, which need not outlive this.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, running)
            mstore(add(free, 0x20), shl(224, account))
            mstore(add(free, 0x24), seal)
            next := keccak256(free, 0x44)
        }
    }

    /// @notice The same for a seal that lies in memory as (account u32 || digest 32).
    function chain(uint256 space, bytes32 running, uint256 entry) internal pure returns (bytes32 next) {
        // 68 bytes of the workspace's scratch.
        assembly ("memory-safe") {
            let scratch := add(space, SCRATCH)
            mstore(scratch, running)
            mstore(add(scratch, 0x20), mload(entry))
            mstore(add(scratch, 0x24), mload(add(entry, 4)))
            next := keccak256(scratch, 0x44)
        }
    }

    /// @notice Return the digest that a DSO signs.
    function verdictDigest(
        bytes32 domain,
        uint64 slot,
        bytes32 bookHash,
        uint64[] calldata prices,
        bytes32 gridHash,
        bytes32 envelopeRoot
    ) internal pure returns (bytes32) {
        bytes32 pricesHash = keccak256(abi.encodePacked(prices));
        bytes32 hash = keccak256(abi.encode(VERDICT_TYPEHASH, slot, bookHash, pricesHash, gridHash, envelopeRoot));
        return keccak256(abi.encodePacked(hex"1901", domain, hash));
    }

    /// @notice Return the digest that a relay signs for a seal it took.
    function receiptDigest(bytes32 domain, uint64 slot, uint32 account, bytes32 seal, uint64 receivedAt)
        internal
        pure
        returns (bytes32)
    {
        bytes32 hash = keccak256(abi.encode(RECEIPT_TYPEHASH, slot, account, seal, receivedAt));
        return keccak256(abi.encodePacked(hex"1901", domain, hash));
    }
}
