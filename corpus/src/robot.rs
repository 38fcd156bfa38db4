//! Who is no person: the senders that test, gather and announce by themselves, by the addresses and names under which they
//! write to kernel lists.

/// Words that stand whole in the address or name of a robot.
const WORDS: [&str; 12] = [
    "bot",
    "robot",
    "syzbot",
    "tipbot",
    "tip-bot",
    "tip-bot2",
    "buildbot",
    "patchbot",
    "noreply",
    "no-reply",
    "mailer-daemon",
    "kernelci",
];

/// Addresses of robots that are not named as such.
const ADDRESSES: [&str; 3] = ["lkp@intel.com", "patchwork@emeril.freedesktop.org", "pr-tracker-bot@kernel.org"];

/// Whether no person writes under this name or address.
pub fn is(name: &str, address: &str) -> bool {
    let address = address.to_lowercase();
    let local = address.split('@').next().unwrap_or_default();
    let words = |text: &str| {
        let lower = text.to_lowercase();
        lower
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .any(|word| WORDS.contains(&word) || word.ends_with("-bot") || word.starts_with("bot-"))
    };
    ADDRESSES.contains(&address.as_str())
        || words(local)
        || words(name)
        || address.ends_with("syzkaller.appspotmail.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robots_are_told_from_people() {
        for (name, address) in [
            ("kernel test robot", "lkp@intel.com"),
            ("tip-bot2 for Ada Example", "tip-bot2@linutronix.de"),
            ("tip-bot for Ada Example", "tipbot@zytor.com"),
            ("syzbot", "syzbot+0123@syzkaller.appspotmail.com"),
            ("", "patchwork-bot+netdevbpf@kernel.org"),
            ("kernelci.org bot", "bot@kernelci.org"),
        ] {
            assert!(is(name, address), "{name} {address}");
        }
        for (name, address) in [("Abbot Example", "abbott@example.org"), ("Ada", "ada@robotics.example"), ("", "")] {
            assert!(!is(name, address), "{name} {address}");
        }
    }
}
