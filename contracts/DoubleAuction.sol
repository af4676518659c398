// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DoubleAuctionBase} from "./DoubleAuctionBase.sol";
import {DoubleAuctionPages} from "./DoubleAuctionPages.sol";
import {IDoubleAuction} from "./interfaces/IDoubleAuction.sol";
import {IDoubleAuctionPages} from "./interfaces/IDoubleAuctionPages.sol";
import {IGridLimits} from "./interfaces/IGridLimits.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRelayStake} from "./interfaces/IRelayStake.sol";
import {BookPasses} from "./libraries/BookPasses.sol";
import {BookReader} from "./libraries/BookReader.sol";
import {Certificate} from "./libraries/Certificate.sol";
import {LedgerCalls} from "./libraries/LedgerCalls.sol";
import {OrderHash} from "./libraries/OrderHash.sol";
import {Outcomes} from "./libraries/Outcomes.sol";
import {AuctionParameters, SlotPhase, SlotResult, Submission, Windows} from "./types/AuctionTypes.sol";
import {BookPage, Clearing, Outcome} from "./types/PageTypes.sol";
import {BONDS_ACCOUNT, ESCROW_ACCOUNT} from "./types/SystemAccounts.sol";

/// @title DoubleAuction
/// @dev The manual is `IDoubleAuction`. `clear` reads like its table of contents; the loops over a book take about 2,000 gas
/// an order on top of what no design can avoid (calldata, ecrecover, the account's word).
contract DoubleAuction is IDoubleAuction, DoubleAuctionBase {
    uint256 private constant STRANGER_BYTES = 54;

    bytes32 private immutable DOMAIN;
    /// @dev Code of this contract that lives at another address, made with the same parameters; it works in our storage.
    address private immutable PAGES;

    /// @param authority Access manager. Its address is passed on to our own code; a wrong one shows at once (2026-11-21).
    /// @param bonds Bond per reputation class, in micro-credits; it must be below the ledger's reserve.
    /// @param collateralPrices Collateral per reputation class, in micro-credits per kWh offered.
    constructor(
        // slither-disable-next-line missing-zero-check
        address authority,
        ILedger ledger,
        IGridLimits gridLimits,
        IRelayStake relayStake,
        Windows memory windows_,
        uint32[8] memory bonds,
        uint32[8] memory collateralPrices
    )
        DoubleAuctionBase(
            authority, AuctionParameters(ledger, gridLimits, relayStake, windows_, bonds, collateralPrices)
        )
    {
        DOMAIN = OrderHash.domainSeparator(address(this));
        PAGES = address(
            new DoubleAuctionPages(
                authority, AuctionParameters(ledger, gridLimits, relayStake, windows_, bonds, collateralPrices)
            )
        );
    }

    // ----------------------------------------------------------------------------------------------------------- sealing

    /// @inheritdoc IDoubleAuction
    // Zero is an answer: nobody is the DSO, and nothing clears (2026-11-21).
    // slither-disable-next-line missing-zero-check
    function appointDso(address dso_) external restricted {
        _operator.dso = dso_;
        emit DsoAppointed(dso_);
    }

    /// @inheritdoc IDoubleAuction
    // Zero is an answer: nobody takes slots over, and what was cleared is refunded (2026-11-21).
    // slither-disable-next-line missing-zero-check
    function appointSettlement(address settlement_) external restricted {
        _settlement = settlement_;
        emit SettlementAppointed(settlement_);
    }

    /// @inheritdoc IDoubleAuction
    function commit(uint64 slot, bytes32 root, uint32 count) external {
        _requireSealing(slot);
        uint256 fact = uint256(root) & HASH_MASK;
        if (fact == 0) revert EmptyCommitment(slot);
        if (_factOf[slot] != 0) revert AlreadyCommitted(slot);
        if (!RELAY_STAKE.mayCommit(msg.sender)) revert NotTheRelay(msg.sender);
        _factOf[slot] = fact;
        emit Committed(slot, root, count);
    }

    /// @inheritdoc IDoubleAuction
    function seal(uint64 slot, bytes32 digest) external {
        _requireSealing(slot);
        _ownChainOf[slot] = OrderHash.chain(_ownChainOf[slot], msg.sender, digest);
        emit Sealed(slot, msg.sender, digest);
    }

    // ----------------------------------------------------------------------------------------------------------- opening

    /// @inheritdoc IDoubleAuction
    function open(uint64 slot, bytes calldata record) external {
        _requireOpening(slot);
        if (block.timestamp >= openUntil(slot)) revert WindowClosed(slot, openUntil(slot), block.timestamp);
        uint256 kind = record.length == 0 ? 0 : uint8(record[0]);
        if (kind >= BookReader.OWN_BIT) revert BadRecord(0, kind);
        uint256 needed = BookReader.HEAD_BYTES + BookReader.bodyBytes(kind);
        if (record.length != needed) revert TruncatedBook(record.length, needed);
        uint32 account = uint32(bytes4(record[1:BookReader.HEAD_BYTES]));
        bytes32 terms = OrderHash.termsHash(kind, record[BookReader.HEAD_BYTES:]);
        bytes32 digest = OrderHash.orderDigest(DOMAIN, slot, account, terms);
        _isOpened[digest] = true;
        emit Opened(slot, digest, record);
    }

    // ---------------------------------------------------------------------------------------------------------- clearing

    /// @inheritdoc IDoubleAuction
    function clear(Submission calldata submission) external returns (SlotResult memory cleared) {
        BookPasses.Pass memory pass = BookPasses.place(submission.slot, DOMAIN);
        // all of it, where a declaration alone would set aside another `Pass`
        Work memory work = Work(pass, submission.slot, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, DOMAIN, 0, 0);
        work.fact = _requireClearing(work.slot);
        (uint256[] memory rows, bytes memory accounts) = BookReader.read(submission.book, 0);
        uint256[] memory words = LedgerCalls.words(LEDGER, accounts);
        Certificate.Zone[] memory zones = _begin(work, submission, rows);
        _requireVerdict(work.slot, _verdictDigest(submission, work), submission.verdict);

        _judge(work, rows, words);
        _placeStrangers(pass, submission.strangers);
        work.root = _requireSealed(work);
        Certificate.judge(zones);
        Certificate.share(zones);
        _fill(work, words);

        _setResult(cleared, work);
        _factOf[work.slot] = _fact(Status.Cleared, _hashOf(cleared));
        _emitCleared(submission, work, cleared);
        _move(work);
    }

    /// @inheritdoc IDoubleAuction
    function refund(uint64 slot, bytes calldata positions, SlotResult calldata cleared) external {
        uint256 fact = _factOf[slot];
        if (_statusOf(fact) != Status.Cleared) revert NotCleared(slot, phaseOf(slot));
        _requireResult(slot, fact, cleared);
        uint256 due = (uint256(slot) + 1) * SLOT_SECONDS + SETTLE_TIME;
        if (block.timestamp < due) revert TooEarly(slot, due, block.timestamp);
        if (positions.length % POSITION_BYTES != 0) revert BadList(positions.length, POSITION_BYTES);

        uint256 count = positions.length / POSITION_BYTES;
        (uint256 moves, uint256 end) = LedgerCalls.begin(count + 1);
        bytes32 running = 0;
        uint256 amount = 0;
        for (uint256 index = 0; index < count; ++index) {
            uint256 offset = index * POSITION_BYTES;
            bytes22 position = bytes22(positions[offset:offset + POSITION_BYTES]);
            running = _hashPosition(running, uint256(bytes32(position)));
            uint256 locked = uint56(bytes7(position << 64));
            end = LedgerCalls.push(end, uint32(bytes4(position)), int256(locked));
            amount += locked;
        }
        if (running != cleared.positionsHash) revert WrongPositions(slot, cleared.positionsHash, running);

        _factOf[slot] = _fact(Status.Refunded, fact & HASH_MASK);
        emit Refunded(slot, amount);
        end = LedgerCalls.push(end, ESCROW_ACCOUNT, -int256(amount));
        LedgerCalls.move(LEDGER, moves, end);
    }

    /// @inheritdoc IDoubleAuction
    function handOver(uint64 slot, SlotResult calldata cleared) external returns (SlotPhase phase) {
        if (msg.sender != _settlement) revert NotTheSettlement(msg.sender, _settlement);
        phase = phaseOf(slot);
        if (phase != SlotPhase.Cleared && phase != SlotPhase.Lapsed) revert NotCleared(slot, phase);
        uint256 fact = _factOf[slot];
        _requireResult(slot, fact, cleared);
        if (phase == SlotPhase.Cleared) _factOf[slot] = _fact(Status.HandedOver, fact & HASH_MASK);
        emit HandedOver(slot, phase);
    }

    // ------------------------------------------------------------------------------------------------- clearing in pages

    /// @inheritdoc IDoubleAuctionPages
    function judgePage(Clearing calldata, BookPage calldata, bytes calldata) external {
        _toPages();
    }

    /// @inheritdoc IDoubleAuctionPages
    function fillPage(Clearing calldata, Outcome calldata, bytes calldata) external {
        _toPages();
    }

    /// @dev Hand the call on as it is, and pass on what comes of it.
    function _toPages() private {
        address pages = PAGES;
        // Ends the call, so nothing that Solidity has in memory is used after it.
        assembly {
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), pages, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(done) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }

    // ------------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IDoubleAuction
    function isResult(uint64 slot, SlotResult calldata cleared) external view returns (bool) {
        return _isResult(_factOf[slot], cleared);
    }

    /// @inheritdoc IDoubleAuction
    function phaseOf(uint64 slot) public view returns (SlotPhase) {
        return _phase(slot, _factOf[slot]);
    }

    /// @inheritdoc IDoubleAuction
    function isRoot(uint64 slot, bytes32 root, SlotResult calldata cleared) external view returns (bool) {
        uint256 fact = _factOf[slot];
        if (root == 0) return false;
        if (_statusOf(fact) == Status.None) return uint256(root) & HASH_MASK == fact;
        return root == cleared.root && _isResult(fact, cleared);
    }

    /// @inheritdoc IDoubleAuction
    function ownChainOf(uint64 slot) external view returns (bytes32) {
        return _ownChainOf[slot];
    }

    /// @inheritdoc IDoubleAuction
    function isOpened(bytes32 digest) external view returns (bool) {
        return _isOpened[digest];
    }

    /// @inheritdoc IDoubleAuction
    function gateOf(uint64 slot) public view returns (uint256) {
        return _gateOf(slot);
    }

    /// @inheritdoc IDoubleAuction
    function openUntil(uint64 slot) public view returns (uint256) {
        return _openUntil(slot);
    }

    /// @inheritdoc IDoubleAuction
    function clearUntil(uint64 slot) public view returns (uint256) {
        return _clearUntil(slot);
    }

    /// @inheritdoc IDoubleAuction
    function windows() external view returns (Windows memory) {
        return Windows(LIMITS_LEAD, GATE_LEAD, OPEN_LEAD, CLEAR_LEAD, SETTLE_TIME);
    }

    /// @inheritdoc IDoubleAuction
    function bondOf(uint8 reputationClass) external view returns (uint32) {
        return uint32(_ofClass(BONDS, reputationClass));
    }

    /// @inheritdoc IDoubleAuction
    function collateralPriceOf(uint8 reputationClass) external view returns (uint32) {
        return uint32(_ofClass(COLLATERAL_PRICES, reputationClass));
    }

    /// @inheritdoc IDoubleAuction
    function digestOf(uint64 slot, uint32 account, bytes32 termsHash) external view returns (bytes32) {
        return OrderHash.orderDigest(DOMAIN, slot, account, termsHash);
    }

    /// @inheritdoc IDoubleAuction
    function domainSeparator() external view returns (bytes32) {
        return DOMAIN;
    }

    /// @inheritdoc IDoubleAuction
    function dso() external view returns (address) {
        return _operator.dso;
    }

    /// @inheritdoc IDoubleAuction
    function settlement() external view returns (address) {
        return _settlement;
    }

    // ------------------------------------------------------------------------------------------------- steps of clearing

    function _verdictDigest(Submission calldata submission, Work memory work) private pure returns (bytes32) {
        return OrderHash.verdictDigest(
            work.domain, work.slot, work.bookHash, submission.prices, work.gridHash, submission.envelopeRoot
        );
    }

    /// @dev Return the zones at their prices, and have the working state made ready for a page of these records.
    function _begin(Work memory work, Submission calldata submission, uint256[] memory rows)
        private
        view
        returns (Certificate.Zone[] memory zones)
    {
        bytes calldata gridData = submission.gridData;
        work.gridHash = _checkedGrid(work.slot, gridData, submission.published);
        work.bookHash = _extended(0, keccak256(submission.book));
        zones = _zones(gridData, submission.prices);
        _setTerms(work, zones, gridData);
        work.ownChain = _ownChainOf[work.slot];
        BookPasses.Pass memory pass = work.pass;
        uint256 count = rows.length;
        _listTrades(work, rows);
        // A record is longer than a byte, so that all of this is far below 2^64.
        unchecked {
            work.entries = pass.entriesEnd = LedgerCalls.take(count * SEAL_BYTES);
            work.voids = pass.voidsEnd = LedgerCalls.take(count * VOID_BYTES + 64) + 32;
            // the last one, not needed where nobody sealed so: `_requireSealed` gives it back
            if (work.ownChain != 0) pass.places = count + submission.strangers.length / STRANGER_BYTES;
            pass.arrivals = LedgerCalls.takeCleared(pass.places * BookPasses.OWN_SEAL_BYTES);
        }
    }

    /// @dev Refuse records that are not the relay's commitment and the own seals of the slot, all of them and no others; return
    /// the commitment.
    function _requireSealed(Work memory work) private pure returns (bytes32 root) {
        uint256 entries = work.entries;
        uint256 length = work.pass.entriesEnd - entries;
        if (length != 0) {
            bytes32 page;
            assembly ("memory-safe") {
                page := keccak256(entries, length)
            }
            root = _extended(0, page);
        }
        if (uint256(root) & HASH_MASK != work.fact) revert WrongEntries(work.slot, work.fact, root);

        bytes32 found = 0;
        for (uint256 index = 0; index < work.pass.ownSeals; ++index) {
            found = OrderHash.chainAt(found, work.pass.arrivals + index * BookPasses.OWN_SEAL_BYTES);
        }
        if (found != work.ownChain) revert WrongOwnSeals(work.slot, work.ownChain, found);
        // Nothing that was taken after the list of own seals is used any more, nor is the list.
        uint256 free = work.pass.arrivals;
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }

    /// @dev List what orders trade in the place of their accounts' words, which have 32 bytes each where a position has 22; and
    /// what that moves.
    function _fill(Work memory work, uint256[] memory words) private pure {
        BookPasses.Pass memory pass = work.pass;
        uint256 positions;
        assembly ("memory-safe") {
            positions := add(words, 0x20)
        }
        work.positions = pass.positionsEnd = positions;
        (work.moves, pass.movesEnd) = LedgerCalls.begin((pass.tradesEnd - work.trades) / Outcomes.ENTRY_BYTES + 2);
        work.forfeited = Outcomes.fill(work.trades, pass.tradesEnd);
    }

    function _emitCleared(Submission calldata submission, Work memory work, SlotResult memory cleared) private {
        emit Cleared(
            work.slot,
            work.bookHash,
            submission.prices,
            work.gridHash,
            submission.envelopeRoot,
            _bytes(work.positions, work.pass.positionsEnd),
            _bytes(work.voids, work.pass.voidsEnd),
            cleared
        );
    }

    /// @dev Have the ledger lock what filled accounts pay and put up, and take the forfeited bonds.
    function _move(Work memory work) private {
        BookPasses.Pass memory pass = work.pass;
        uint256 end = LedgerCalls.push(pass.movesEnd, ESCROW_ACCOUNT, int256(pass.buyersPay + pass.collateral));
        end = LedgerCalls.push(end, BONDS_ACCOUNT, int256(work.forfeited));
        LedgerCalls.move(LEDGER, work.moves, end);
    }

    // ------------------------------------------------------------------------------------------------------ small things

    /// @dev Put the seals of senders who have no account into their places: they bind nobody, and must not stop the others.
    function _placeStrangers(BookPasses.Pass memory pass, bytes calldata strangers) private view {
        if (strangers.length % STRANGER_BYTES != 0) revert BadList(strangers.length, STRANGER_BYTES);
        address known = address(0); // who never sent anything
        for (uint256 offset = 0; offset < strangers.length; offset += STRANGER_BYTES) {
            address sender = address(bytes20(strangers[offset + 2:offset + 22]));
            // Who clears pays for the list and chose its length; the ledger is ours and calls nobody (2026-11-21).
            // slither-disable-next-line calls-loop
            if (sender != known && LEDGER.accountOf(sender) != 0) revert NotAStranger(sender);
            known = sender;
            uint256 arrival = uint16(bytes2(strangers[offset:offset + 2]));
            _placeSeal(pass, arrival, sender, bytes32(strangers[offset + 22:offset + STRANGER_BYTES]));
        }
    }

    /// @dev Extend the running hash by the upper 22 bytes of a word.
    function _hashPosition(bytes32 running, uint256 position) private pure returns (bytes32 next) {
        assembly ("memory-safe") {
            mstore(0x00, running)
            mstore(0x20, position)
            next := keccak256(0x00, 54)
        }
    }

    function _requireSealing(uint64 slot) private view {
        uint256 gate = _gateOf(slot);
        if (block.timestamp >= gate) revert GateClosed(slot, gate, block.timestamp);
    }

    /// @dev Return whether `cleared` is what the slot of this fact came to; of one that was not cleared that is nothing.
    function _isResult(uint256 fact, SlotResult memory cleared) private pure returns (bool) {
        SlotResult memory nothing;
        return _hashOf(cleared) == (_statusOf(fact) == Status.None ? _hashOf(nothing) : fact & HASH_MASK);
    }

    function _requireResult(uint64 slot, uint256 fact, SlotResult memory cleared) private pure {
        if (!_isResult(fact, cleared)) revert WrongResult(slot);
    }
}
