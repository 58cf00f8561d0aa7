// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {MessagePasser} from "../../contracts/src/system/MessagePasser.sol";
import {IRollup} from "../src/interfaces/IRollup.sol";
import {BatchHash} from "../src/libraries/BatchHash.sol";
import {QueueHash} from "../src/libraries/QueueHash.sol";
import {WithdrawalTree} from "../src/libraries/WithdrawalTree.sol";
import {TreeModel} from "./utils/TreeModel.sol";
import {Test} from "forge-std/Test.sol";

/// @notice The protocol's hashes as the contracts compute them, in `test/vectors/protocol.json`, which the Rust tests
/// read. `WRITE_VECTORS=true forge test --mc VectorsTest` writes the file; without it the test compares.
contract VectorsTest is Test {
    string internal constant FILE = "test/vectors/protocol.json";
    uint256 internal constant MESSAGES = 5;
    uint256 internal constant WITHDRAWALS = 5;

    MessagePasser internal passer;

    function test_committedVectorsAreWhatTheContractsCompute() public {
        string memory json = string.concat(
            "{\n",
            '"messages": ',
            messages(),
            ',\n"withdrawals": ',
            withdrawals(),
            ',\n"batches": ',
            batches(),
            ',\n"publicValues": ',
            publicValues(),
            "\n}\n"
        );
        if (vm.envOr("WRITE_VECTORS", false)) vm.writeFile(FILE, json);
        assertEq(vm.readFile(FILE), json, "run with WRITE_VECTORS=true if the change is meant");
    }

    /* cases */

    function messages() internal pure returns (string memory list) {
        bytes32 queueHash;
        for (uint64 i = 0; i < MESSAGES; ++i) {
            list = append(list, message(i, queueHash));
            queueHash = QueueHash.append(queueHash, messageHash(i));
        }
        return string.concat("[\n", list, "]");
    }

    function messageData(uint64 i) internal pure returns (bytes memory) {
        // Lengths around the word size.
        uint8[5] memory lengths = [0, 1, 32, 33, 200];
        bytes memory data = new bytes(lengths[i]);
        for (uint256 j = 0; j < data.length; ++j) {
            data[j] = bytes1(uint8(i * 7 + j));
        }
        return data;
    }

    function amount(uint64 i, uint256 salt) internal pure returns (uint128) {
        if (i == 0) return 0;
        if (i == 4) return type(uint128).max;
        return uint128(uint256(keccak256(abi.encode("amount", i, salt))));
    }

    function account(string memory name, uint64 i) internal pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(name, i)))));
    }

    function messageHash(uint64 i) internal pure returns (bytes32) {
        return QueueHash.messageHash(
            i, account("sender", i), account("to", i), amount(i, 1), amount(i, 2), 21_000 + i, keccak256(messageData(i))
        );
    }

    function message(uint64 i, bytes32 before) internal pure returns (string memory) {
        string memory accounts =
            string.concat(field("sender", account("sender", i)), ", ", field("to", account("to", i)));
        string memory amounts = string.concat(
            decimal("mint", amount(i, 1)), ", ", decimal("value", amount(i, 2)), ", ", number("gasLimit", 21_000 + i)
        );
        string memory hashes = string.concat(
            field("messageHash", messageHash(i)), ", ", field("queueHash", QueueHash.append(before, messageHash(i)))
        );
        return string.concat(
            "{",
            number("index", i),
            ", ",
            accounts,
            ", ",
            amounts,
            ", ",
            field("data", messageData(i)),
            ", ",
            hashes,
            "}"
        );
    }

    function withdrawals() internal returns (string memory) {
        passer = new MessagePasser();
        bytes32 empty = TreeModel.root(new bytes32[](0));
        vm.store(address(passer), 0, empty);
        string memory list;
        bytes32[] memory leaves = new bytes32[](WITHDRAWALS);
        for (uint64 i = 0; i < WITHDRAWALS; ++i) {
            leaves[i] = withdraw(i);
            list = append(list, withdrawal(i, leaves[i]));
        }
        string memory proofs;
        for (uint256 i = 0; i < WITHDRAWALS; ++i) {
            proofs = append(proofs, siblings(TreeModel.proof(leaves, i)));
        }
        return string.concat(
            "{", field("emptyRoot", empty), ',\n"cases": [\n', list, '],\n"proofsInLastRoot": [\n', proofs, "]}"
        );
    }

    function withdrawalAmount(uint64 i) internal pure returns (uint256) {
        return uint256(amount(i, 3)) + 1;
    }

    function withdraw(uint64 i) internal returns (bytes32 leaf) {
        address sender = account("l2 sender", i);
        vm.deal(sender, withdrawalAmount(i));
        vm.prank(sender);
        passer.withdraw{value: withdrawalAmount(i)}(account("recipient", i));
        return WithdrawalTree.leaf(i, sender, account("recipient", i), withdrawalAmount(i));
    }

    function withdrawal(uint64 i, bytes32 leaf) internal view returns (string memory) {
        string memory accounts =
            string.concat(field("sender", account("l2 sender", i)), ", ", field("recipient", account("recipient", i)));
        return string.concat(
            "{",
            number("index", i),
            ", ",
            accounts,
            ", ",
            decimal("amount", withdrawalAmount(i)),
            ", ",
            field("leaf", leaf),
            ", ",
            field("root", passer.root()),
            "}"
        );
    }

    function siblings(bytes32[32] memory proof) internal pure returns (string memory list) {
        for (uint256 i = 0; i < 32; ++i) {
            list = string.concat(list, i == 0 ? "" : ", ", '"', vm.toString(proof[i]), '"');
        }
        return string.concat("[", list, "]");
    }

    function batch(uint64 i) internal pure returns (IRollup.Batch memory b) {
        if (i > 0) b.parentBatchHash = BatchHash.hash(batch(i - 1));
        b.batchIndex = i;
        b.firstBlock = i == 0 ? 0 : 10 * i - 9;
        b.lastBlock = 10 * i;
        b.lastTimestamp = 1_767_225_600 + i;
        b.parentBlockHash = i == 0 ? bytes32(0) : keccak256(abi.encode("block", i - 1));
        b.blockHash = keccak256(abi.encode("block", i));
        b.stateRoot = keccak256(abi.encode("state", i));
        b.withdrawalRoot = keccak256(abi.encode("withdrawals", i));
        b.messagesBefore = i == 0 ? 0 : 3 * (i - 1);
        b.messagesAfter = 3 * i;
        b.queueHashBefore = i < 2 ? bytes32(0) : keccak256(abi.encode("queue", i - 1));
        b.queueHashAfter = i == 0 ? bytes32(0) : keccak256(abi.encode("queue", i));
        b.blobs = i > 0 && i % 2 == 0;
        b.dataHash = dataHash(i);
    }

    function batchData(uint64 i) internal pure returns (bytes memory) {
        return abi.encodePacked(uint8(1), keccak256(abi.encode("data", i)));
    }

    function versionedHash(uint64 i, uint256 blob) internal pure returns (bytes32) {
        return bytes32((uint256(keccak256(abi.encode("blob", i, blob))) >> 8) | (1 << 248));
    }

    /// @dev Even batches have as many blobs as their index.
    function versionedHashes(uint64 i) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](i % 2 == 0 ? i : 0);
        for (uint256 j = 0; j < hashes.length; ++j) {
            hashes[j] = versionedHash(i, j);
        }
    }

    function dataHash(uint64 i) internal pure returns (bytes32) {
        if (i == 0) return 0;
        return i % 2 == 0 ? BatchHash.blobDataHash(versionedHashes(i)) : keccak256(batchData(i));
    }

    function batches() internal pure returns (string memory list) {
        for (uint64 i = 0; i < 5; ++i) {
            list = append(list, batchJson(batch(i)));
        }
        return string.concat("[\n", list, "]");
    }

    function batchJson(IRollup.Batch memory b) internal pure returns (string memory) {
        string memory blocks = string.concat(
            number("batchIndex", b.batchIndex),
            ", ",
            number("firstBlock", b.firstBlock),
            ", ",
            number("lastBlock", b.lastBlock),
            ", ",
            number("lastTimestamp", b.lastTimestamp)
        );
        string memory roots = string.concat(
            field("parentBlockHash", b.parentBlockHash),
            ", ",
            field("blockHash", b.blockHash),
            ", ",
            field("stateRoot", b.stateRoot),
            ", ",
            field("withdrawalRoot", b.withdrawalRoot)
        );
        string memory queue = string.concat(
            number("messagesBefore", b.messagesBefore),
            ", ",
            number("messagesAfter", b.messagesAfter),
            ", ",
            field("queueHashBefore", b.queueHashBefore),
            ", ",
            field("queueHashAfter", b.queueHashAfter)
        );
        return string.concat(
            "{",
            field("parentBatchHash", b.parentBatchHash),
            ", ",
            blocks,
            ", ",
            roots,
            ", ",
            queue,
            ", ",
            dataJson(b),
            ", ",
            field("batchHash", BatchHash.hash(b)),
            "}"
        );
    }

    function dataJson(IRollup.Batch memory b) internal pure returns (string memory) {
        bytes32[] memory hashes = versionedHashes(b.batchIndex);
        string memory list;
        for (uint256 i = 0; i < hashes.length; ++i) {
            list = string.concat(list, i == 0 ? "" : ", ", '"', vm.toString(hashes[i]), '"');
        }
        bytes memory data = b.blobs || b.batchIndex == 0 ? bytes("") : batchData(b.batchIndex);
        return string.concat(
            '"blobs": ',
            b.blobs ? "true" : "false",
            ', "versionedHashes": [',
            list,
            "], ",
            field("data", data),
            ", ",
            field("dataHash", b.dataHash)
        );
    }

    function publicValues() internal pure returns (string memory list) {
        uint64[2][4] memory runs = [[uint64(1), 1], [uint64(2), 2], [uint64(1), 4], [uint64(3), 4]];
        for (uint256 i = 0; i < runs.length; ++i) {
            list = append(list, publicValueJson(runs[i][0], runs[i][1]));
        }
        return string.concat("[\n", list, "]");
    }

    function openings(uint64 i) internal pure returns (BatchHash.Opening[] memory list) {
        bytes32[] memory hashes = versionedHashes(i);
        list = new BatchHash.Opening[](hashes.length);
        for (uint256 j = 0; j < list.length; ++j) {
            list[j] = BatchHash.Opening(
                hashes[j], keccak256(abi.encode("z", i, j)) >> 2, keccak256(abi.encode("y", i, j)) >> 2
            );
        }
    }

    function publicValueJson(uint64 from, uint64 to) internal pure returns (string memory) {
        bytes memory proven;
        string memory openingsList;
        for (uint64 i = from; i <= to; ++i) {
            proven = bytes.concat(proven, BatchHash.proven(BatchHash.hash(batch(i)), openings(i)));
            openingsList = append(openingsList, openingsJson(openings(i)));
        }
        bytes32 batchesHash = keccak256(proven);
        address prover = account("prover", from);
        uint256 chainId = 0xc0e;
        bytes32 value = BatchHash.publicValue(chainId, batch(from), batch(to), batchesHash, prover);
        return string.concat(
            "{",
            number("l2ChainId", chainId),
            ", ",
            number("from", from),
            ", ",
            number("to", to),
            ", ",
            field("prover", prover),
            ', "openings": [\n',
            openingsList,
            "], ",
            field("batchesHash", batchesHash),
            ", ",
            field("publicValue", value),
            "}"
        );
    }

    function openingsJson(BatchHash.Opening[] memory list) internal pure returns (string memory json) {
        for (uint256 i = 0; i < list.length; ++i) {
            json = string.concat(
                json,
                i == 0 ? "" : ", ",
                object(
                    field("versionedHash", list[i].versionedHash),
                    ", ",
                    string.concat(field("z", list[i].z), ", ", field("y", list[i].y))
                )
            );
        }
        return string.concat("[", json, "]");
    }

    /* JSON */

    function append(string memory list, string memory item) internal pure returns (string memory) {
        return bytes(list).length == 0 ? item : string.concat(list, ",\n", item);
    }

    function object(string memory a, string memory separator, string memory b) internal pure returns (string memory) {
        return string.concat("{", a, separator, b, "}");
    }

    function field(string memory name, address value) internal pure returns (string memory) {
        return text(name, vm.toString(value));
    }

    function field(string memory name, bytes32 value) internal pure returns (string memory) {
        return text(name, vm.toString(value));
    }

    function field(string memory name, bytes memory value) internal pure returns (string memory) {
        return text(name, vm.toString(value));
    }

    /// @dev Above 2⁵³ a JSON number is not safe: amounts are decimal text.
    function decimal(string memory name, uint256 value) internal pure returns (string memory) {
        return text(name, vm.toString(value));
    }

    function number(string memory name, uint256 value) internal pure returns (string memory) {
        return string.concat('"', name, '": ', vm.toString(value));
    }

    function text(string memory name, string memory value) internal pure returns (string memory) {
        return string.concat('"', name, '": "', value, '"');
    }
}
