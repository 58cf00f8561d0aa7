//! `MULMOD` by arithmetic that a virtual machine has of its own.

use alloy_primitives::U256;
use revm::{
    bytecode::opcode,
    handler::instructions::EthInstructions,
    interpreter::{
        Host, Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        interpreter::EthInterpreter,
        interpreter_types::{InterpreterTypes, StackTr},
    },
    primitives::OnceLock,
};

/// The product of two numbers modulo a third, or nothing where it knows no better way than software.
pub type Implementation = fn(left: &U256, right: &U256, modulus: &U256) -> Option<U256>;

/// Yellow paper, tier "mid".
const GAS: u16 = 8;

static IMPLEMENTATION: OnceLock<Implementation> = OnceLock::new();

/// Has every later `MULMOD` asked of `implementation` first: for virtual machines with arithmetic of their own. Only the
/// first call counts; tells whether this was it.
pub fn install(implementation: Implementation) -> bool {
    IMPLEMENTATION.set(implementation).is_ok()
}

/// Puts the installed implementation into a table of instructions.
pub(crate) fn hook<H: Host>(instructions: &mut EthInstructions<EthInterpreter, H>) {
    if IMPLEMENTATION.get().is_some() {
        instructions.insert_instruction(opcode::MULMOD, Instruction::new(mulmod), GAS);
    }
}

fn mulmod<T: InterpreterTypes, H: ?Sized>(context: InstructionContext<'_, H, T>) -> InstructionExecResult {
    let Some(([left, right], modulus)) = context.interpreter.stack.popn_top() else {
        return Err(InstructionResult::StackUnderflow);
    };
    let product = IMPLEMENTATION
        .get()
        .and_then(|multiply| multiply(&left, &right, modulus));
    *modulus = product.unwrap_or_else(|| left.mul_mod(right, *modulus));
    Ok(())
}
