// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SlotPhase, SlotResult, Windows} from "../types/AuctionTypes.sol";

/// @title An auction that was told how its slots were cleared: for tests of the settlement.
contract ClearedAuction {
    error NotCleared(uint64 slot, SlotPhase phase);
    error WrongResult(uint64 slot);

    mapping(uint64 slot => bytes32) private _results;
    mapping(uint64 slot => SlotPhase) private _phases;
    uint32 private immutable _settle;

    constructor(uint32 settle) {
        _settle = settle;
    }

    function setResult(uint64 slot, SlotResult calldata result_) external {
        _results[slot] = keccak256(abi.encode(result_));
        _phases[slot] = SlotPhase.Cleared;
    }

    function setRefunded(uint64 slot) external {
        _phases[slot] = SlotPhase.Refunded;
    }

    function handOver(uint64 slot, SlotResult calldata result_) external returns (SlotPhase phase) {
        phase = _phases[slot];
        if (phase == SlotPhase.Refunded || phase == SlotPhase.Settling) revert NotCleared(slot, phase);
        if (!isResult(slot, result_)) revert WrongResult(slot);
        _phases[slot] = SlotPhase.Settling;
    }

    function isResult(uint64 slot, SlotResult calldata result_) public view returns (bool) {
        SlotResult memory nothing;
        bytes32 known = _results[slot];
        return keccak256(abi.encode(result_)) == (known == 0 ? keccak256(abi.encode(nothing)) : known);
    }

    function windows() external view returns (Windows memory) {
        return Windows(3600, 1800, 1200, 600, _settle);
    }
}
