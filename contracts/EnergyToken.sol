// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155MetadataURI} from "@openzeppelin/contracts/token/ERC1155/extensions/IERC1155MetadataURI.sol";
import {ERC1155Utils} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Utils.sol";
import {ERC165, IERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";

import {IEnergyToken} from "./interfaces/IEnergyToken.sol";

/// @title Energy tokens: 1 unit is 1 Wh that was traded, delivered and metered; the id is the delivery slot.
contract EnergyToken is IEnergyToken, IERC1155Errors, AccessManaged, ERC165 {
    uint256 private constant BALANCE_MAX = type(uint32).max;

    /// @dev Supply of a slot in circulation and what was retired of it, in Wh; one word.
    struct Supply {
        uint128 circulatingWh;
        uint128 retiredWh;
    }

    string private _uri;

    /// @dev Eight slots of 32 bits a word; slot s is in word s / 8, from bit 32 * (s % 8) on.
    mapping(address holder => mapping(uint256 group => uint256 balances)) private _balances;
    mapping(address holder => mapping(address operator => bool)) private _approvals;
    mapping(uint256 slot => Supply) private _supplies;

    constructor(address authority, string memory uri_) AccessManaged(authority) {
        _uri = uri_;
        emit URI(uri_, 0);
    }

    // --- Minting and retiring ---

    /// @inheritdoc IEnergyToken
    function mint(uint64 slot, uint256[] calldata entries) external restricted {
        uint256 group = slot / 8;
        uint256 shift = 32 * (uint256(slot) % 8);
        bytes32 topic = TransferSingle.selector;
        uint256 total;
        uint256 refused; // where the entry is that cannot be minted, if there is one
        // Runs for every buyer of every slot, hence assembly. It reads `entries` within its length, writes the balances of
        // the holders, computing their place as Solidity does, and uses scratch space and 64 bytes of free memory for the
        // event. A balance that fits 32 bits does not carry into the next slot's.
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, slot)
            let end := add(entries.offset, shl(5, entries.length))
            for { let at := entries.offset } lt(at, end) { at := add(at, 0x20) } {
                let entry := calldataload(at)
                let energyWh := and(entry, 0xffffffff)
                entry := shr(32, entry)
                mstore(0x00, and(entry, 0xffffffffffffffffffffffffffffffffffffffff))
                mstore(0x20, _balances.slot)
                mstore(0x20, keccak256(0x00, 0x40))
                mstore(0x00, group)
                let place := keccak256(0x00, 0x40)
                let word := sload(place)
                let fits := lt(add(and(shr(shift, word), 0xffffffff), energyWh), 0x100000000)
                if or(iszero(fits), or(iszero(entry), shr(160, entry))) {
                    refused := at
                    break
                }
                sstore(place, add(word, shl(shift, energyWh)))
                total := add(total, energyWh)
                mstore(add(data, 0x20), energyWh)
                log4(data, 0x40, topic, caller(), 0, entry)
            }
        }
        if (refused != 0) {
            assembly ("memory-safe") {
                refused := calldataload(refused)
            }
            _refuse(slot, refused);
        }
        _supplies[slot].circulatingWh += uint128(total); // at most 2^32 times the number of entries
    }

    /// @inheritdoc IEnergyToken
    function retire(uint256 slot, uint256 energyWh, string calldata claim) external {
        _retire(msg.sender, slot, energyWh, claim);
    }

    /// @inheritdoc IEnergyToken
    function retireFrom(address holder, uint256[] calldata slots, uint256[] calldata energiesWh, string calldata claim)
        external
    {
        _requireApproved(holder);
        if (slots.length == 0 || slots.length != energiesWh.length) revert EnergyTokenNothingToRetire();
        for (uint256 index; index < slots.length; ++index) {
            _retire(holder, slots[index], energiesWh[index], claim);
        }
    }

    // --- ERC-1155 ---

    /// @inheritdoc IERC1155
    function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes calldata data) external {
        _requireApproved(from);
        _transfer(from, to, id, value);
        emit TransferSingle(msg.sender, from, to, id, value);
        ERC1155Utils.checkOnERC1155Received(msg.sender, from, to, id, value, data);
    }

    /// @inheritdoc IERC1155
    function safeBatchTransferFrom(
        address from,
        address to,
        uint256[] calldata ids,
        uint256[] calldata values,
        bytes calldata data
    ) external {
        _requireApproved(from);
        if (ids.length != values.length) revert ERC1155InvalidArrayLength(ids.length, values.length);
        for (uint256 index; index < ids.length; ++index) {
            _transfer(from, to, ids[index], values[index]);
        }
        emit TransferBatch(msg.sender, from, to, ids, values);
        ERC1155Utils.checkOnERC1155BatchReceived(msg.sender, from, to, ids, values, data);
    }

    /// @inheritdoc IERC1155
    function setApprovalForAll(address operator, bool approved) external {
        if (operator == address(0)) revert ERC1155InvalidOperator(operator);
        _approvals[msg.sender][operator] = approved;
        emit ApprovalForAll(msg.sender, operator, approved);
    }

    /// @inheritdoc IERC1155
    function balanceOf(address account, uint256 id) public view returns (uint256) {
        return (_balances[account][id / 8] >> (32 * (id % 8))) & BALANCE_MAX;
    }

    /// @inheritdoc IERC1155
    function balanceOfBatch(address[] calldata accounts, uint256[] calldata ids)
        external
        view
        returns (uint256[] memory balances)
    {
        if (accounts.length != ids.length) revert ERC1155InvalidArrayLength(ids.length, accounts.length);
        balances = new uint256[](ids.length);
        for (uint256 index; index < ids.length; ++index) {
            balances[index] = balanceOf(accounts[index], ids[index]);
        }
    }

    /// @inheritdoc IERC1155
    function isApprovedForAll(address account, address operator) public view returns (bool) {
        return _approvals[account][operator];
    }

    /// @inheritdoc IERC1155MetadataURI
    function uri(uint256) external view returns (string memory) {
        return _uri;
    }

    /// @inheritdoc IEnergyToken
    function totalSupply(uint256 slot) external view returns (uint256) {
        return _supplies[slot].circulatingWh;
    }

    /// @inheritdoc IEnergyToken
    function totalRetired(uint256 slot) external view returns (uint256) {
        return _supplies[slot].retiredWh;
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC165, IERC165) returns (bool) {
        return interfaceId == type(IERC1155).interfaceId || interfaceId == type(IERC1155MetadataURI).interfaceId
            || super.supportsInterface(interfaceId);
    }

    // --- Steps ---

    /// @dev Say why an entry cannot be minted: it names nobody, or the balance would not fit.
    function _refuse(uint256 slot, uint256 entry) private pure {
        uint256 holder = entry >> 32;
        if (holder == 0 || holder > type(uint160).max) revert ERC1155InvalidReceiver(address(uint160(holder)));
        revert EnergyTokenBalanceTooLarge(address(uint160(holder)), slot, uint32(entry)); // cuts exactly the field
    }

    function _transfer(address from, address to, uint256 id, uint256 value) private {
        if (to == address(0)) revert ERC1155InvalidReceiver(to);
        _debit(from, id, value);
        if (balanceOf(to, id) + value > BALANCE_MAX) revert EnergyTokenBalanceTooLarge(to, id, value);
        _balances[to][id / 8] += value << (32 * (id % 8)); // no carry into the next slot, checked above
    }

    function _retire(address holder, uint256 slot, uint256 energyWh, string calldata claim) private {
        if (energyWh == 0) revert EnergyTokenNothingToRetire();
        _debit(holder, slot, energyWh);
        Supply storage supply = _supplies[slot];
        supply.circulatingWh -= uint128(energyWh); // a balance fits 32 bits
        supply.retiredWh += uint128(energyWh);
        emit TransferSingle(msg.sender, holder, address(0), slot, energyWh);
        emit Retired(holder, slot, energyWh, claim);
    }

    function _debit(address from, uint256 id, uint256 value) private {
        uint256 balance = balanceOf(from, id);
        if (balance < value) revert ERC1155InsufficientBalance(from, balance, value, id);
        _balances[from][id / 8] -= value << (32 * (id % 8)); // no borrow from the next slot, checked above
    }

    function _requireApproved(address holder) private view {
        if (holder != msg.sender && !isApprovedForAll(holder, msg.sender)) {
            revert ERC1155MissingApprovalForAll(msg.sender, holder);
        }
    }
}
