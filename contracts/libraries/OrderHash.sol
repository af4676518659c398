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

    /// @notice Return the domain separator of an auction.
    function domainSeparator(address auction) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256("p2ptrade"), keccak256("1"), block.chainid, auction));
    }

    /// @notice Return the hash of the terms that the body of an opened record states: steps, then the salt.
    /// @param kind Kind of the record: number of steps, and the side in bit 3.
    function termsHash(uint256 kind, bytes calldata body) internal pure returns (bytes32) {
        uint256 steps = kind & 7;
        bytes memory energies;
        bytes memory prices;
        for (uint256 offset = 0; offset < steps * 8; offset += 8) {
            energies = abi.encodePacked(energies, uint256(uint32(bytes4(body[offset:offset + 4]))));
            prices = abi.encodePacked(prices, uint256(uint32(bytes4(body[offset + 4:offset + 8]))));
        }
        bytes16 salt = bytes16(body[steps * 8:steps * 8 + 16]);
        return
            keccak256(abi.encode(TERMS_TYPEHASH, uint8((kind >> 3) & 1), keccak256(energies), keccak256(prices), salt));
    }

    /// @notice Return the digest of the order of `account` with terms of this hash.
    function orderDigest(bytes32 domain, uint64 slot, uint32 account, bytes32 hashOfTerms)
        internal
        pure
        returns (bytes32)
    {
        bytes32 hash = keccak256(abi.encode(ORDER_TYPEHASH, slot, account, hashOfTerms));
        return keccak256(abi.encodePacked(hex"1901", domain, hash));
    }

    /// @notice Return the chain over own seals after one more.
    function chain(bytes32 running, address owner, bytes32 seal) internal pure returns (bytes32 next) {
        // 84 bytes behind the free pointer, which need not outlive this.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, running)
            mstore(add(free, 0x20), shl(96, owner))
            mstore(add(free, 0x34), seal)
            next := keccak256(free, 0x54)
        }
    }

    /// @notice Return the chain after the seal that lies in memory at `entry`: (owner 20 || digest 32).
    function chainAt(bytes32 running, uint256 entry) internal pure returns (bytes32) {
        uint256 owner;
        bytes32 seal;
        assembly ("memory-safe") {
            owner := shr(96, mload(entry))
            seal := mload(add(entry, 20))
        }
        return chain(running, address(uint160(owner)), seal);
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
