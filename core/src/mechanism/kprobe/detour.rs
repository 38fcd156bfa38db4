//! What a probe's breakpoint or jump leads to: the handler, then the probed instructions elsewhere, then back.

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, OpKind, Register};

use crate::engine::Engine;
use crate::holder::HolderId;
use crate::isa::{INT3, Insn};
use crate::mechanism::MechanismError;
use crate::text::builder::Assembled;
use crate::text::{Region, TextError};

/// Room for two calls of a handler and eight copied instructions.
const LEN: usize = 256;

/// Skips the red zone, aligns the stack, and has every register and the flags as they were when it calls.
const ENTER: [u8; 24] = [
    0x48, 0x8d, 0x64, 0x24, 0x80, // lea rsp, [rsp-128]
    0x9c, // pushfq
    0x50, // push rax
    0x48, 0x89, 0xe0, // mov rax, rsp
    0x48, 0x83, 0xe4, 0xf0, // and rsp, -16
    0x50, // push rax
    0xff, 0x70, 0x08, // push qword [rax+8]
    0x9d, // popfq
    0x48, 0x8b, 0x00, // mov rax, [rax]
    0x66, 0x90, // a nop, so that the call is aligned
];
const LEAVE: [u8; 11] = [
    0x5c, // pop rsp
    0x58, // pop rax
    0x9d, // popfq
    0x48, 0x8d, 0xa4, 0x24, 0x80, 0x00, 0x00, 0x00, // lea rsp, [rsp+128]
];

/// A probe's code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Detour {
    pub(super) region: Region,
    /// Behind the handler: the copied instructions.
    pub(super) copy: u64,
}

/// Whole instructions from `code` at `addr` that cover `len` bytes; `None` if they cannot be decoded.
pub(super) fn instructions(code: &[u8], addr: u64, len: usize) -> Option<Vec<Instruction>> {
    let mut decoder = Decoder::with_ip(64, code, addr, DecoderOptions::NONE);
    let mut out = Vec::new();
    while decoder.position() < len {
        let insn = decoder.can_decode().then(|| decoder.decode()).filter(|i| !i.is_invalid())?;
        out.push(insn);
    }
    Some(out)
}

/// Lays out: `before`, the instructions, `after` if there is one, and a jump to what follows them. `code` holds their bytes.
pub(super) fn build(
    engine: &Engine,
    holder: HolderId,
    (insns, code): (&[Instruction], &[u8]),
    before: u64,
    after: Option<u64>,
) -> Result<Option<Detour>, MechanismError> {
    let (Some(first), Some(last)) = (insns.first(), insns.last()) else { return Ok(None) };
    let mut copy = 0;
    let mut why_not = false;
    let loaded = engine.load_with(holder, LEN, 16, |base| {
        let mut out = Vec::with_capacity(LEN);
        handler(&mut out, base, before)?;
        copy = base + out.len() as u64;
        for insn in insns {
            let at = (insn.ip() - first.ip()) as usize;
            match relocate(insn, &code[at..at + insn.len()], base + out.len() as u64) {
                Some(bytes) => out.extend_from_slice(&bytes),
                None => why_not = true,
            }
        }
        if let Some(after) = after {
            handler(&mut out, base, after)?;
        }
        let back = Insn::Jmp(last.next_ip()).encode(base + out.len() as u64)?;
        out.extend_from_slice(back.as_slice());
        if out.len() > LEN {
            return Err(TextError::TooLarge { len: out.len(), chunk: LEN });
        }
        out.resize(LEN, INT3);
        Ok::<_, TextError>(Assembled::raw(out))
    })?;
    if why_not {
        engine.discard(loaded.region, holder)?;
        return Ok(None);
    }
    Ok(Some(Detour { region: loaded.region, copy }))
}

fn handler(out: &mut Vec<u8>, base: u64, stub: u64) -> Result<(), TextError> {
    out.extend_from_slice(&ENTER);
    let call = Insn::Call(stub).encode(base + out.len() as u64)?;
    out.extend_from_slice(call.as_slice());
    out.extend_from_slice(&LEAVE);
    Ok(())
}

/// The same instruction for another address; `None` where that cannot be done (loops, calls through RSP).
fn relocate(insn: &Instruction, bytes: &[u8], at: u64) -> Option<Vec<u8>> {
    if matches!(insn.op0_kind(), OpKind::NearBranch64) {
        let target = insn.near_branch_target();
        let (prefix, branch) = match insn.code() {
            Code::Call_rel32_64 => (push_return(insn)?, Insn::Jmp(target)),
            code if code.is_jcc_short_or_near() => (
                Vec::new(),
                Insn::Jcc(crate::isa::Cond::new(bytes[bytes.len() - if bytes.len() > 2 { 5 } else { 2 }]), target),
            ),
            code if code.is_jmp_short_or_near() => (Vec::new(), Insn::Jmp(target)),
            _ => return None,
        };
        let mut out = prefix;
        let bytes = branch.encode(at + out.len() as u64).ok()?;
        out.extend_from_slice(bytes.as_slice());
        return Some(out);
    }
    let mut out = bytes.to_vec();
    if insn.is_ip_rel_memory_operand() {
        let mut decoder = Decoder::with_ip(64, bytes, insn.ip(), DecoderOptions::NONE);
        let decoded = decoder.decode();
        let field = decoder.get_constant_offsets(&decoded).displacement_offset();
        let disp = insn.ip_rel_memory_address().wrapping_sub(at + bytes.len() as u64) as i64;
        out.get_mut(field..field + 4)?.copy_from_slice(&i32::try_from(disp).ok()?.to_le_bytes());
    }
    match insn.flow_control() {
        FlowControl::IndirectCall => {
            // push the original return address; the same operand, as a jump.
            if insn.memory_base() == Register::RSP
                || insn.is_ip_rel_memory_operand()
                || insn.op0_register() == Register::RSP
            {
                return None;
            }
            let opcode = out.iter().position(|&b| b == 0xff)?;
            let modrm = out.get_mut(opcode + 1)?;
            *modrm = *modrm & !0x38 | 4 << 3;
            let mut whole = push_return(insn)?;
            whole.extend_from_slice(&out);
            Some(whole)
        }
        FlowControl::Interrupt | FlowControl::Exception => None,
        _ => Some(out),
    }
}

/// `push imm32` of the address behind the original: text lies in the low 2 GiB, or this cannot be done.
fn push_return(insn: &Instruction) -> Option<Vec<u8>> {
    let mut out = vec![0x68];
    out.extend_from_slice(&i32::try_from(insn.next_ip()).ok()?.to_le_bytes());
    Some(out)
}
