// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {ILedger} from "./interfaces/ILedger.sol";
import {IReputation} from "./interfaces/IReputation.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Reputation from facts that the contracts saw, in parts per million.
contract Reputation is IReputation, AccessManaged, EIP712 {
    /// @notice Scores, in ppm, from which the classes 1, 2 and 3 begin; class 0 is below.
    uint256 public constant CLASS_1_PPM = 600_000;
    uint256 public constant CLASS_2_PPM = 800_000;
    uint256 public constant CLASS_3_PPM = 950_000;
    /// @notice Class from which an account may stand as a validator.
    uint8 public constant CANDIDATE_CLASS = 2;

    uint256 private constant PPM = 1_000_000;
    uint256 private constant DAY_SECONDS = 86_400;
    uint256 private constant RECORD_LENGTH = 10;
    bytes32 private constant DAY_TYPEHASH = keccak256("DayCounts(uint32 day,bytes32 countsHash)");

    /// @notice Ledger that keeps the classes.
    ILedger public immutable ledger;
    /// @notice Oracle signatures that a day needs.
    uint256 public immutable quorum;

    /// @inheritdoc IReputation
    uint32 public nextDay;

    mapping(uint32 account => Counts) private _counts;

    constructor(address authority, ILedger ledger_, uint32 firstDay, uint8 quorum_)
        AccessManaged(authority)
        EIP712("p2ptrade-reputation", "1")
    {
        ledger = ledger_;
        nextDay = firstDay;
        quorum = quorum_;
    }

    /// @inheritdoc IReputation
    function postDay(uint32 day, bytes calldata counts, bytes[] calldata signatures) external {
        if (day != nextDay) revert ReputationWrongDay(day, nextDay);
        if (block.timestamp < (uint256(day) + 1) * DAY_SECONDS) revert ReputationDayNotOver(day);
        (uint256 index, address signer) = Quorum.firstBad(digestOf(day, counts), signatures, authority(), Roles.ORACLE);
        if (index < signatures.length) revert ReputationBadSigner(index, signer);
        if (signatures.length < quorum) revert ReputationQuorumMissed(signatures.length, quorum);
        if (counts.length % RECORD_LENGTH != 0) revert ReputationMalformedCounts(counts.length);

        nextDay = day + 1;
        bytes memory classes = _addDay(day, counts);
        emit DayPosted(day, counts);
        if (classes.length != 0) ledger.setReputationClasses(classes);
    }

    /// @inheritdoc IReputation
    function countsOf(uint32 account) external view returns (Counts memory) {
        return _counts[account];
    }

    /// @inheritdoc IReputation
    function scoreOf(uint32 account) external view returns (uint256) {
        return _score(_counts[account]);
    }

    /// @inheritdoc IReputation
    function classOf(uint32 account) external view returns (uint8) {
        return _class(_score(_counts[account]));
    }

    /// @inheritdoc IReputation
    function mayStand(uint32 account) external view returns (bool) {
        Counts memory counts = _counts[account];
        return _class(_score(counts)) >= CANDIDATE_CLASS && counts.lastIdleDay + 1 != nextDay;
    }

    /// @inheritdoc IReputation
    function digestOf(uint32 day, bytes calldata counts) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(DAY_TYPEHASH, day, keccak256(counts))));
    }

    /// @dev Add all records; return (account u32, class u8) of those whose class changed.
    function _addDay(uint32 day, bytes calldata counts) private returns (bytes memory classes) {
        // Whole records are counted before their bytes, which is meant (2026-11-21).
        // slither-disable-next-line divide-before-multiply
        classes = new bytes(counts.length / RECORD_LENGTH * 5);
        uint256 written;
        uint32 last;
        for (uint256 offset; offset < counts.length; offset += RECORD_LENGTH) {
            uint256 word = uint80(bytes10(counts[offset:offset + RECORD_LENGTH]));
            uint32 account = uint32(word >> 48); // the upper four of ten bytes
            if (account <= last) revert ReputationMalformedCounts(offset);
            last = account;
            (uint8 before, uint8 afterwards) = _addRecord(day, account, word, offset);
            if (before != afterwards) {
                uint256 change = (uint256(account) << 8) | afterwards;
                for (uint256 place; place < 5; ++place) {
                    classes[written++] = bytes1(uint8(change >> (32 - 8 * place))); // cuts the byte out
                }
            }
        }
        assembly ("memory-safe") {
            mstore(classes, written) // shrinks it to what was written
        }
    }

    /// @dev Add one record and return the class before and afterwards.
    function _addRecord(uint32 day, uint32 account, uint256 word, uint256 offset)
        private
        returns (uint8 before, uint8 afterwards)
    {
        // The casts cut the fields of the record out: good u8 | deals u8 | takenPart u16 | unopened u8 | idle u8.
        uint8 good = uint8(word >> 40);
        uint8 deals = uint8(word >> 32);
        uint16 takenPart = uint16(word >> 16);
        if (good > deals || deals > takenPart) revert ReputationMalformedCounts(offset);
        Counts memory counts = _counts[account];
        before = _class(_score(counts));
        counts.good += good;
        counts.deals += deals;
        counts.takenPart += takenPart;
        counts.unopened += uint8(word >> 8);
        if (uint8(word) != 0) (counts.idleDays, counts.lastIdleDay) = (counts.idleDays + uint8(word), day);
        _counts[account] = counts;
        afterwards = _class(_score(counts));
    }

    function _score(Counts memory counts) private pure returns (uint256) {
        uint256 reliability = counts.deals == 0 ? PPM / 2 : PPM * counts.good / counts.deals;
        uint256 activity = counts.takenPart == 0 ? PPM / 2 : PPM * counts.deals / counts.takenPart;
        return (reliability + activity) / 2;
    }

    function _class(uint256 scorePpm) private pure returns (uint8) {
        if (scorePpm >= CLASS_3_PPM) return 3;
        if (scorePpm >= CLASS_2_PPM) return 2;
        return scorePpm >= CLASS_1_PPM ? 1 : 0;
    }
}
