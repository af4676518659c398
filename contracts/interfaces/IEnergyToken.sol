// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1155MetadataURI} from "@openzeppelin/contracts/token/ERC1155/extensions/IERC1155MetadataURI.sol";

/// @title Energy tokens: 1 unit is 1 Wh that was traded, delivered and metered; the id is the delivery slot.
/// @notice Standard ERC-1155. Inside, the balances of eight slots share a storage word, 32 bits each.
interface IEnergyToken is IERC1155MetadataURI {
    /// @notice Tokens were retired for good, with the holder's claim, such as who used the energy for what.
    event Retired(address indexed holder, uint256 indexed slot, uint256 energyWh, string claim);

    /// @notice A balance would exceed 32 bits.
    error EnergyTokenBalanceTooLarge(address holder, uint256 slot, uint256 energyWh);

    /// @notice Nothing to retire, or lists of different lengths.
    error EnergyTokenNothingToRetire();

    /// @notice Mint tokens of a slot. Only the settlement may, once per delivered Wh. No receiver is called, so that no
    /// buyer can stand in the way of the others.
    /// @param slot Delivery slot.
    /// @param entries One per buyer: owner address in bits 32-191, energy in Wh in bits 0-31.
    function mint(uint64 slot, uint256[] calldata entries) external;

    /// @notice Retire own tokens for good.
    function retire(uint256 slot, uint256 energyWh, string calldata claim) external;

    /// @notice Retire tokens of `holder`, who approved the caller, in several slots.
    function retireFrom(address holder, uint256[] calldata slots, uint256[] calldata energiesWh, string calldata claim)
        external;

    /// @notice Tokens in circulation of a slot, in Wh.
    function totalSupply(uint256 slot) external view returns (uint256);

    /// @notice Tokens retired of a slot, in Wh.
    function totalRetired(uint256 slot) external view returns (uint256);
}
