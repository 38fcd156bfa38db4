//! Trampolines: from a site's call to a Rust callback and back, with every register as it was.
//!
//! The stack, from the top at the site's call: `ip` (return address), `next` (what the final RET pops: a lone RET, or
//! a direct call's target), flags, fifteen registers, XMM0 to XMM7. The upper halves of YMM registers are not saved:
//! functions that take arguments in them are not to be traced.

use super::ops::Save;
use crate::text::Builder;

/// push/pop encodings in frame order, RDI first.
const ARGS: [(&[u8], &[u8]); 9] = [
    (&[0x57], &[0x5f]),             // rdi
    (&[0x56], &[0x5e]),             // rsi
    (&[0x52], &[0x5a]),             // rdx
    (&[0x51], &[0x59]),             // rcx
    (&[0x50], &[0x58]),             // rax
    (&[0x41, 0x50], &[0x41, 0x58]), // r8
    (&[0x41, 0x51], &[0x41, 0x59]), // r9
    (&[0x41, 0x52], &[0x41, 0x5a]), // r10
    (&[0x41, 0x53], &[0x41, 0x5b]), // r11
];
const SAVED: [(&[u8], &[u8]); 6] = [
    (&[0x53], &[0x5b]),             // rbx
    (&[0x55], &[0x5d]),             // rbp
    (&[0x41, 0x54], &[0x41, 0x5c]), // r12
    (&[0x41, 0x55], &[0x41, 0x5d]), // r13
    (&[0x41, 0x56], &[0x41, 0x5e]), // r14
    (&[0x41, 0x57], &[0x41, 0x5f]), // r15
];
/// XMM0 to XMM7, and eight bytes so that the call is aligned.
const VECTORS: i32 = 8 * 16 + 8;

/// Lays out a trampoline that calls `dispatch(regs, data)`.
pub(super) fn build(save: Save, dispatch: u64, data: u64) -> Builder {
    let mut b = Builder::new();
    // The slot for `next`, first a RET behind the trampoline's own; LEA leaves the flags alone.
    let ret = b.forward();
    b.code(&[0x48, 0x8d, 0x64, 0x24, 0xf8]); // lea rsp, [rsp-8]
    b.code(&[0x9c]); // pushfq
    for (push, _) in ARGS {
        b.code(push);
    }
    match save {
        Save::Regs => SAVED.iter().for_each(|(push, _)| {
            b.code(push);
        }),
        Save::Args => (0..SAVED.len()).for_each(|_| {
            b.code(&[0x6a, 0x00]); // push 0
        }),
    }
    b.rip_relative(&[0x48, 0x8d, 0x05], ret); // lea rax, [rip+ret]
    b.code(&[0x48, 0x89, 0x84, 0x24, 0x80, 0x00, 0x00, 0x00]); // mov [rsp+128], rax
    b.code(&[0x48, 0x89, 0xe7]); // mov rdi, rsp
    b.code(&sub_rsp(VECTORS));
    (0..8).for_each(|n| {
        b.code(&xmm(0x11, n));
    });
    let mut data_load = vec![0x48, 0xbe]; // mov rsi, imm64
    data_load.extend_from_slice(&data.to_le_bytes());
    b.code(&data_load);
    b.mov_rax(dispatch);
    b.code(&[0xfc]); // cld
    b.code(&[0xff, 0xd0]); // call rax
    (0..8).for_each(|n| {
        b.code(&xmm(0x10, n));
    });
    b.code(&sub_rsp(-VECTORS));
    match save {
        Save::Regs => SAVED.iter().rev().for_each(|(_, pop)| {
            b.code(pop);
        }),
        Save::Args => {
            b.code(&sub_rsp(-8 * SAVED.len() as i32));
        }
    }
    for (_, pop) in ARGS.iter().rev() {
        b.code(pop);
    }
    b.code(&[0x9d]); // popfq
    b.ret();
    b.place(ret);
    b.ret();
    b
}

fn sub_rsp(n: i32) -> Vec<u8> {
    let mut bytes = vec![0x48, 0x8d, 0xa4, 0x24]; // lea rsp, [rsp+disp32]
    bytes.extend_from_slice(&(-n).to_le_bytes());
    bytes
}

/// movups between XMMn and [rsp + 16 n]: 0x11 stores, 0x10 loads.
fn xmm(op: u8, n: u8) -> [u8; 8] {
    [0x0f, op, 0x84 | n << 3, 0x24, n * 16, 0, 0, 0]
}
