//! The image: a frame, the programs, the function if it is called from here, and back.
//!
//! Entered by a call at the traced entry: above the return address to the function's body stands its caller's. Entered by a
//! jump it puts that address there itself. Integer arguments only, as in BPF; vector registers are the programs'.

use std::sync::Arc;

use super::Image;
use super::program::{self, Kind, Program};
use crate::engine::Engine;
use crate::holder::HolderId;
use crate::mechanism::MechanismError;
use crate::text::{Builder, Region};

/// mov [rbp-64+8n], reg and back: opcode bytes behind the REX prefix.
const ARGS: [[u8; 4]; 6] = [
    [0x48, 0x89, 0x7d, 0xc0], // rdi
    [0x48, 0x89, 0x75, 0xc8], // rsi
    [0x48, 0x89, 0x55, 0xd0], // rdx
    [0x48, 0x89, 0x4d, 0xd8], // rcx
    [0x4c, 0x89, 0x45, 0xe0], // r8
    [0x4c, 0x89, 0x4d, 0xe8], // r9
];
const SAVE_RET: [u8; 4] = [0x48, 0x89, 0x45, 0xf8]; // mov [rbp-8], rax

fn frame(b: &mut Builder) {
    b.code(&[0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x48]); // push rbp; mov rbp, rsp; sub rsp, 72
    for save in ARGS {
        b.code(&save);
    }
    b.code(&[0x31, 0xc0]).code(&SAVE_RET); // xor eax, eax
}

/// All six, also those that are no arguments: the function cannot tell.
fn restore(b: &mut Builder) {
    for mut load in ARGS {
        load[1] = 0x8b;
        b.code(&load);
    }
}

fn call(b: &mut Builder, program: &Program) {
    b.code(&[0x48, 0x8d, 0x7d, 0xc0]); // lea rdi, [rbp-64]
    let mut load = vec![0x48, 0xbe]; // mov rsi, imm64
    load.extend_from_slice(&(Arc::as_ptr(&program.0) as u64).to_le_bytes());
    b.code(&load);
    b.mov_rax(program::enter as *const () as u64).code(&[0xff, 0xd0]);
}

/// `body` is where the function goes on; without it the return address says where. With `jumps` an image that calls the body
/// is made to be jumped to.
pub(super) fn build(
    engine: &Engine,
    holder: HolderId,
    name: &str,
    programs: &[Program],
    body: Option<u64>,
    jumps: bool,
) -> Result<Image, MechanismError> {
    let of = |kind: Kind| programs.iter().filter(move |p| p.kind() == kind);
    let calls = of(Kind::Fexit).chain(of(Kind::ModifyReturn)).next().is_some();
    let mut b = Builder::new();
    b.function(name);
    // push imm32, which is extended by its sign: text lies low.
    let pushed = body.filter(|_| jumps && calls).and_then(|body| i32::try_from(body).ok());
    if let Some(body) = pushed {
        b.code(&[0x68]).code(&body.to_le_bytes());
    }
    frame(&mut b);
    // mov rax, [rbp+8]; sub rax, 5; mov [rbp-16], rax
    b.code(&[0x48, 0x8b, 0x45, 0x08, 0x48, 0x83, 0xe8, 0x05, 0x48, 0x89, 0x45, 0xf0]);
    let (exit, end) = (b.forward(), b.forward());
    of(Kind::Fentry).for_each(|p| call(&mut b, p));
    let mut after_call = None;
    if calls {
        for p in of(Kind::ModifyReturn) {
            call(&mut b, p);
            b.code(&SAVE_RET).code(&[0x48, 0x85, 0xc0]); // test rax, rax
            b.jcc(5, exit);
        }
        restore(&mut b);
        match body {
            Some(body) => {
                b.call(body);
            }
            None => {
                b.code(&[0xff, 0x55, 0x08]); // call [rbp+8]
            }
        }
        b.code(&SAVE_RET);
        let nop = b.here();
        b.code(crate::isa::nop(5));
        after_call = Some(nop);
        b.place(exit);
        of(Kind::Fexit).for_each(|p| call(&mut b, p));
        b.place(end);
        b.code(&[0x48, 0x8b, 0x45, 0xf8, 0xc9, 0x48, 0x83, 0xc4, 0x08]).ret(); // mov rax, [rbp-8]; leave; add rsp, 8
    } else {
        restore(&mut b);
        b.code(&[0xc9]).ret();
        b.place(exit).place(end);
    }
    let loaded = engine.load(b, holder)?;
    let after_call = match after_call {
        Some(nop) => Some((loaded.addr(nop)?, loaded.addr(end)?)),
        None => None,
    };
    Ok(Image { region: loaded.region, after_call, by_jump: pushed.is_some() })
}

/// Code that runs in a function's place: entered by a jump, returns to its caller.
pub(super) fn replacement(engine: &Engine, holder: HolderId, program: &Program) -> Result<Region, MechanismError> {
    let mut b = Builder::new();
    frame(&mut b);
    b.code(&[0x48, 0x89, 0x45, 0xf0]); // mov [rbp-16], rax
    call(&mut b, program);
    b.code(&[0xc9]).ret();
    Ok(engine.load(b, holder)?.region)
}
