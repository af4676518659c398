// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDoubleAuction} from "./interfaces/IDoubleAuction.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRelayStake} from "./interfaces/IRelayStake.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
import {LedgerCalls} from "./libraries/LedgerCalls.sol";
import {OrderHash} from "./libraries/OrderHash.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {SlotResult} from "./types/AuctionTypes.sol";
import {STAKES_ACCOUNT} from "./types/SystemAccounts.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title RelayStake
/// @dev The manual is `IRelayStake`. A session is named by its address alone: its domain is computed here, and a relay signs
/// no receipts in the domain of a contract that is no session.
contract RelayStake is IRelayStake, AccessManaged {
    using AccountWord for uint256;

    uint256 private constant SEAL_BYTES = 36;
    uint64 private constant CLOSED = type(uint64).max;

    ILedger private immutable LEDGER;
    uint64 private immutable STAKE_REQUIRED;
    uint64 private immutable CHALLENGE_BOND;
    uint32 private immutable CLAIM_TIME;
    uint32 private immutable ANSWER_TIME;

    /// @dev One word: all that `mayCommit` reads. A stake that is asked back moves on to `_leaving`.
    address private _relay;
    uint32 private _account;
    uint64 private _stake;
    uint64 private _leaving;
    uint64 private _unstakeAt;
    uint64 private _openChallenges;
    mapping(bytes32 id => uint64 until) private _answerUntil;

    /// @param stakeRequired Least stake with which a relay may commit, in micro-credits.
    /// @param challengeBond What a challenger puts beside the claim, in micro-credits.
    /// @param claimTime For how long after the gate a receipt can be claimed, in seconds.
    /// @param answerTime How long the relay has to answer, in seconds.
    constructor(
        address authority,
        ILedger ledger,
        uint64 stakeRequired,
        uint64 challengeBond,
        uint32 claimTime,
        uint32 answerTime
    ) AccessManaged(authority) {
        if (claimTime == 0 || answerTime == 0 || stakeRequired == 0) revert BadTimes();
        LEDGER = ledger;
        STAKE_REQUIRED = stakeRequired;
        CHALLENGE_BOND = challengeBond;
        CLAIM_TIME = claimTime;
        ANSWER_TIME = answerTime;
    }

    modifier onlyRelay() {
        if (msg.sender != _relay) revert NotTheRelay(msg.sender, _relay);
        _;
    }

    // ------------------------------------------------------------------------------------------------------------- stake

    /// @inheritdoc IRelayStake
    // Zero is an answer: nobody is the relay, and nothing is committed (2026-11-21).
    // slither-disable-next-line missing-zero-check
    function appoint(address relay, uint32 account) external restricted {
        if (_stake + _leaving != 0 || _openChallenges != 0) revert RelayHasStake(_relay, _stake + _leaving);
        (_relay, _account, _unstakeAt) = (relay, account, 0);
        emit RelayAppointed(relay, account);
    }

    /// @inheritdoc IRelayStake
    function stake(uint64 amountMicro) external onlyRelay {
        _requireOwner(_account);
        _stake += _leaving + amountMicro;
        (_leaving, _unstakeAt) = (0, 0);
        emit Staked(amountMicro, _stake);
        _transfer(_account, STAKES_ACCOUNT, amountMicro);
    }

    /// @inheritdoc IRelayStake
    function requestUnstake() external onlyRelay {
        // What was committed up to now can be claimed and answered within this time, whatever its gate: seals are taken for
        // the slots of one session, whose gates the claim time covers.
        _unstakeAt = uint64(block.timestamp) + CLAIM_TIME + ANSWER_TIME;
        (_leaving, _stake) = (_leaving + _stake, 0);
        emit UnstakeRequested(_unstakeAt);
    }

    /// @inheritdoc IRelayStake
    function unstake() external onlyRelay {
        if (_unstakeAt == 0) revert UnstakeNotRequested();
        if (block.timestamp < _unstakeAt || _openChallenges != 0) revert StakeIsBound(_unstakeAt, _openChallenges);
        uint64 amount = _leaving;
        (_leaving, _unstakeAt) = (0, 0);
        emit Unstaked(amount);
        _transfer(STAKES_ACCOUNT, _account, amount);
    }

    // --------------------------------------------------------------------------------------------------------- challenge

    /// @inheritdoc IRelayStake
    function challenge(
        address auction,
        uint64 slot,
        uint32 account,
        bytes32 digest,
        uint64 receivedAt,
        bytes calldata receipt
    ) external {
        _requireOwner(account);
        uint256 gate = IDoubleAuction(auction).gateOf(slot);
        if (block.timestamp < gate) revert GateStillOpen(slot, gate);
        if (block.timestamp >= gate + CLAIM_TIME) revert TooLate(slot, gate + CLAIM_TIME);
        if (receivedAt >= gate) revert ReceivedTooLate(receivedAt, gate);
        bytes32 domain = OrderHash.domainSeparator(auction);
        address signer = Signatures.recover(OrderHash.receiptDigest(domain, slot, account, digest, receivedAt), receipt);
        if (signer == address(0) || signer != _relay) revert NotTheRelaysReceipt(signer, _relay);
        bytes32 id = _id(auction, slot, account, digest);
        if (_answerUntil[id] != 0) revert AlreadyChallenged(id);

        uint64 until = uint64(block.timestamp) + ANSWER_TIME;
        _answerUntil[id] = until;
        ++_openChallenges;
        emit Challenged(auction, slot, account, digest, until);
        _transfer(account, STAKES_ACCOUNT, CHALLENGE_BOND);
    }

    /// @inheritdoc IRelayStake
    function answer(
        address auction,
        uint64 slot,
        uint32 account,
        bytes32 digest,
        bytes calldata signature,
        bytes[] calldata pages,
        SlotResult calldata result
    ) external {
        bytes32 id = _requireOpen(auction, slot, account, digest);
        address signer = Signatures.recover(digest, signature);
        if (signer == address(0) || signer != LEDGER.wordOf(account).owner()) revert NotTheOwner(account, signer);
        bytes32 ticket = Signatures.ticket(digest, signature);
        bytes32 running = 0;
        bool found = false;
        for (uint256 index = 0; index < pages.length; ++index) {
            running = keccak256(abi.encode(running, keccak256(pages[index])));
            found = found || _contains(pages[index], account, ticket);
        }
        if (!IDoubleAuction(auction).isRoot(slot, running, result)) revert WrongEntries(slot, running);
        if (!found) revert EntryMissing(account, digest);

        _answerUntil[id] = CLOSED;
        --_openChallenges;
        emit ChallengeAnswered(auction, slot, account, digest);
        _transfer(STAKES_ACCOUNT, _account, CHALLENGE_BOND);
    }

    /// @inheritdoc IRelayStake
    function slash(address auction, uint64 slot, uint32 account, bytes32 digest) external {
        bytes32 id = _requireOpen(auction, slot, account, digest);
        if (block.timestamp < _answerUntil[id]) revert MayStillAnswer(_answerUntil[id]);

        uint64 amount = _stake + _leaving;
        (_stake, _leaving) = (0, 0);
        _answerUntil[id] = CLOSED;
        --_openChallenges;
        emit Slashed(auction, slot, account, digest, amount);
        _transfer(STAKES_ACCOUNT, account, amount + CHALLENGE_BOND);
    }

    // ------------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IRelayStake
    function mayCommit(address relay) external view returns (bool) {
        bool isStaked = _stake >= STAKE_REQUIRED; // first, so that the word is read once
        return isStaked && relay == _relay;
    }

    /// @inheritdoc IRelayStake
    function relayState() external view returns (address relay, uint32 account, uint64 stakeMicro) {
        return (_relay, _account, _stake + _leaving);
    }

    /// @inheritdoc IRelayStake
    function answerUntil(address auction, uint64 slot, uint32 account, bytes32 digest) external view returns (uint64) {
        return _answerUntil[_id(auction, slot, account, digest)];
    }

    /// @inheritdoc IRelayStake
    function times() external view returns (uint32 claim, uint32 answer_) {
        return (CLAIM_TIME, ANSWER_TIME);
    }

    /// @inheritdoc IRelayStake
    function stakeRequiredMicro() external view returns (uint64) {
        return STAKE_REQUIRED;
    }

    /// @inheritdoc IRelayStake
    function challengeBondMicro() external view returns (uint64) {
        return CHALLENGE_BOND;
    }

    // ------------------------------------------------------------------------------------------------------ small things

    function _requireOpen(address auction, uint64 slot, uint32 account, bytes32 digest)
        private
        view
        returns (bytes32 id)
    {
        id = _id(auction, slot, account, digest);
        uint64 until = _answerUntil[id];
        if (until == 0 || until == CLOSED) revert NoChallenge(id);
    }

    function _requireOwner(uint32 account) private view {
        if (LEDGER.wordOf(account).owner() != msg.sender) revert NotTheOwner(account, msg.sender);
    }

    function _transfer(uint32 from, uint32 to, uint64 amount) private {
        (uint256 start, uint256 end) = LedgerCalls.begin(2);
        end = LedgerCalls.push(end, from, -int256(uint256(amount)));
        end = LedgerCalls.push(end, to, int256(uint256(amount)));
        LedgerCalls.move(LEDGER, start, end);
    }

    function _contains(bytes calldata page, uint32 account, bytes32 ticket) private pure returns (bool) {
        for (uint256 offset = 0; offset + SEAL_BYTES <= page.length; offset += SEAL_BYTES) {
            if (
                uint32(bytes4(page[offset:offset + 4])) == account
                    && bytes32(page[offset + 4:offset + SEAL_BYTES]) == ticket
            ) return true;
        }
        return false;
    }

    function _id(address auction, uint64 slot, uint32 account, bytes32 digest) private pure returns (bytes32) {
        return keccak256(abi.encode(auction, slot, account, digest));
    }
}
