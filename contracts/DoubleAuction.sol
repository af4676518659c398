// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDoubleAuction} from "./interfaces/IDoubleAuction.sol";
import {IGridLimits} from "./interfaces/IGridLimits.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRelayStake} from "./interfaces/IRelayStake.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
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

    /// @dev What happened to a slot; phases follow from it and the clock. Fills two words once cleared.
    struct Fact {
        bytes32 positionsHash;
        uint64 networkMicro;
        uint64 feeMicro;
        uint64 rentMicro;
        uint56 boughtWh;
        Status status;
    }

    enum Status {
        None,
        Cleared,
        HandedOver,
        Refunded
    }

    /// @dev Everything that the passes over a book share; pointers are into memory that `_begin` took for them.
    struct Work {
        uint64 slot;
        uint256 space;
        uint256 excluded;
        uint256 networkCharge;
        uint256 fee;
        int256 chargeHalf;
        bytes32 bookHash;
        bytes32 gridHash;
        uint256 entries;
        uint256 entriesEnd;
        bytes32 ownChain;
        uint256 voids;
        uint256 voidsEnd;
        uint256 moves;
        uint256 movesEnd;
        uint256 positions;
        uint256 positionsEnd;
        bytes32 positionsHash;
        uint256 forfeited;
        uint256 buyersPay;
        uint256 sellersGet;
        uint256 collateral;
        uint256 boughtWh;
    }

    uint256 private constant SLOT_SECONDS = 900;
    uint256 private constant SEAL_BYTES = 36;
    uint256 private constant INDEX_BYTES = 2;
    uint256 private constant POSITION_BYTES = 22;
    uint256 private constant VOID_BYTES = 5;
    uint256 private constant WH_PER_KWH = 1000;
    uint256 private constant HALF_MICRO_WH_PER_KWH = 2000;
    uint256 private constant ENERGY_MAX = uint256(uint32(type(int32).max));
    uint256 private constant STEPS_MAX = 4;
    uint256 private constant CLASS_MAX = 7;
    uint256 private constant CLASS_BITS = 32;

    uint256 private constant BAD_SIGNATURE = 1;
    uint256 private constant NOT_ACTIVE = 2;
    uint256 private constant INSOLVENT = 3;
    uint256 private constant MALFORMED = 4;
    uint256 private constant UNOPENED = 5;
    uint256 private constant ZONE_EXCLUDED = 6;
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
    mapping(uint64 slot => bytes32 root) private _rootOf;
    mapping(uint64 slot => bytes32 chain) private _ownChainOf;
    mapping(uint64 slot => Fact fact) private _factOf;
    mapping(bytes32 digest => bool opened) private _isOpened;
    mapping(address owner => uint32 account) private _accountOf;

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
    function appointDso(address dso_) external restricted {
        _dso = dso_;
        emit DsoAppointed(dso_);
    }

    /// @inheritdoc IDoubleAuction
    function commit(uint64 slot, bytes32 root, uint32 count) external {
        _requireSealing(slot);
        if (root == 0) revert EmptyCommitment(slot);
        if (_rootOf[slot] != 0) revert AlreadyCommitted(slot, _rootOf[slot]);
        if (!RELAY_STAKE.mayCommit(msg.sender)) revert NotTheRelay(msg.sender);
        _rootOf[slot] = root;
        emit Committed(slot, root, count);
    }

    /// @inheritdoc IDoubleAuction
    function seal(uint64 slot, bytes32 digest) external {
        _requireSealing(slot);
        uint32 account = _accountOf[msg.sender];
        if (account == 0) account = rememberAccount();
        _ownChainOf[slot] = _chained(_ownChainOf[slot], account, digest);
        emit Sealed(slot, account, digest);
    }

    /// @inheritdoc IDoubleAuction
    function rememberAccount() public returns (uint32 account) {
        account = LEDGER.accountOf(msg.sender);
        if (account == 0) revert NoAccount(msg.sender);
        _accountOf[msg.sender] = account;
    }

    /// @inheritdoc IDoubleAuction
    function sortOwnSeals(uint64 slot, bytes calldata entries, bytes calldata order) external {
        _requireOpening(slot);
        if (entries.length % SEAL_BYTES != 0) revert BadList(entries.length, SEAL_BYTES);
        if (order.length % INDEX_BYTES != 0) revert BadList(order.length, INDEX_BYTES);
        bytes32 arrived = 0;
        for (uint256 offset = 0; offset < entries.length; offset += SEAL_BYTES) {
            arrived = _chained(arrived, _sealAccount(entries, offset), _sealDigest(entries, offset));
        }
        if (arrived != _ownChainOf[slot]) revert WrongArrivals(slot, _ownChainOf[slot], arrived);
        bytes32 sorted = _sorted(entries, order);
        _ownChainOf[slot] = sorted;
        emit OwnSealsSorted(slot, sorted);
    }

    // ----------------------------------------------------------------------------------------------------------- opening

    /// @inheritdoc IDoubleAuction
    function open(uint64 slot, bytes calldata record) external {
        _requireOpening(slot);
        if (block.timestamp >= openUntil(slot)) revert WindowClosed(slot, openUntil(slot), block.timestamp);
        if (record.length == 0) revert TruncatedBook(0, 1);
        uint256 kind = uint8(record[0]);
        // Opened, and written as an own record, which has no signature.
        if (kind & BookReader.OWN_BIT == 0 || kind > 0x1f) revert BadRecord(0, kind);
        uint256[] memory rows = BookReader.rows(record, 0);
        if (rows.length != 1) revert BadRecord(0, kind);
        uint256 space = OrderHash.workspace(slot, DOMAIN);
        bytes32 digest = _openedDigest(space, rows[0]);
        _isOpened[digest] = true;
        emit Opened(slot, digest, record);
    }

    // ---------------------------------------------------------------------------------------------------------- clearing

    /// @inheritdoc IDoubleAuction
    function clear(Submission calldata submission) external returns (SlotResult memory cleared) {
        _requireClearing(submission.slot);
        bytes32 bookHash = keccak256(abi.encode(bytes32(0), keccak256(submission.book)));
        bytes32 gridHash = _checkedGrid(submission);
        _requireVerdict(submission, bookHash, gridHash);

        uint256[] memory rows = BookReader.rows(submission.book, 0);
        uint256[] memory words = LedgerCalls.words(LEDGER, BookReader.accounts(rows));
        (Certificate.Zone[] memory zones, Work memory work) = _begin(submission, rows.length);
        (work.bookHash, work.gridHash) = (bookHash, gridHash);

        for (uint256 index = 0; index < rows.length; ++index) {
            rows[index] = _judge(work, zones, rows[index], words[index]);
        }
        _requireSealed(work);
        Certificate.judge(zones);
        Certificate.share(zones);
        for (uint256 index = 0; index < rows.length; ++index) {
            _fill(work, zones, rows[index], words[index]);
        }

        cleared = _result(work);
        _record(submission.slot, cleared);
        _emitCleared(submission, work, cleared);
        _move(work);
    }

    /// @inheritdoc IDoubleAuction
    function refund(uint64 slot, bytes calldata positions) external {
        Fact storage fact = _factOf[slot];
        if (fact.status != Status.Cleared) revert NotCleared(slot, phaseOf(slot));
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
        if (running != fact.positionsHash) revert WrongPositions(slot, fact.positionsHash, running);

        fact.status = Status.Refunded;
        emit Refunded(slot, amount);
        end = LedgerCalls.push(end, ESCROW_ACCOUNT, -int256(amount));
        LedgerCalls.move(LEDGER, moves, end);
    }

    /// @inheritdoc IDoubleAuction
    function handOver(uint64 slot) external restricted returns (SlotPhase phase, SlotResult memory cleared) {
        phase = phaseOf(slot);
        if (phase != SlotPhase.Cleared && phase != SlotPhase.Lapsed) revert NotCleared(slot, phase);
        cleared = result(slot);
        if (phase == SlotPhase.Cleared) _factOf[slot].status = Status.HandedOver;
        emit HandedOver(slot, phase);
    }

    // ------------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IDoubleAuction
    function result(uint64 slot) public view returns (SlotResult memory) {
        Fact memory fact = _factOf[slot];
        return SlotResult({
            positionsHash: fact.positionsHash,
            networkMicro: fact.networkMicro,
            feeMicro: fact.feeMicro,
            rentMicro: fact.rentMicro,
            boughtWh: fact.boughtWh
        });
    }

    /// @inheritdoc IDoubleAuction
    function phaseOf(uint64 slot) public view returns (SlotPhase) {
        Status status = _factOf[slot].status;
        if (status == Status.Cleared) return SlotPhase.Cleared;
        if (status == Status.HandedOver) return SlotPhase.Settling;
        if (status == Status.Refunded) return SlotPhase.Refunded;
        if (block.timestamp < gateOf(slot)) return SlotPhase.Sealing;
        if (block.timestamp < openUntil(slot)) return SlotPhase.Opening;
        return block.timestamp < clearUntil(slot) ? SlotPhase.Clearing : SlotPhase.Lapsed;
    }

    /// @inheritdoc IDoubleAuction
    function rootOf(uint64 slot) external view returns (bytes32) {
        return _rootOf[slot];
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
        return OrderHash.digest(OrderHash.workspace(slot, DOMAIN), account, termsHash);
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
    function _requireVerdict(Submission calldata submission, bytes32 bookHash, bytes32 gridHash) private view {
        bytes32 digest = OrderHash.verdictDigest(
            DOMAIN, submission.slot, bookHash, submission.prices, gridHash, submission.envelopeRoot
        );
        address signer = Signatures.recover(digest, submission.verdict);
        if (signer == address(0) || signer != _dso) revert NotTheDsosVerdict(signer, _dso);
    }

    /// @dev Return the zones at their prices and the working state of a page of `count` records.
    function _begin(Submission calldata submission, uint256 count)
        private
        view
        returns (Certificate.Zone[] memory zones, Work memory work)
    {
        zones = _zones(submission.gridData, submission.prices);
        work.slot = submission.slot;
        work.excluded = GridData.excluded(submission.gridData);
        (work.networkCharge, work.fee) = GridData.charges(submission.gridData);
        work.chargeHalf = int256(2 * (work.networkCharge + work.fee));
        work.space = OrderHash.workspace(submission.slot, DOMAIN);
        work.entries = work.entriesEnd = LedgerCalls.take(count * SEAL_BYTES);
        work.voids = work.voidsEnd = LedgerCalls.take(count * VOID_BYTES + 64) + 32;
        work.positions = work.positionsEnd = LedgerCalls.take(count * POSITION_BYTES + 64) + 32;
        (work.moves, work.movesEnd) = LedgerCalls.begin(count + 2);
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

    /// @dev Authenticate one record and tally its order, or note why it is void. Returns the row with what was found.
    function _judge(Work memory work, Certificate.Zone[] memory zones, uint256 row, uint256 word)
        private
        view
        returns (uint256)
    {
        uint256 reason = _authenticated(work, row, word);
        uint256 zone = word.zone();
        if (reason == 0) {
            if (word.status() != AccountStatus.Active) reason = NOT_ACTIVE;
            else if (zone >= zones.length || (work.excluded >> zone) & 1 != 0) reason = ZONE_EXCLUDED;
            else reason = _covered(row, word);
        }
        if (reason == 0) _tally(zones[zone], row, work.chargeHalf);
        else _pushVoid(work, row.accountOf(), reason);
        return row.judged(reason, zone);
    }

    /// @dev Return why the record does not speak for its account: superseded, badly signed or unopened; 0 if it does. Its seal
    /// joins the list that must be the committed one.
    function _authenticated(Work memory work, uint256 row, uint256 word) private view returns (uint256) {
        uint256 kind = row.kindOf();
        uint256 body = row.bodyOf();
        uint256 account = row.accountOf();
        if (kind & BookReader.SUPERSEDED_BIT != 0) {
            _pushEntry(work, account, bytes32(BookReader.load(body)));
            return SUPERSEDED;
        }
        bool unopened = kind & BookReader.UNOPENED_BIT != 0;
        bytes32 digest;
        if (!unopened) digest = _openedDigest(work.space, row);
        else if (kind & BookReader.OWN_BIT != 0) digest = bytes32(BookReader.load(body));
        else digest = OrderHash.digest(work.space, account, bytes32(BookReader.load(body)));

        if (kind & BookReader.OWN_BIT != 0) {
            work.ownChain = OrderHash.chain(work.space, work.ownChain, account, digest);
        } else {
            _pushEntry(work, account, digest);
            if (!_isSigned(work.space, digest, body + BookReader.bodyBytes(kind), word)) return BAD_SIGNATURE;
        }
        if (!unopened) return 0;
        _forfeit(work, account, digest, word);
        return UNOPENED;
    }

    /// @dev Return whether the owner of an account signed a digest; the signature starts at `position` of the calldata.
    function _isSigned(uint256 space, bytes32 digest, uint256 position, uint256 word) private view returns (bool) {
        unchecked {
            address signer = Signatures.recover(
                digest,
                bytes32(BookReader.load(position)),
                bytes32(BookReader.load(position + 32)),
                space + OrderHash.SCRATCH
            );
            return signer != address(0) && signer == word.owner();
        }
    }

    /// @dev Take the bond of an order that was sealed and not opened, as far as there is cash.
    function _forfeit(Work memory work, uint256 account, bytes32 digest, uint256 word) private view {
        uint64 slot = work.slot;
        if (_isOpened[digest]) revert WasOpened(slot, uint32(account), digest);
        if (block.timestamp < openUntil(slot)) revert OwnersMayStillOpen(slot, uint32(account), openUntil(slot));
        int256 cash = word.cash();
        int256 bond = int256(_ofClass(BONDS, word.reputationClass()));
        if (cash < bond) bond = cash;
        if (bond <= 0) return;
        work.forfeited += uint256(bond);
        work.movesEnd = LedgerCalls.push(work.movesEnd, account, -bond);
    }

    /// @dev Return why an opened order takes no part: malformed steps, or less cash than bond and cover; 0 if it does.
    function _covered(uint256 row, uint256 word) private view returns (uint256) {
        // Four steps of 32-bit energies and prices: sums and products stay below 2^70.
        unchecked {
            uint256 kind = row.kindOf();
            uint256 steps = kind & BookReader.STEPS_MASK;
            if (steps == 0 || steps > STEPS_MAX) return MALFORMED;
            bool isBid = kind & BookReader.SIDE_BIT == 0;
            uint256 position = row.bodyOf();
            uint256 energyWh = 0;
            uint256 cover = 0;
            uint256 previous;
            for (uint256 index = 0; index < steps; ++index) {
                uint256 step = BookReader.load(position);
                uint256 energy = step >> 224;
                uint256 limit = uint32(step >> 192);
                if (energy == 0) return MALFORMED;
                if (index != 0 && (isBid ? limit >= previous : limit <= previous)) return MALFORMED;
                previous = limit;
                energyWh += energy;
                cover += (energy * limit + WH_PER_KWH - 1) / WH_PER_KWH;
                position += OrderHash.STEP_BYTES;
            }
            if (energyWh > ENERGY_MAX) return MALFORMED;
            uint256 class = word.reputationClass();
            if (!isBid) cover = _collateral(energyWh, class);
            return int256(word.cash()) < int256(cover + _ofClass(BONDS, class)) ? INSOLVENT : 0;
        }
    }

    /// @dev Count an order's steps in. A bid whose limit is below the charge can trade at no price and is left aside.
    function _tally(Certificate.Zone memory zone, uint256 row, int256 chargeHalf) private pure {
        unchecked {
            uint256 kind = row.kindOf();
            bool isBid = kind & BookReader.SIDE_BIT == 0;
            uint256 position = row.bodyOf();
            uint256 end = position + (kind & BookReader.STEPS_MASK) * OrderHash.STEP_BYTES;
            for (; position < end; position += OrderHash.STEP_BYTES) {
                (int256 energyWh, int256 price) = _step(position, isBid, chargeHalf);
                if (price >= 0) Certificate.tally(zone, isBid, energyWh, price);
            }
        }
    }

    /// @dev Refuse records that are not the relay's commitment and the own seals of the slot, all of them and no others.
    function _requireSealed(Work memory work) private view {
        bytes32 found = 0;
        uint256 entries = work.entries;
        uint256 length = work.entriesEnd - entries;
        if (length != 0) {
            bytes32 page;
            assembly ("memory-safe") {
                page := keccak256(entries, length)
            }
            found = keccak256(abi.encode(bytes32(0), page));
        }
        bytes32 needed = _rootOf[work.slot];
        if (found != needed) revert WrongEntries(work.slot, needed, found);
        needed = _ownChainOf[work.slot];
        if (work.ownChain != needed) revert WrongOwnSeals(work.slot, needed, work.ownChain);
    }

    /// @dev Find out what one order trades; note its position and what moves on the ledger.
    function _fill(Work memory work, Certificate.Zone[] memory zones, uint256 row, uint256 word) private view {
        if (row.reasonOf() != 0) return;
        // Energies fit 32 bits and prices 36: products stay below 2^70, and what an account pays or locks is below its cash.
        unchecked {
            Certificate.Zone memory zone = zones[row.zoneOf()];
            uint256 kind = row.kindOf();
            bool isBid = kind & BookReader.SIDE_BIT == 0;
            uint256 energyWh = _filledWh(zone, kind, row.bodyOf(), work.chargeHalf);
            if (energyWh == 0) return;
            uint256 position;
            uint256 locked;
            if (isBid) {
                locked = energyWh * uint256(zone.price + work.chargeHalf);
                locked = (locked + HALF_MICRO_WH_PER_KWH - 1) / HALF_MICRO_WH_PER_KWH;
                work.buyersPay += locked;
                work.boughtWh += energyWh;
                position = energyWh << 192 | locked << 136;
            } else {
                uint256 revenue = energyWh * uint256(zone.price) / HALF_MICRO_WH_PER_KWH;
                locked = _collateral(energyWh, word.reputationClass());
                work.sellersGet += revenue;
                work.collateral += locked;
                position = (uint256(uint32(uint256(0) - energyWh)) << 192) | locked << 136 | (revenue + locked) << 80;
            }
            uint256 account = row.accountOf();
            _pushPosition(work, account << 224 | position);
            work.movesEnd = LedgerCalls.push(work.movesEnd, account, -int256(locked));
        }
    }

    /// @dev Return the energy that an order trades.
    function _filledWh(Certificate.Zone memory zone, uint256 kind, uint256 position, int256 chargeHalf)
        private
        pure
        returns (uint256)
    {
        unchecked {
            bool isBid = kind & BookReader.SIDE_BIT == 0;
            uint256 end = position + (kind & BookReader.STEPS_MASK) * OrderHash.STEP_BYTES;
            int256 filled = 0;
            for (; position < end; position += OrderHash.STEP_BYTES) {
                (int256 energyWh, int256 price) = _step(position, isBid, chargeHalf);
                if (price >= 0) filled += Certificate.fill(zone, isBid, energyWh, price);
            }
            return uint256(filled);
        }
    }

    /// @dev Return a step's energy in Wh and its effective price in half micro-credits per kWh: a bid's limit less the charge.
    function _step(uint256 position, bool isBid, int256 chargeHalf) private pure returns (int256 energyWh, int256 price) {
        unchecked {
            uint256 step = BookReader.load(position);
            energyWh = int256(step >> 224);
            price = 2 * int256(uint256(uint32(step >> 192)));
            if (isBid) price -= chargeHalf;
        }
    }

    /// @dev Return what the settlement will pay out. Checked arithmetic: rent cannot be negative, as energy flows over full
    /// lines from the lower price to the higher.
    function _result(Work memory work) private pure returns (SlotResult memory) {
        uint256 network = work.boughtWh * work.networkCharge / WH_PER_KWH;
        uint256 fee = work.boughtWh * work.fee / WH_PER_KWH;
        return SlotResult({
            positionsHash: work.positionsHash,
            networkMicro: uint64(network),
            feeMicro: uint64(fee),
            rentMicro: uint64(work.buyersPay - work.sellersGet - network - fee),
            boughtWh: uint56(work.boughtWh)
        });
    }

    function _record(uint64 slot, SlotResult memory cleared) private {
        Fact storage fact = _factOf[slot];
        if (cleared.positionsHash != 0) fact.positionsHash = cleared.positionsHash;
        fact.networkMicro = cleared.networkMicro;
        fact.feeMicro = cleared.feeMicro;
        fact.rentMicro = cleared.rentMicro;
        fact.boughtWh = cleared.boughtWh;
        fact.status = Status.Cleared;
    }

    function _emitCleared(Submission calldata submission, Work memory work, SlotResult memory cleared) private {
        emit Cleared(
            submission.slot,
            work.bookHash,
            submission.prices,
            work.gridHash,
            submission.envelopeRoot,
            _bytes(work.positions, work.positionsEnd),
            _bytes(work.voids, work.voidsEnd),
            cleared
        );
    }

    /// @dev Have the ledger lock what filled accounts pay and put up, and take the forfeited bonds.
    function _move(Work memory work) private {
        uint256 end = LedgerCalls.push(work.movesEnd, ESCROW_ACCOUNT, int256(work.buyersPay + work.collateral));
        end = LedgerCalls.push(end, BONDS_ACCOUNT, int256(work.forfeited));
        LedgerCalls.move(LEDGER, work.moves, end);
    }

    // ------------------------------------------------------------------------------------------------------ small things

    function _openedDigest(uint256 space, uint256 row) private pure returns (bytes32) {
        uint256 kind = row.kindOf();
        uint256 side = (kind & BookReader.SIDE_BIT) >> 3;
        bytes32 terms = OrderHash.termsHash(space, side, kind & BookReader.STEPS_MASK, row.bodyOf());
        return OrderHash.digest(space, row.accountOf(), terms);
    }

    /// @dev Append a relayed seal to the list that must be the committed one; `_begin` took 36 bytes for every record.
    function _pushEntry(Work memory work, uint256 account, bytes32 digest) private pure {
        uint256 end = work.entriesEnd;
        assembly ("memory-safe") {
            mstore(end, shl(224, account))
            mstore(add(end, 4), digest)
        }
        unchecked {
            work.entriesEnd = end + SEAL_BYTES;
        }
    }

    /// @dev Append a void order; `_begin` took 5 bytes for every record and a word of slack.
    function _pushVoid(Work memory work, uint256 account, uint256 reason) private pure {
        uint256 end = work.voidsEnd;
        assembly ("memory-safe") {
            mstore(end, or(shl(224, account), shl(216, reason)))
        }
        unchecked {
            work.voidsEnd = end + VOID_BYTES;
        }
    }

    /// @dev Append a position, in the upper 22 bytes of a word; `_begin` took 22 bytes for every record and a word of slack.
    function _pushPosition(Work memory work, uint256 position) private pure {
        uint256 end = work.positionsEnd;
        assembly ("memory-safe") {
            mstore(end, position)
        }
        unchecked {
            work.positionsEnd = end + POSITION_BYTES;
        }
        work.positionsHash = _hashPosition(work.positionsHash, position);
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

    /// @dev Return the chain over the last seal of every account. Strictly rising (account, index) over as many as there are
    /// seals lists every seal once.
    function _sorted(bytes calldata entries, bytes calldata order) private pure returns (bytes32 chain) {
        uint256 seals = entries.length / SEAL_BYTES;
        if (order.length != seals * INDEX_BYTES) revert BadList(order.length, seals * INDEX_BYTES);
        uint256 before = 0;
        for (uint256 position = 0; position < seals; ++position) {
            uint256 index = uint16(bytes2(order[position * INDEX_BYTES:(position + 1) * INDEX_BYTES]));
            if (index >= seals) revert WrongOrder(position);
            uint256 key = _sealAccount(entries, index * SEAL_BYTES) << 16 | index;
            if (position != 0) {
                if (key <= before) revert WrongOrder(position);
                if (key >> 16 != before >> 16) chain = _chainedAt(chain, entries, before);
            }
            before = key;
        }
        if (seals != 0) chain = _chainedAt(chain, entries, before);
    }

    /// @dev Extend the chain by the seal that a key (account, index) names.
    function _chainedAt(bytes32 chain, bytes calldata entries, uint256 key) private pure returns (bytes32) {
        return _chained(chain, key >> 16, _sealDigest(entries, uint16(key) * SEAL_BYTES));
    }

    function _sealAccount(bytes calldata entries, uint256 offset) private pure returns (uint256) {
        return uint32(bytes4(entries[offset:offset + 4]));
    }

    function _sealDigest(bytes calldata entries, uint256 offset) private pure returns (bytes32) {
        return bytes32(entries[offset + 4:offset + SEAL_BYTES]);
    }

    function _chained(bytes32 running, uint256 account, bytes32 digest) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(running, uint32(account), digest));
    }

    /// @dev Return the collateral of offered energy, rounded up.
    function _collateral(uint256 energyWh, uint256 class) private view returns (uint256) {
        unchecked {
            return (energyWh * _ofClass(COLLATERAL_PRICES, class) + WH_PER_KWH - 1) / WH_PER_KWH;
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
        if (_factOf[slot].status != Status.None) revert AlreadyCleared(slot);
    }
}
