// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.34;

import {CWEIdentity} from "../../contracts/src/identity/CWEIdentity.sol";
import {CreatorRegistry} from "../../contracts/src/identity/CreatorRegistry.sol";
import {ICWEIdentity} from "../../contracts/src/interfaces/ICWEIdentity.sol";
import {WorkRegistry} from "../../contracts/src/works/WorkRegistry.sol";
import {EconomyScript} from "./lib/EconomyScript.sol";
import {Vm} from "forge-std/Vm.sol";
import {console} from "forge-std/console.sol";

/// @title RegisterWork
/// @notice A creator's first steps on the deployment that `DeployEconomy` wrote to `deploy/out`. Keys come from the
/// environment: `CREATOR_KEY` signs as the creator, `ISSUER_KEY` as an issuer of credentials.
///
///   forge script deploy/economy/RegisterWork.s.sol --sig 'creator(bytes32)' 0x<metadata digest> …
///   forge script deploy/economy/RegisterWork.s.sol --sig 'credential(address,bytes32)' 0x<creator> 0x<commitment> …
///   forge script deploy/economy/RegisterWork.s.sol --sig 'consent(bytes32,bytes32,uint96)' 0x<work> 0x<creator id> 400000 …
///   forge script deploy/economy/RegisterWork.s.sol --sig 'work(bytes32,address[],uint96[],uint256,string)' \
///     0x<work> '[0x…,0x…]' '[600000,400000]' 1200 world …
///   each with --rpc-url $L2_RPC --broadcast (consent also with --private-key, of the payee)
contract RegisterWork is EconomyScript {
    uint64 internal constant CREDENTIAL_SECS = 730 days;

    /// @notice Registers the creator of `CREATOR_KEY`.
    function creator(bytes32 metadata) external returns (bytes32 creatorId) {
        uint256 key = vm.envUint("CREATOR_KEY");
        Vm.Wallet memory wallet = vm.createWallet(key);
        CreatorRegistry creators = CreatorRegistry(economy("creators"));
        vm.broadcast(key);
        creatorId = creators.register(bytes32(wallet.publicKeyX), bytes32(wallet.publicKeyY), metadata, "");
        console.log("creator", vm.toString(creatorId));
    }

    /// @notice Issues a creator's credential as `ISSUER_KEY`.
    /// @param commitment Hash of the off-chain credential.
    function credential(address subject, bytes32 commitment) external {
        uint256 key = vm.envUint("ISSUER_KEY");
        CWEIdentity identity = CWEIdentity(economy("identity"));
        ICWEIdentity.Issuance memory issuance = ICWEIdentity.Issuance({
            issuer: vm.addr(key),
            subject: subject,
            class: ICWEIdentity.Class.Creator,
            commitment: commitment,
            expiresAt: uint64(block.timestamp) + CREDENTIAL_SECS,
            deadline: uint64(block.timestamp) + 1 days
        });
        vm.broadcast(key);
        identity.issue(issuance, "");
    }

    /// @notice Agrees, as the signer, to a share of a new work.
    function consent(bytes32 workId, bytes32 creatorId, uint96 share) external {
        WorkRegistry registry = WorkRegistry(economy("registry"));
        vm.broadcast();
        registry.setConsent(workId, 1, creatorId, share, true);
    }

    /// @notice Registers a work of `CREATOR_KEY`. The other payees have agreed by `consent`.
    /// @param splits Parts per million.
    /// @param pricePerMin Micro-CLN.
    function work(
        bytes32 workId,
        address payable[] calldata payees,
        uint96[] calldata splits,
        uint256 pricePerMin,
        string calldata regionRule
    ) external {
        WorkRegistry registry = WorkRegistry(economy("registry"));
        vm.broadcast(vm.envUint("CREATOR_KEY"));
        registry.registerWork(workId, payees, splits, pricePerMin, ruleId(regionRule));
    }
}
