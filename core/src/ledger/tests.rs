use super::*;
use crate::isa::Insn;
use crate::plan::Change;
use crate::site::Site;
use proptest::prelude::*;

fn ask(addr: u64, len: usize, holder: HolderId, sharing: Sharing) -> Ask {
    Ask {
        addr,
        len,
        expect: Bytes::nop5(),
        holder,
        sharing,
        kind: Kind::Site,
        accepts: "a call to an ops trampoline, or the direct API",
    }
}

fn two() -> (Ledger, HolderId, HolderId) {
    let mut ledger = Ledger::new(Policy::Enforce);
    let (a, b) = (ledger.holder(MechanismId::FTRACE, ""), ledger.holder(MechanismId::BPF_DISPATCHER, ""));
    (ledger, a, b)
}

#[test]
fn a_refusal_reads_without_the_tool() {
    let (mut ledger, a, b) = two();
    ledger.claim(ask(0x40ef_a000, 5, a, Sharing::Exclusive), Bytes::nop5(), "x").unwrap();
    ledger.release(0x40ef_a000, 5, a).unwrap();
    ledger.claim(ask(0x40ef_b000, 5, a, Sharing::Shared("ftrace")), Bytes::nop5(), "x").unwrap();
    let found = Bytes::new(&[0xe9, 0x2b, 0x3e, 0, 0]);
    let refused =
        ledger.claim(ask(0x40ef_b000, 5, b, Sharing::Exclusive), found, "bpf_dispatcher_xdp_func").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "0x40efb000+5 bpf_dispatcher_xdp_func: wanted 0f 1f 44 00 00, found e9 2b 3e 00 00; \
         held by ftrace since step 3; ftrace would accept: a call to an ops trampoline, or the direct API"
    );
    assert_eq!(ledger.owners(0x40ef_b004).map(|(_, h)| h.mechanism).collect::<Vec<_>>(), [MechanismId::FTRACE]);
    assert_eq!(ledger.owners(0x40ef_b005).count(), 0);
}

#[test]
fn sharing_needs_the_same_group_and_range() {
    let (mut ledger, a, b) = two();
    let group = Sharing::Shared("ftrace");
    ledger.claim(ask(64, 5, a, group), Bytes::nop5(), "").unwrap();
    assert!(ledger.claim(ask(65, 5, b, group), Bytes::nop5(), "").is_err());
    assert!(ledger.claim(ask(64, 5, b, Sharing::Shared("other")), Bytes::nop5(), "").is_err());
    ledger.claim(ask(64, 5, b, group), Bytes::new(&[0xe8, 1, 2, 3, 4]), "").unwrap();
    assert_eq!(ledger.owners(64).count(), 2);
    assert!(matches!(ledger.claim(ask(64, 5, b, group), Bytes::nop5(), ""), Err(LedgerError::AlreadyHeld { .. })));
}

#[test]
fn transfer_needs_consent_and_survives_a_panic() {
    let (mut ledger, a, b) = two();
    ledger.claim(ask(64, 5, a, Sharing::Exclusive), Bytes::nop5(), "").unwrap();
    let no = ledger.transfer((64, 5), a, b, &mut |_, _| false);
    assert!(matches!(no, Err(LedgerError::NoConsent { .. })));
    let panicked = ledger.transfer((64, 5), a, b, &mut |_, _| panic!("in a callback"));
    assert!(matches!(panicked, Err(LedgerError::ConsentPanicked { .. })));
    assert_eq!(ledger.held_by(a).count(), 1);
    ledger
        .transfer((64, 5), a, b, &mut |claim, to| claim.addr == 64 && to.mechanism == MechanismId::BPF_DISPATCHER)
        .unwrap();
    assert_eq!((ledger.held_by(a).count(), ledger.held_by(b).count()), (0, 1));
    assert!(matches!(ledger.transfer((64, 5), a, b, &mut |_, _| true), Err(LedgerError::NotHeld { .. })));
}

#[test]
fn observing_refuses_nothing_and_writes_everything_down() {
    let mut ledger = Ledger::new(Policy::Observe);
    let (a, b) = (ledger.holder(MechanismId::FTRACE, ""), ledger.holder(MechanismId::BPF_DISPATCHER, ""));
    ledger.claim(ask(64, 5, a, Sharing::Exclusive), Bytes::nop5(), "").unwrap();
    ledger.claim(ask(64, 5, b, Sharing::Exclusive), Bytes::new(&[0xcc; 5]), "").unwrap();
    assert_eq!(ledger.owners(66).count(), 2);
    assert_eq!(ledger.journal().steps(), 2);
}

#[test]
fn a_long_image_is_found_from_any_byte_of_it() {
    let (mut ledger, a, b) = two();
    ledger.claim(ask(4096, 4096, a, Sharing::Exclusive), Bytes::nop5(), "").unwrap();
    ledger.claim(ask(9000, 5, b, Sharing::Exclusive), Bytes::nop5(), "").unwrap();
    assert_eq!(ledger.owners(8191).count(), 1);
    assert!(ledger.claim(ask(8000, 5, b, Sharing::Exclusive), Bytes::nop5(), "").is_err());
}

#[test]
fn the_journal_replays_and_notices_what_it_does_not_know() {
    let (mut ledger, a, _) = two();
    let mut text: BTreeMap<u64, u8> = (64..80).zip([0x0f, 0x1f, 0x44, 0, 0].into_iter().chain([0x90; 11])).collect();
    let before = text.clone();
    ledger.claim(ask(64, 5, a, Sharing::Exclusive), Bytes::nop5(), "").unwrap();
    let site = Site::new(64, 5, 1, true);
    let there = Plan::new(a, [Change::new(site, Bytes::nop5(), Insn::Call(4096))]).unwrap();
    let jmp = Bytes::new(there.patches()[0].after());
    let back = Plan::new(a, [Change::new(site, jmp, Insn::Nop(5))]).unwrap();
    ledger.wrote(&there, 1);
    ledger.wrote(&back, 2);
    ledger.journal().replay(0, &mut text).unwrap();
    assert_eq!(text, before);
    ledger.wrote(&there, 3);
    text.insert(66, 0xff);
    assert!(matches!(
        ledger.journal().replay(3, &mut text),
        Err(journal::ReplayError::Mismatch { step: 4, addr: 66, .. })
    ));
    ledger.journal_mut().set_limit(1);
    assert_eq!(ledger.journal().dropped(), 3);
    assert!(matches!(ledger.journal().replay(0, &mut text), Err(journal::ReplayError::Truncated(3))));
}

#[derive(Debug, Clone)]
enum Op {
    Claim(u64, usize, u32, bool),
    Release(u64, usize, u32),
    Transfer(u64, usize, u32, u32),
}

fn op() -> impl Strategy<Value = Op> {
    let len = prop_oneof![Just(2usize), Just(5), Just(40)];
    prop_oneof![
        (0u64..60, len.clone(), 0u32..3, any::<bool>()).prop_map(|(a, l, h, s)| Op::Claim(a, l, h, s)),
        (0u64..60, len.clone(), 0u32..3).prop_map(|(a, l, h)| Op::Release(a, l, h)),
        (0u64..60, len, 0u32..3, 0u32..3).prop_map(|(a, l, f, t)| Op::Transfer(a, l, f, t)),
    ]
}

proptest! {
    /// The model: a flat list of (addr, len, holder, shared).
    #[test]
    fn agrees_with_a_flat_list(ops in proptest::collection::vec(op(), 0..60)) {
        let mut ledger = Ledger::new(Policy::Enforce);
        let ids: Vec<HolderId> = (0..3).map(|i| ledger.holder(MechanismId::FTRACE, &i.to_string())).collect();
        let mut model: Vec<(u64, usize, u32, bool)> = Vec::new();
        for op in ops {
            match op {
                Op::Claim(addr, len, holder, shared) => {
                    let sharing = if shared { Sharing::Shared("g") } else { Sharing::Exclusive };
                    let touching: Vec<_> = model.iter().filter(|c| c.0 < addr + len as u64 && addr < c.0 + c.1 as u64).collect();
                    let ok = touching.iter().all(|c| c.2 != holder && c.3 && shared && c.0 == addr && c.1 == len);
                    let got = ledger.claim(ask(addr, len, ids[holder as usize], sharing), Bytes::nop5(), "f");
                    prop_assert_eq!(got.is_ok(), ok);
                    if ok { model.push((addr, len, holder, shared)); }
                }
                Op::Release(addr, len, holder) => {
                    let at = model.iter().position(|c| (c.0, c.1, c.2) == (addr, len, holder));
                    prop_assert_eq!(ledger.release(addr, len, ids[holder as usize]).is_ok(), at.is_some());
                    if let Some(at) = at { model.remove(at); }
                }
                Op::Transfer(addr, len, from, to) => {
                    let at = model.iter().position(|c| (c.0, c.1, c.2) == (addr, len, from));
                    let has = model.iter().any(|c| c.2 == to && c.0 < addr + len as u64 && addr < c.0 + c.1 as u64);
                    let got = ledger.transfer((addr, len), ids[from as usize], ids[to as usize], &mut |_, _| true);
                    prop_assert_eq!(got.is_ok(), at.is_some() && !has);
                    if let (Some(at), true) = (at, !has) { model[at].2 = to; }
                }
            }
            for byte in 0..110 {
                let mut want: Vec<u32> = model.iter().filter(|c| c.0 <= byte && byte < c.0 + c.1 as u64).map(|c| c.2).collect();
                let mut got: Vec<u32> = ledger.overlapping(byte, 1).map(|c| c.holder.index).collect();
                want.sort_unstable();
                got.sort_unstable();
                prop_assert_eq!(got, want);
            }
        }
    }
}
