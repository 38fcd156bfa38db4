use super::*;

#[test]
fn every_key_of_the_table_is_a_key_and_stands_once_on_its_screen() {
    for preset in [Preset::Vi, Preset::Mutt] {
        let mut seen = FxHashMap::default();
        for (scope, binding) in tables().flat_map(|(scope, table)| table.iter().map(move |one| (scope, one))) {
            let keys = if preset == Preset::Mutt && !binding.mutt.is_empty() { binding.mutt } else { binding.vi };
            for key in keys.split_whitespace() {
                let press = Press::parse(key).expect("a key");
                assert_eq!(press.to_string(), key);
                let before = seen.insert((scope, press), binding.action);
                assert!(before.is_none_or(|a| a == binding.action), "{key} of {preset:?}: {before:?}, {binding:?}");
            }
        }
    }
}

#[test]
fn nothing_on_a_single_key_sends() {
    for binding in tables().flat_map(|(_, table)| table).filter(|b| b.action == Action::Confirm) {
        assert!(binding.vi.starts_with("ctrl-"), "{binding:?}");
    }
}

#[test]
fn actions_have_names() {
    assert_eq!(name(Action::HalfDown), "half-down");
    assert_eq!(name(Action::Quit), "quit");
}
