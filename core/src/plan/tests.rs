use super::*;
use proptest::prelude::*;

fn change(addr: u64, len: u8, insn: Insn) -> Change {
    Change::new(Site::new(addr, len, 1, true), Bytes::new(&[0x90; 8][..len as usize]), insn)
}

const ME: HolderId = HolderId::FIRST;

/// A simple model of the plan's rules: no byte belongs to two changes.
fn model(sites: &[(u64, u8)]) -> bool {
    let mut bytes = std::collections::HashSet::new();
    sites.iter().all(|&(addr, len)| (addr..addr + u64::from(len)).all(|b| bytes.insert(b)))
}

proptest! {
    #[test]
    fn accepts_what_the_model_accepts_and_sorts_it(sites in proptest::collection::vec((0x1000u64..0x1080, prop_oneof![Just(2u8), Just(5)]), 1..12)) {
        let plan = Plan::new(ME, sites.iter().map(|&(a, l)| change(a, l, Insn::Nop(l))));
        prop_assert_eq!(plan.is_ok(), model(&sites));
        if let Ok(plan) = plan {
            prop_assert!(plan.patches().is_sorted_by_key(Patch::addr));
            prop_assert_eq!(plan.patches().len(), sites.len());
            for (addr, _) in sites {
                prop_assert!(plan.emulation(addr).is_some());
                prop_assert!(plan.emulation(addr + 1).is_none());
            }
        }
    }
}

#[test]
fn each_fault_has_its_name() {
    let nop = |addr| change(addr, 5, Insn::Nop(5));
    let fault = |changes: Vec<Change>| Plan::new(ME, changes).unwrap_err();
    assert_eq!(fault(vec![]), PlanError::Empty);
    assert_eq!(fault(vec![nop(16), nop(32), nop(16)]), PlanError::Duplicate { addr: 16 });
    assert_eq!(fault(vec![nop(20), nop(16)]), PlanError::Overlap { first: 16, len: 5, second: 20 });
    assert!(matches!(fault(vec![change(16, 5, Insn::Jmp(1 << 40))]), PlanError::Isa(IsaError::Range { .. })));
    assert!(matches!(fault(vec![change(16, 2, Insn::Call(64))]), PlanError::Isa(IsaError::Slot { .. })));
    let leaf = Site::new(16, 5, 1, false);
    assert_eq!(fault(vec![Change::new(leaf, Bytes::nop5(), Insn::Call(64))]), PlanError::RedZone { addr: 16 });
    let emulated = Change { emulate: Some(Insn::Call(64)), ..Change::new(leaf, Bytes::nop5(), Insn::Ret0) };
    assert_eq!(fault(vec![emulated]), PlanError::RedZone { addr: 16 });
    let short = Change::new(leaf, Bytes::new(&[0x90]), Insn::Nop(5));
    assert!(matches!(fault(vec![short]), PlanError::Expect { .. }));
}

#[test]
fn the_kernels_vector_would_need_more_syncs() {
    let plan = |n: u64| Plan::new(ME, (0..n).map(|i| change(4096 + 8 * i, 5, Insn::Nop(5)))).unwrap();
    assert_eq!([1, 256, 257, 10_000].map(|n| plan(n).kernel_syncs()), [3, 3, 6, 120]);
}
