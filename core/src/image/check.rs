//! What an owner expects at its site: the bytes are decoded and compared with what the kernel's own code would accept, and
//! their length is what the owner holds.

use iced_x86::{Decoder, DecoderOptions};

use super::Image;
use super::owner::Owner;
use super::table::{BUGFLAG_ARGS, Entry, Layout};

/// The length of what stands at a site.
pub(crate) struct Fits {
    pub len: u32,
    /// What the owner expects, where that is not what stands there.
    pub wanted: Option<&'static str>,
}

pub(crate) fn fits(len: usize) -> Fits {
    Fits { len: len as u32, wanted: None }
}

pub(crate) fn wants(len: usize, wanted: &'static str) -> Fits {
    Fits { len: len as u32, wanted: Some(wanted) }
}

/// Instructions between the record of a warning and its call; 14 at most in Debian's 7.3.4.
const WARN_STEPS: usize = 32;

/// The five-byte nops that kernels since 5.4 compile in or write: P6, and AMD's K8 form.
pub(crate) fn is_nop5(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x0f, 0x1f, 0x44, 0x00, 0x00])
        || bytes.starts_with(&[0x66, 0x66, 0x66, 0x66, 0x90])
        || bytes.starts_with(&[0x66, 0x66, 0x66, 0x90])
        || bytes.starts_with(&[0x3e, 0x8d, 0x74, 0x26, 0x00])
        || bytes.starts_with(&[0x90; 5])
}

/// A direct branch: the length of the instruction and its target. Prefixes as the compiler pads with are part of it.
pub(crate) fn branch(bytes: &[u8], addr: u64) -> Option<(usize, u64)> {
    let prefixes = bytes.iter().take(3).take_while(|b| matches!(b, 0x2e | 0x3e)).count();
    let (opcode, disp) = match bytes.get(prefixes..)? {
        [0xe8 | 0xe9, rest @ ..] => (1, rest.get(..4)?),
        [0x0f, 0x80..=0x8f, rest @ ..] => (2, rest.get(..4)?),
        _ => return None,
    };
    let len = prefixes + opcode + 4;
    let disp = i32::from_le_bytes([disp[0], disp[1], disp[2], disp[3]]);
    Some((len, addr.wrapping_add(len as u64).wrapping_add_signed(disp.into())))
}

/// Compares the bytes at an entry with what its owner expects.
pub(crate) fn check(image: &Image, owner: Owner, layout: Layout, entry: &Entry) -> Fits {
    let bytes = image.space.from(entry.addr);
    match owner {
        Owner::Ftrace => fentry(image, bytes, entry.addr),
        Owner::StaticCall if layout == Layout::TrampolineKey => trampoline(bytes),
        Owner::StaticCall => static_call(image, bytes, entry),
        Owner::JumpLabel => jump_label(bytes, entry),
        Owner::Alternatives => whole(bytes, entry, "instructions that end where the alternative ends"),
        Owner::Paravirt => whole(bytes, entry, "a call, and instructions that end where the site ends"),
        Owner::Retpoline => to_thunk(image, bytes, entry.addr, "__x86_indirect_", "a branch to __x86_indirect_thunk_*"),
        Owner::ReturnThunk => match bytes {
            [0xc3, ..] => fits(1),
            _ => to_thunk(image, bytes, entry.addr, "__x86_return_thunk", "ret, or a jump to __x86_return_thunk"),
        },
        Owner::CallDepth if layout == Layout::Prefix => padding(image, bytes, entry.addr),
        Owner::CallDepth => match bytes {
            [0xe8, ..] if bytes.len() >= 5 => fits(5),
            _ => wants(1, "a call"),
        },
        Owner::Ibt => match bytes {
            [0xf3, 0x0f, 0x1e, 0xfa, ..] => fits(4),
            _ => wants(4, "endbr64"),
        },
        Owner::SmpLocks => match bytes {
            [0xf0 | 0x3e, ..] => fits(1),
            _ => wants(1, "a lock or ds prefix"),
        },
        Owner::Bug => match instruction(bytes) {
            Some(len) if super::table::traps(bytes) => fits(len),
            Some(len) if layout == Layout::Bug16 && entry.flags & BUGFLAG_ARGS != 0 => match warn_trap(image, entry) {
                true => fits(len),
                false => wants(len, "a call of __SCT__WARN_trap, or an instruction shortly before it"),
            },
            len => wants(len.unwrap_or(1), "ud1 or ud2"),
        },
        Owner::Exception | Owner::Cfi => {
            instruction(bytes).map_or_else(|| wants(1, "an instruction"), |len| Fits { len: len as u32, wanted: None })
        }
        Owner::RuntimeConst => {
            if bytes.len() < entry.len as usize {
                return wants(1, "a constant");
            }
            if layout == Layout::RuntimeMask && !is_and_operand(image, entry.addr) {
                return wants(4, "the constant of an and");
            }
            fits(entry.len as usize)
        }
        // The whole function is meant; its name is all that there is to compare.
        Owner::KprobeBlacklist => match image.symbols.exactly(entry.addr, &image.space.data) {
            Some(symbol) => fits(symbol.size.clamp(1, u64::from(u32::MAX)) as usize),
            None if image.symbols.len() == 0 => fits(1),
            None => wants(1, "the start of a function"),
        },
        Owner::BpfDispatcher | Owner::Kprobes => fits(entry.len.max(1) as usize),
    }
}

fn fentry(image: &Image, bytes: &[u8], addr: u64) -> Fits {
    const WANTED: &str = "a call of __fentry__ or a five-byte nop";
    if is_nop5(bytes) {
        return fits(5);
    }
    match branch(bytes, addr) {
        Some((5, target)) if bytes[0] == 0xe8 => match image.named_at(target, |n| n == b"__fentry__" || n == b"mcount")
        {
            Some(true) => fits(5),
            // Without symbols a call is all that can be seen.
            None if image.symbols.len() == 0 => fits(5),
            _ => wants(5, WANTED),
        },
        _ => wants(bytes.len().min(5), WANTED),
    }
}

/// `ds ds movb $0, (%rdi)`: a call of `queued_spin_unlock` that is not virtual, seen in v7.3.
const UNLOCK: [u8; 5] = [0x3e, 0x3e, 0xc6, 0x07, 0x00];

/// `ud1 (%edx), %rdi`: a call of `WARN_trap` in a kernel that runs, v6.19.
const WARN_INSN: [u8; 5] = [0x67, 0x48, 0x0f, 0xb9, 0x3a];

/// Whether a static call is that of `WARN_trap`, by its key, by where it leads or by what it has become.
pub(crate) fn traps_when_booted(image: &Image, record: &super::Record) -> bool {
    let bytes = image.space.from(record.addr);
    let target = branch(bytes, record.addr).map(|(_, target)| target);
    let named = |addr, name: &[u8]| image.named_at(addr, |n| n == name) == Some(true);
    record.owner == Owner::StaticCall
        && (bytes.starts_with(&WARN_INSN)
            || named(record.other, b"__SCK__WARN_trap")
            || target.is_some_and(|target| named(target, b"__SCT__WARN_trap")))
}

/// Where a static call that is not inlined leads to.
fn static_call_target(name: &[u8]) -> bool {
    name.starts_with(b"__SCT__") || name == b"__x86_return_thunk"
}

fn static_call(image: &Image, bytes: &[u8], entry: &Entry) -> Fits {
    const WANTED: &str = "a call or jump to __SCT__*, or what a static call with nothing to do has";
    if is_nop5(bytes) || bytes.starts_with(&crate::isa::RET0) {
        return fits(5);
    }
    // A site is patched to call its function itself, or to trap: `arch/x86/kernel/static_call.c: __static_call_transform()`.
    if image.kind == super::Kind::Running {
        return match branch(bytes, entry.addr) {
            Some((len @ (5 | 6), _)) => fits(len),
            _ if bytes.starts_with(&WARN_INSN) || bytes.starts_with(&UNLOCK) => fits(5),
            _ if bytes.first() == Some(&0xc3) => fits(5),
            _ => wants(bytes.len().min(5), WANTED),
        };
    }
    match branch(bytes, entry.addr) {
        // A tail call whose function is absent returns instead; it still has five bytes.
        Some((len @ (5 | 6), target)) => match image.named_at(target, static_call_target) {
            Some(true) => fits(len),
            None if image.symbols.len() == 0 => fits(len),
            _ => wants(len, WANTED),
        },
        _ if bytes.first() == Some(&0xc3) && bytes.len() >= 5 => fits(5),
        _ => wants(bytes.len().min(5), WANTED),
    }
}

/// A static call's trampoline: `jmp rel32`, or `ret` and padding; for "return 0" `xor eax, eax; ret` since v6.x.
pub(crate) fn trampoline(bytes: &[u8]) -> Fits {
    match bytes {
        // In a kernel that runs the trampoline of WARN_trap is one too.
        [0x67, 0x48, 0x0f, 0xb9, 0x3a, ..] => fits(5),
        [0xe9 | 0xc3, ..] | [0x31, 0xc0, ..] | [0x2e, 0x2e, 0x2e, 0x31, 0xc0, ..] if bytes.len() >= 5 => fits(5),
        _ => wants(bytes.len().min(5), "jmp, or ret and padding"),
    }
}

fn jump_label(bytes: &[u8], entry: &Entry) -> Fits {
    let target = |len: u64, disp: i64| entry.addr.wrapping_add(len).wrapping_add_signed(disp) == entry.other;
    match *bytes {
        [0x66, 0x90, ..] => fits(2),
        [0xeb, disp, ..] if target(2, i64::from(disp as i8)) => fits(2),
        [0xe9, a, b, c, d, ..] if target(5, i32::from_le_bytes([a, b, c, d]).into()) => fits(5),
        _ if is_nop5(bytes) => fits(5),
        _ => wants(bytes.len().min(2), "a nop, or a jump to the label's target"),
    }
}

fn whole(bytes: &[u8], entry: &Entry, wanted: &'static str) -> Fits {
    let len = entry.len as usize;
    let Some(site) = bytes.get(..len) else { return wants(bytes.len().max(1), wanted) };
    let mut decoder = Decoder::with_ip(64, site, entry.addr, DecoderOptions::NONE);
    while decoder.can_decode() {
        if decoder.decode().is_invalid() {
            return wants(len, wanted);
        }
    }
    fits(len)
}

fn to_thunk(image: &Image, bytes: &[u8], addr: u64, prefix: &str, wanted: &'static str) -> Fits {
    match branch(bytes, addr) {
        Some((len, target)) => match image.named_at(target, |name| name.starts_with(prefix.as_bytes())) {
            Some(true) => fits(len),
            None if image.symbols.len() == 0 => fits(len),
            _ => wants(len, wanted),
        },
        None => wants(bytes.len().min(5), wanted),
    }
}

/// Bytes that functions are aligned to where they have padding in front: `CONFIG_FUNCTION_ALIGNMENT_16B`.
const ALIGNED: u64 = 16;

/// Nops in front of a function, up to its entry: the function may begin with a nop that belongs to somebody else (a static
/// key, the call of ftrace).
fn padding(image: &Image, bytes: &[u8], addr: u64) -> Fits {
    let entry = match image.symbols.after(addr) {
        Some(symbol) => symbol.addr,
        None => (addr + 1).next_multiple_of(ALIGNED),
    };
    let room = usize::try_from(entry - addr).unwrap_or(usize::MAX).min(bytes.len());
    let bytes = &bytes[..room];
    let mut len = 0;
    while len < 64 {
        let rest = &bytes[len.min(bytes.len())..];
        match instruction(rest) {
            Some(1) if rest[0] == 0x90 => len += 1,
            Some(n) if n > 1 && rest.starts_with(crate::isa::nop(n)) && n <= 8 => len += n,
            _ => break,
        }
    }
    if len > 0 { fits(len) } else { wants(1, "padding in front of a function") }
}

/// Whether the code that begins here comes to a call of `WARN_trap`: what prepares its arguments stands between, and
/// jumps, where the compiler shares the call with another warning. In a running kernel the call is a `ud1`.
fn warn_trap(image: &Image, entry: &Entry) -> bool {
    let mut addr = entry.addr;
    for _ in 0..WARN_STEPS {
        let bytes = image.space.from(addr);
        let mut decoder = Decoder::with_ip(64, &bytes[..bytes.len().min(15)], addr, DecoderOptions::NONE);
        let instruction = decoder.decode();
        match instruction.mnemonic() {
            _ if instruction.is_invalid() => return super::table::traps(bytes),
            iced_x86::Mnemonic::Ud1 => return true,
            iced_x86::Mnemonic::Jmp if instruction.is_jmp_short_or_near() => addr = instruction.near_branch_target(),
            iced_x86::Mnemonic::Call if instruction.is_call_near() => {
                let target = instruction.near_branch_target();
                let named = image.named_at(target, |name| name == b"__SCT__WARN_trap" || name == b"__WARN_trap");
                return named.unwrap_or_else(|| image.symbols.len() == 0);
            }
            _ => addr = instruction.next_ip(),
        }
    }
    false
}

/// Whether a four-byte constant at an address is that of `and $imm32, %reg`.
fn is_and_operand(image: &Image, addr: u64) -> bool {
    let before = |n: u64| addr.checked_sub(n).map_or(&[][..], |from| image.space.from(from));
    matches!(before(2), [0x81, 0xe0..=0xe7, ..]) || matches!(before(1), [0x25, ..])
}

fn instruction(bytes: &[u8]) -> Option<usize> {
    let instruction = Decoder::new(64, &bytes[..bytes.len().min(15)], DecoderOptions::NONE).decode();
    (!instruction.is_invalid()).then(|| instruction.len())
}
