//! Claims that were there before anything ran: those of a kernel image.

use super::{Claim, Kind, Ledger, SITE_MAX, Sharing, State};
use crate::holder::HolderId;
use crate::isa::Bytes;

impl Ledger {
    /// Takes claims (address, length, holder, bytes found) without asking anybody and without an entry in the journal: they
    /// date from step 0. A claim that is there already, at the same address and of the same holder, is replaced.
    pub fn observe(&mut self, held: impl IntoIterator<Item = (u64, usize, HolderId, Bytes)>) {
        let (known, own) = (self.holders.len() as u32, self.id);
        let mut sites = Vec::new();
        for (addr, len, holder, expected) in held.into_iter().filter(|h| h.2.index < known && h.2.ledger == own) {
            let (sharing, kind, state) = (Sharing::Exclusive, Kind::Site, State::Held);
            let claim = Claim { addr, len, holder, sharing, kind, state, expected, since: 0 };
            if len as u64 > SITE_MAX {
                self.longest_image = self.longest_image.max(len as u64);
                self.images.insert((addr, holder), claim);
            } else {
                sites.push(((addr, holder), claim));
            }
        }
        // A map is built at once from what is sorted; inserting a quarter of a million one by one takes ten times as long.
        sites.sort_by_key(|(key, _)| *key);
        self.sites.append(&mut sites.into_iter().collect());
    }
}
