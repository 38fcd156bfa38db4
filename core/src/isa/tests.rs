use super::*;
use iced_x86::{Code, Decoder, DecoderOptions, Encoder, Instruction};
use proptest::prelude::*;

const JCC: [Code; 16] = [
    Code::Jo_rel32_64,
    Code::Jno_rel32_64,
    Code::Jb_rel32_64,
    Code::Jae_rel32_64,
    Code::Je_rel32_64,
    Code::Jne_rel32_64,
    Code::Jbe_rel32_64,
    Code::Ja_rel32_64,
    Code::Js_rel32_64,
    Code::Jns_rel32_64,
    Code::Jp_rel32_64,
    Code::Jnp_rel32_64,
    Code::Jl_rel32_64,
    Code::Jge_rel32_64,
    Code::Jle_rel32_64,
    Code::Jg_rel32_64,
];

fn iced(code: Code, target: u64, addr: u64) -> Vec<u8> {
    let mut encoder = Encoder::new(64);
    let insn = Instruction::with_branch(code, target).expect("a branch code");
    encoder.encode(&insn, addr).expect("in range");
    encoder.take_buffer()
}

struct Words(std::collections::BTreeMap<u64, u64>);
impl Stack for Words {
    fn load(&self, at: u64) -> u64 {
        self.0.get(&at).copied().unwrap_or(0)
    }
    fn store(&mut self, at: u64, value: u64) {
        self.0.insert(at, value);
    }
}

proptest! {
    #[test]
    fn branches_encode_as_the_oracle_does(addr in 0x1_0000_0000u64..0x7000_0000_0000, disp: i32, cc in 0u8..16) {
        let target5 = (addr + 5).wrapping_add(disp as i64 as u64);
        let target6 = (addr + 6).wrapping_add(disp as i64 as u64);
        prop_assert_eq!(Insn::Jmp(target5).encode(addr).unwrap().as_slice().to_vec(), iced(Code::Jmp_rel32_64, target5, addr));
        prop_assert_eq!(Insn::Call(target5).encode(addr).unwrap().as_slice().to_vec(), iced(Code::Call_rel32_64, target5, addr));
        let jcc = Insn::Jcc(Cond::new(cc), target6);
        prop_assert_eq!(jcc.encode(addr).unwrap().as_slice().to_vec(), iced(JCC[cc as usize], target6, addr));
        for insn in [Insn::Jmp(target5), Insn::Call(target5), jcc] {
            prop_assert_eq!(Insn::decode(insn.encode(addr).unwrap().as_slice(), addr), Some(insn));
        }
        let near = (addr + 2).wrapping_add((disp as i8) as i64 as u64);
        prop_assert_eq!(Insn::Jmp8(near).encode(addr).unwrap().as_slice().to_vec(), iced(Code::Jmp_rel8_64, near, addr));
    }

    #[test]
    fn what_decodes_is_what_the_oracle_decodes(bytes in proptest::collection::vec(any::<u8>(), 0..9), op in 0usize..9) {
        let mut bytes = bytes;
        let heads: [&[u8]; 9] = [&[0xe8], &[0xe9], &[0xeb], &[0x0f, 0x84], &[0xc3], &[0xcc], &[0x0f, 0x1f, 0x44, 0, 0], &RET0, &[]];
        bytes.splice(0..0, heads[op].iter().copied());
        bytes.truncate(8);
        let addr = 0x40ef_b000;
        if let Some(insn) = Insn::decode(&bytes, addr) {
            let oracle = Decoder::with_ip(64, &bytes, addr, DecoderOptions::NONE).decode();
            prop_assert_eq!(oracle.len(), insn.size());
            match insn {
                Insn::Jmp(t) | Insn::Jmp8(t) | Insn::Call(t) | Insn::Jcc(_, t) => prop_assert_eq!(oracle.near_branch_target(), t),
                Insn::Ret => prop_assert_eq!(oracle.code(), Code::Retnq),
                Insn::Int3 => prop_assert_eq!(oracle.code(), Code::Int3),
                Insn::Nop(_) => prop_assert!(matches!(oracle.mnemonic(), iced_x86::Mnemonic::Nop)),
                Insn::Ret0 => prop_assert_eq!(oracle.mnemonic(), iced_x86::Mnemonic::Xor),
                Insn::Raw(_) => prop_assert!(false, "never decoded"),
            }
            prop_assert_eq!(insn.encode_slot(addr, bytes.len()).unwrap().as_slice().to_vec(), bytes.clone());
        }
    }

    #[test]
    fn a_call_and_a_return_are_inverse(sp in 0x1000u64..1 << 40, target: u64, ret: u64) {
        let mut stack = Words(Default::default());
        let mut frame = Frame { ip: 1, sp, ax: 7, flags: 0 };
        Emulation::Call { target, ret }.run(&mut frame, &mut stack);
        prop_assert_eq!((frame.ip, frame.sp), (target, sp - 8));
        Emulation::Ret.run(&mut frame, &mut stack);
        prop_assert_eq!((frame.ip, frame.sp, frame.ax), (ret, sp, 7));
    }
}

#[test]
fn nops_are_one_instruction_each() {
    for len in 1..=8 {
        let insn = Decoder::with_ip(64, nop(len), 0, DecoderOptions::NONE).decode();
        assert_eq!((insn.len(), insn.mnemonic()), (len, iced_x86::Mnemonic::Nop));
    }
}

/// The conditions against the processor itself: SETcc after POPFQ, over every mix of the five flags.
#[test]
fn conditions_agree_with_the_processor() {
    use std::arch::asm;
    macro_rules! cpu {
        ($flags:expr, $set:literal) => {{
            let out: u8;
            // SAFETY: loads the arithmetic flags alone and reads them back; the asm block is declared to clobber flags
            // and to use the stack.
            unsafe { asm!("push {f}", "popfq", concat!("set", $set, " {o}"), f = in(reg) $flags, o = out(reg_byte) out) };
            out == 1
        }};
    }
    for mix in 0u64..32 {
        let flags =
            0x202 | (mix & 1) | (mix >> 1 & 1) << 2 | (mix >> 2 & 1) << 6 | (mix >> 3 & 1) << 7 | (mix >> 4 & 1) << 11;
        let cpu = [
            cpu!(flags, "o"),
            cpu!(flags, "no"),
            cpu!(flags, "b"),
            cpu!(flags, "ae"),
            cpu!(flags, "e"),
            cpu!(flags, "ne"),
            cpu!(flags, "be"),
            cpu!(flags, "a"),
            cpu!(flags, "s"),
            cpu!(flags, "ns"),
            cpu!(flags, "p"),
            cpu!(flags, "np"),
            cpu!(flags, "l"),
            cpu!(flags, "ge"),
            cpu!(flags, "le"),
            cpu!(flags, "g"),
        ];
        for (code, &expected) in cpu.iter().enumerate() {
            assert_eq!(Cond::new(code as u8).holds(flags), expected, "cc {code} flags {flags:#x}");
        }
    }
}

#[test]
fn out_of_reach_is_named() {
    let err = Insn::Call(0x7fff_0000_0000).encode(0x40ef_b000).unwrap_err();
    assert_eq!(
        err.to_string(),
        "0x7fff00000000 is out of reach of a 32-bit displacement at 0x40efb000; place both in one 2 GiB window"
    );
    assert!(Insn::Call(0).encode_slot(0, 6).is_err());
    assert_eq!(Insn::Ret.encode_slot(0, 5).unwrap().as_slice(), &[0xc3, 0xcc, 0xcc, 0xcc, 0xcc]);
}
