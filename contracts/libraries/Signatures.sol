// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Compact signatures (EIP-2098)
/// @notice There is one way only to write a signature down: 64 bytes, r and (yParity, s), with the lower of the two s.
library Signatures {
    /// @dev Half of the order of secp256k1: the largest canonical s.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 private constant S_MASK = type(uint256).max >> 1;
    uint256 private constant V_BASE = 27;

    /// @notice Return who signed `digest`, or the zero address if nobody did: s is high, or r is no point.
    /// @param scratch Memory of 128 bytes that may be overwritten.
    function recover(bytes32 digest, bytes32 r, bytes32 yParityAndS, uint256 scratch)
        internal
        view
        returns (address signer)
    {
        uint256 s = uint256(yParityAndS) & S_MASK;
        if (s > HALF_ORDER) return address(0);
        // Writes the caller's scratch memory and word 0, which Solidity leaves to everybody. The precompile answers nothing
        // for a signature that is none, and word 0 then keeps its zero.
        assembly ("memory-safe") {
            mstore(scratch, digest)
            mstore(add(scratch, 0x20), add(shr(255, yParityAndS), V_BASE))
            mstore(add(scratch, 0x40), r)
            mstore(add(scratch, 0x60), s)
            mstore(0x00, 0)
            if staticcall(gas(), 1, scratch, 0x80, 0x00, 0x20) { signer := mload(0x00) }
        }
    }

    /// @notice Return who signed `digest`, or the zero address if nobody did or the signature has not 64 bytes.
    function recover(bytes32 digest, bytes calldata signature) internal view returns (address) {
        if (signature.length != 64) return address(0);
        uint256 scratch;
        assembly ("memory-safe") {
            scratch := mload(0x40)
            mstore(0x40, add(scratch, 0x80))
        }
        return recover(digest, bytes32(signature[:32]), bytes32(signature[32:]), scratch);
    }
}
