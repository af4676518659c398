// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDoubleAuction} from "./interfaces/IDoubleAuction.sol";
import {IGridLimits} from "./interfaces/IGridLimits.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRelayStake} from "./interfaces/IRelayStake.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
import {BookPasses} from "./libraries/BookPasses.sol";
import {BookReader} from "./libraries/BookReader.sol";
import {Certificate} from "./libraries/Certificate.sol";
import {GridData} from "./libraries/GridData.sol";
import {LedgerCalls} from "./libraries/LedgerCalls.sol";
import {OrderHash} from "./libraries/OrderHash.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {AccountStatus} from "./types/AccountStatus.sol";
import {SlotPhase, SlotResult, Submission, Windows} from "./types/AuctionTypes.sol";
import {BONDS_ACCOUNT, ESCROW_ACCOUNT} from "./types/SystemAccounts.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title DoubleAuction
/// @dev The manual is `IDoubleAuction`. `clear` reads like its table of contents; the loops over a book take about 2,000 gas
/// an order on top of what no design can avoid (calldata, ecrecover, the account's word).
contract DoubleAuction is IDoubleAuction, AccessManaged {
    using AccountWord for uint256;
    using BookReader for uint256;

    /// @dev What happened to a slot; phases follow from it and the clock.
    enum Status {
        None,
        Cleared,
        HandedOver,
        Refunded
    }

    /// @dev What a clearing works with beside the passes' own state; pointers are into memory that `_begin` took.
    struct Work {
        BookPasses.Pass pass;
        uint64 slot;
        uint256 networkCharge;
        uint256 fee;
        uint256 entries;
        uint256 voids;
        uint256 moves;
        uint256 positions;
        uint256 forfeited;
        bytes32 bookHash;
        bytes32 gridHash;
        bytes32 root;
    }

    uint256 private constant SLOT_SECONDS = 900;
    uint256 private constant SEAL_BYTES = 36;
    uint256 private constant STRANGER_BYTES = 54;
    uint256 private constant POSITION_BYTES = 22;
    uint256 private constant VOID_BYTES = 5;
    uint256 private constant WH_PER_KWH = 1000;
    uint256 private constant CLASS_MAX = 7;
    uint256 private constant CLASS_BITS = 32;
    /// @dev Where the status of a slot's fact begins, and the hash below it.
    uint256 private constant STATUS_SHIFT = 248;
    uint256 private constant HASH_MASK = type(uint248).max;

    /// @dev Why an order is void, beside the reasons that `BookPasses` finds.
    uint256 private constant BAD_SIGNATURE = 1;
    uint256 private constant UNOPENED = 5;
    uint256 private constant SUPERSEDED = 7;

    ILedger private immutable LEDGER;
    IGridLimits private immutable GRID_LIMITS;
    IRelayStake private immutable RELAY_STAKE;
    bytes32 private immutable DOMAIN;
    uint32 private immutable LIMITS_LEAD;
    uint32 private immutable GATE_LEAD;
    uint32 private immutable OPEN_LEAD;
    uint32 private immutable CLEAR_LEAD;
    uint32 private immutable SETTLE_TIME;
    /// @dev Eight numbers of 32 bits, class 0 in the lowest.
    uint256 private immutable BONDS;
    uint256 private immutable COLLATERAL_PRICES;

    address private _dso;
    /// @dev One word a slot: its status in the highest byte, a hash of 248 bits in the others. That is the relay's commitment
    /// until the slot is cleared and the hash of its result from then on, which has the commitment in it.
    mapping(uint64 slot => uint256 fact) private _factOf;
    mapping(uint64 slot => bytes32 chain) private _ownChainOf;
    mapping(bytes32 digest => bool opened) private _isOpened;

    /// @param authority Access manager.
    /// @param bonds Bond per reputation class, in micro-credits; it must be below the ledger's reserve.
    /// @param collateralPrices Collateral per reputation class, in micro-credits per kWh offered.
    constructor(
        address authority,
        ILedger ledger,
        IGridLimits gridLimits,
        IRelayStake relayStake,
        Windows memory windows_,
        uint32[8] memory bonds,
        uint32[8] memory collateralPrices
    ) AccessManaged(authority) {
        if (
            windows_.limits <= windows_.gate || windows_.gate <= windows_.open || windows_.open <= windows_.clear
                || windows_.settle == 0
        ) revert BadWindows();
        LEDGER = ledger;
        GRID_LIMITS = gridLimits;
        RELAY_STAKE = relayStake;
        DOMAIN = OrderHash.domainSeparator(address(this));
        LIMITS_LEAD = windows_.limits;
        GATE_LEAD = windows_.gate;
        OPEN_LEAD = windows_.open;
        CLEAR_LEAD = windows_.clear;
        SETTLE_TIME = windows_.settle;
        BONDS = _packed(bonds);
        COLLATERAL_PRICES = _packed(collateralPrices);
    }

    // ----------------------------------------------------------------------------------------------------------- sealing

    /// @inheritdoc IDoubleAuction
    // Zero is an answer: nobody is the DSO, and nothing clears (2026-11-21).
    // slither-disable-next-line missing-zero-check
    function appointDso(address dso_) external restricted {
        _dso = dso_;
        emit DsoAppointed(dso_);
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
    function clear(Submission calldata submission) external returns (SlotResult memory) {
        BookPasses.Pass memory pass = BookPasses.place(submission.slot, DOMAIN);
        _requireClearing(submission.slot);
        (uint256[] memory rows, bytes memory accounts) = BookReader.read(submission.book, 0);
        uint256[] memory words = LedgerCalls.words(LEDGER, accounts);
        (Certificate.Zone[] memory zones, Work memory work) = _begin(pass, submission, rows.length);
        _requireVerdict(submission, work);

        _judge(work, rows, words);
        _placeStrangers(work.pass, submission.strangers);
        work.root = _requireSealed(work);
        Certificate.judge(zones);
        Certificate.share(zones);
        BookPasses.fill(rows, words);

        SlotResult memory cleared = _result(work);
        _factOf[submission.slot] = _fact(Status.Cleared, _hashOf(cleared));
        _emitCleared(submission, work, cleared);
        _move(work);
        return cleared;
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
    function handOver(uint64 slot, SlotResult calldata cleared) external restricted returns (SlotPhase phase) {
        phase = phaseOf(slot);
        if (phase != SlotPhase.Cleared && phase != SlotPhase.Lapsed) revert NotCleared(slot, phase);
        uint256 fact = _factOf[slot];
        _requireResult(slot, fact, cleared);
        if (phase == SlotPhase.Cleared) _factOf[slot] = _fact(Status.HandedOver, fact & HASH_MASK);
        emit HandedOver(slot, phase);
    }

    // ------------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IDoubleAuction
    function isResult(uint64 slot, SlotResult calldata cleared) external view returns (bool) {
        return _isResult(_factOf[slot], cleared);
    }

    /// @inheritdoc IDoubleAuction
    function phaseOf(uint64 slot) public view returns (SlotPhase) {
        Status status = _statusOf(_factOf[slot]);
        if (status == Status.Cleared) return SlotPhase.Cleared;
        if (status == Status.HandedOver) return SlotPhase.Settling;
        if (status == Status.Refunded) return SlotPhase.Refunded;
        if (block.timestamp < gateOf(slot)) return SlotPhase.Sealing;
        if (block.timestamp < openUntil(slot)) return SlotPhase.Opening;
        return block.timestamp < clearUntil(slot) ? SlotPhase.Clearing : SlotPhase.Lapsed;
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
        return _before(slot, GATE_LEAD);
    }

    /// @inheritdoc IDoubleAuction
    function openUntil(uint64 slot) public view returns (uint256) {
        return _before(slot, OPEN_LEAD);
    }

    /// @inheritdoc IDoubleAuction
    function clearUntil(uint64 slot) public view returns (uint256) {
        return _before(slot, CLEAR_LEAD);
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
        return _dso;
    }

    // ------------------------------------------------------------------------------------------------- steps of clearing

    /// @dev Return the hash of the grid data that the clearing keeps, once it is what the DSO published or tighter.
    function _checkedGrid(Submission calldata submission) private view returns (bytes32 gridHash) {
        bytes32 needed = GRID_LIMITS.hashOf(submission.slot);
        if (needed == 0) revert GridDataMissing(submission.slot);
        gridHash = keccak256(submission.gridData);
        if (submission.published.length == 0) {
            if (gridHash != needed) revert WrongGridData(needed, gridHash);
        } else {
            bytes32 found = keccak256(submission.published);
            if (found != needed) revert WrongGridData(needed, found);
            GridData.requireTightened(submission.gridData, submission.published);
        }
    }

    /// @dev Refuse a result that the DSO did not sign.
    function _requireVerdict(Submission calldata submission, Work memory work) private view {
        bytes32 digest = OrderHash.verdictDigest(
            DOMAIN, submission.slot, work.bookHash, submission.prices, work.gridHash, submission.envelopeRoot
        );
        address signer = Signatures.recover(digest, submission.verdict);
        if (signer == address(0) || signer != _dso) revert NotTheDsosVerdict(signer, _dso);
    }

    /// @dev Return the zones at their prices and the working state of a page of `count` records.
    function _begin(BookPasses.Pass memory pass, Submission calldata submission, uint256 count)
        private
        view
        returns (Certificate.Zone[] memory zones, Work memory work)
    {
        work.gridHash = _checkedGrid(submission);
        work.bookHash = keccak256(abi.encode(bytes32(0), keccak256(submission.book)));
        zones = _zones(submission.gridData, submission.prices);
        work.pass = pass;
        work.slot = submission.slot;
        (work.networkCharge, work.fee) = GridData.charges(submission.gridData);
        pass.chargeHalf = 2 * (work.networkCharge + work.fee);
        pass.allowed = ((uint256(1) << zones.length) - 1) & ~GridData.excluded(submission.gridData);
        pass.zones = Certificate.pointers(zones);
        (pass.bonds, pass.collateralPrices) = (BONDS, COLLATERAL_PRICES);
        pass.count = count;
        work.entries = pass.entriesEnd = LedgerCalls.take(count * SEAL_BYTES);
        work.voids = pass.voidsEnd = LedgerCalls.take(count * VOID_BYTES + 64) + 32;
        work.positions = pass.positionsEnd = LedgerCalls.take(count * POSITION_BYTES + 64) + 32;
        (work.moves, pass.movesEnd) = LedgerCalls.begin(count + 2);
        // the last one, not needed where nobody sealed so: `_requireSealed` gives it back
        if (_ownChainOf[submission.slot] != 0) pass.places = count + submission.strangers.length / STRANGER_BYTES;
        pass.arrivals = LedgerCalls.takeCleared(pass.places * BookPasses.OWN_SEAL_BYTES);
    }

    /// @dev Return the tree of zones with the proposed prices.
    function _zones(bytes calldata gridData, uint64[] calldata prices)
        private
        pure
        returns (Certificate.Zone[] memory zones)
    {
        uint256 count = GridData.zoneCount(gridData);
        if (prices.length != count) revert WrongPriceCount(count, prices.length);
        zones = new Certificate.Zone[](count);
        for (uint256 index = 0; index < count; ++index) {
            int256 price = int256(uint256(prices[index]));
            if (price > Certificate.PRICE_HALF_MAX) revert PriceOutOfRange(index, prices[index]);
            Certificate.Zone memory zone = zones[index];
            (uint256 parent, uint256 importWh, uint256 exportWh) = GridData.zone(gridData, index);
            zone.price = price;
            zone.down = Certificate.OPEN_BELOW;
            zone.up = Certificate.OPEN_ABOVE;
            zone.parent = parent;
            zone.importWh = int256(importWh);
            zone.exportWh = int256(exportWh);
        }
    }

    /// @dev Judge all records: opened orders in `BookPasses`, the others one by one here.
    function _judge(Work memory work, uint256[] memory rows, uint256[] memory words) private view {
        uint256 index = 0;
        while ((index = BookPasses.judge(rows, words, index)) < rows.length) {
            uint256 row = rows[index];
            uint256 reason;
            if (row.kindOf() & BookReader.SUPERSEDED_BIT == 0) {
                reason = _judgeUnopened(work, row, words[index]);
            } else {
                reason = SUPERSEDED;
                bytes32 digest = bytes32(BookReader.load(row.bodyOf()));
                // The reader saw to it that an own seal of the account comes next.
                if (row.kindOf() & BookReader.OWN_BIT == 0) _pushEntry(work.pass, row, digest);
                else if (row.arrivalOf() < rows[index + 1].arrivalOf()) _placeOwn(work.pass, row, words[index], digest);
                else revert NotTheLastSeal(uint32(row.accountOf()), row.arrivalOf());
            }
            _pushVoid(work.pass, row.accountOf(), reason);
            rows[index++] = row.asVoid(reason);
        }
    }

    /// @dev Take the bond of an order that was sealed and not opened, unless a relayed one is not its owner's: a relay could
    /// otherwise burn bonds with seals of its own making.
    function _judgeUnopened(Work memory work, uint256 row, uint256 word) private view returns (uint256) {
        uint256 body = row.bodyOf();
        bytes32 digest = bytes32(BookReader.load(body));
        if (row.kindOf() & BookReader.OWN_BIT != 0) {
            _placeOwn(work.pass, row, word, digest);
        } else {
            digest = OrderHash.orderDigest(DOMAIN, work.slot, uint32(row.accountOf()), digest);
            bytes calldata signature = BookReader.signatureAt(body + 32);
            _pushEntry(work.pass, row, Signatures.ticket(digest, signature));
            address signer = Signatures.recover(digest, signature);
            if (signer == address(0) || signer != word.owner()) return BAD_SIGNATURE;
        }
        _forfeit(work, row.accountOf(), digest, word);
        return UNOPENED;
    }

    /// @dev Take a bond, as far as there is cash; not before owners had their time to open.
    function _forfeit(Work memory work, uint256 account, bytes32 digest, uint256 word) private view {
        uint64 slot = work.slot;
        if (_isOpened[digest]) revert WasOpened(slot, uint32(account), digest);
        if (block.timestamp < openUntil(slot)) revert OwnersMayStillOpen(slot, uint32(account), openUntil(slot));
        int256 cash = word.cash();
        int256 bond = int256(_ofClass(BONDS, word.reputationClass()));
        if (cash < bond) bond = cash;
        if (bond <= 0) return;
        work.forfeited += uint256(bond);
        work.pass.movesEnd = LedgerCalls.push(work.pass.movesEnd, account, -bond);
    }

    /// @dev Refuse records that are not the relay's commitment and the own seals of the slot, all of them and no others; return
    /// the commitment.
    function _requireSealed(Work memory work) private view returns (bytes32 root) {
        uint256 entries = work.entries;
        uint256 length = work.pass.entriesEnd - entries;
        if (length != 0) {
            bytes32 page;
            assembly ("memory-safe") {
                page := keccak256(entries, length)
            }
            root = keccak256(abi.encode(bytes32(0), page));
        }
        uint256 fact = _factOf[work.slot];
        if (uint256(root) & HASH_MASK != fact) revert WrongEntries(work.slot, fact, root);

        bytes32 found = 0;
        for (uint256 index = 0; index < work.pass.ownSeals; ++index) {
            found = OrderHash.chainAt(found, work.pass.arrivals + index * BookPasses.OWN_SEAL_BYTES);
        }
        bytes32 needed = _ownChainOf[work.slot];
        if (found != needed) revert WrongOwnSeals(work.slot, needed, found);
        // Nothing that was taken after the list of own seals is used any more, nor is the list.
        uint256 free = work.pass.arrivals;
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }

    /// @dev Return what the settlement will pay out. Checked arithmetic: rent cannot be negative, as energy flows over full
    /// lines from the lower price to the higher.
    function _result(Work memory work) private pure returns (SlotResult memory) {
        BookPasses.Pass memory pass = work.pass;
        uint256 network = pass.boughtWh * work.networkCharge / WH_PER_KWH;
        uint256 fee = pass.boughtWh * work.fee / WH_PER_KWH;
        return SlotResult({
            positionsHash: pass.positionsHash,
            networkMicro: uint64(network),
            feeMicro: uint64(fee),
            rentMicro: uint64(pass.buyersPay - pass.sellersGet - network - fee),
            boughtWh: uint56(pass.boughtWh),
            root: work.root
        });
    }

    function _emitCleared(Submission calldata submission, Work memory work, SlotResult memory cleared) private {
        emit Cleared(
            submission.slot,
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

    /// @dev Append a relayed seal to the list that must be the committed one; `_begin` took 36 bytes for every record.
    function _pushEntry(BookPasses.Pass memory pass, uint256 row, bytes32 ticket) private pure {
        uint256 end = pass.entriesEnd;
        assembly ("memory-safe") {
            mstore(end, shl(224, row))
            mstore(add(end, 4), ticket)
        }
        pass.entriesEnd = end + SEAL_BYTES;
    }

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

    /// @dev Put a record's own seal into its place. Who owns an account of the platform does not seal with it.
    function _placeOwn(BookPasses.Pass memory pass, uint256 row, uint256 word, bytes32 digest) private pure {
        address owner = word.status() == AccountStatus.System ? address(0) : word.owner();
        _placeSeal(pass, row.arrivalOf(), owner, digest);
    }

    /// @dev Put an own seal into its place in the order of arrival; one beyond the list leaves a gap that the chain shows.
    function _placeSeal(BookPasses.Pass memory pass, uint256 arrival, address owner, bytes32 digest) private pure {
        ++pass.ownSeals;
        if (arrival >= pass.places) return;
        uint256 place = pass.arrivals + arrival * BookPasses.OWN_SEAL_BYTES;
        assembly ("memory-safe") {
            mstore(place, shl(96, owner))
            mstore(add(place, 20), digest)
        }
    }

    /// @dev Append a void order; `_begin` took 5 bytes for every record and a word of slack.
    function _pushVoid(BookPasses.Pass memory pass, uint256 account, uint256 reason) private pure {
        uint256 end = pass.voidsEnd;
        assembly ("memory-safe") {
            mstore(end, or(shl(224, account), shl(216, reason)))
        }
        pass.voidsEnd = end + VOID_BYTES;
    }

    /// @dev Extend the running hash by the upper 22 bytes of a word.
    function _hashPosition(bytes32 running, uint256 position) private pure returns (bytes32 next) {
        assembly ("memory-safe") {
            mstore(0x00, running)
            mstore(0x20, position)
            next := keccak256(0x00, 54)
        }
    }

    /// @dev Return what was appended between two pointers as bytes; their length goes into the word before, which `_begin` left.
    function _bytes(uint256 start, uint256 end) private pure returns (bytes memory list) {
        assembly ("memory-safe") {
            list := sub(start, 0x20)
            mstore(list, sub(end, start))
        }
    }

    function _ofClass(uint256 packed, uint256 class) private pure returns (uint256) {
        if (class > CLASS_MAX) class = CLASS_MAX;
        unchecked {
            return uint32(packed >> (class * CLASS_BITS));
        }
    }

    function _packed(uint32[8] memory numbers) private pure returns (uint256 packed) {
        for (uint256 index = 0; index < numbers.length; ++index) {
            packed |= uint256(numbers[index]) << (index * CLASS_BITS);
        }
    }

    /// @dev Return an instant before the start of a slot, 0 if that is before time began.
    function _before(uint64 slot, uint256 lead) private pure returns (uint256) {
        unchecked {
            uint256 start = uint256(slot) * SLOT_SECONDS;
            return start > lead ? start - lead : 0;
        }
    }

    function _requireSealing(uint64 slot) private view {
        uint256 gate = gateOf(slot);
        if (block.timestamp >= gate) revert GateClosed(slot, gate, block.timestamp);
    }

    /// @dev After the gate, and not yet cleared or lapsed.
    function _requireOpening(uint64 slot) private view {
        if (block.timestamp < gateOf(slot)) revert GateStillOpen(slot, gateOf(slot), block.timestamp);
        if (block.timestamp >= clearUntil(slot)) revert WindowClosed(slot, clearUntil(slot), block.timestamp);
    }

    function _requireClearing(uint64 slot) private view {
        _requireOpening(slot);
        if (_statusOf(_factOf[slot]) != Status.None) revert AlreadyCleared(slot);
    }

    function _statusOf(uint256 fact) private pure returns (Status) {
        return Status(fact >> STATUS_SHIFT);
    }

    function _fact(Status status, uint256 hash) private pure returns (uint256) {
        return (uint256(status) << STATUS_SHIFT) | hash;
    }

    /// @dev Return the 248 bits that a slot's fact keeps of its result.
    function _hashOf(SlotResult memory cleared) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(cleared))) & HASH_MASK;
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
