// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Compact signatures (EIP-2098)
/// @notice There is one way only to write a signature down: 64 bytes, r and (yParity, s), with the lower of the two s.
library Signatures {
    /// @dev Half of the order of secp256k1: the largest canonical s.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 private constant S_MASK = type(uint256).max >> 1;
    uint256 private constant V_BASE = 27;

    /// @notice Return what a relay commits to for a seal: the digest and the signature that it came with, which the relay so
    /// cannot exchange for a bad one later.
    function ticket(bytes32 digest, bytes calldata signature) internal pure returns (bytes32) {
        uint256 yParityAndS = uint256(bytes32(signature[32:64]));
        return
            keccak256(abi.encode(digest, V_BASE + (yParityAndS >> 255), bytes32(signature[:32]), yParityAndS & S_MASK));
    }

    /// @notice Return who signed `digest`, or the zero address if nobody did: r is no point, or the signature is not of the one
    /// form.
    function recover(bytes32 digest, bytes calldata signature) internal pure returns (address) {
        if (signature.length != 64) return address(0);
        bytes32 r;
        uint256 yParityAndS;
        // the 64 bytes
        assembly ("memory-safe") {
            r := calldataload(signature.offset)
            yParityAndS := calldataload(add(signature.offset, 0x20))
        }
        uint256 s = yParityAndS & S_MASK;
        if (s > HALF_ORDER) return address(0);
        // 27 or 28
        unchecked {
            return ecrecover(digest, uint8(V_BASE + (yParityAndS >> 255)), r, bytes32(s));
        }
    }
}
