//! How many sites each owner has, and how much of the text that is.

use super::Image;
use super::overlap::Rank;
use super::owner::Owner;

/// Bytes of a cache line.
const LINE: u64 = 64;

/// What one owner has.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Share {
    /// Records in its tables.
    pub records: usize,
    /// Places that the records name: those that overlap count once.
    pub sites: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// Of the text, 0 to 1.
    pub share: f64,
    /// Sites that cross a cache line; no finding, but what a poke of them costs.
    pub crossing: usize,
    /// Records whose bytes are not what the owner expects.
    pub unexpected: usize,
    /// The tables and rules.
    pub tables: Vec<String>,
}

/// An image in figures.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Census {
    /// Images counted together.
    pub images: usize,
    /// Bytes of text.
    pub text: u64,
    /// Sections of text.
    pub sections: usize,
    /// By owner, those without any left out.
    pub owners: Vec<(Owner, Share)>,
    /// Tables that ought to be there and were not read: whose, which, why, and in how many images.
    pub not_read: Vec<(Owner, String, String, usize)>,
    /// Pairs of owners that meet by design: how often, and why.
    pub by_design: Vec<(Owner, Owner, usize, &'static str)>,
}

impl Image {
    /// Counts.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut shares = vec![Share::default(); Owner::ALL.len()];
        for table in &self.tables {
            let share = &mut shares[table.owner as usize];
            share.records += table.records;
            if table.records > 0 {
                share.tables.push(table.name.clone());
            }
        }
        for record in self.records.iter().filter(|r| !r.fits) {
            shares[record.owner as usize].unexpected += 1;
        }
        for span in &self.spans {
            let share = &mut shares[span.owner as usize];
            share.sites += 1;
            share.bytes += u64::from(span.len);
            let last = span.end().saturating_sub(1);
            share.crossing += usize::from(span.len > 0 && span.addr / LINE != last / LINE);
        }
        let mut census = Census { images: 1, ..Census::default() };
        for section in self.text() {
            census.text += section.size;
            census.sections += 1;
        }
        for owner in Owner::ALL {
            let mut share = std::mem::take(&mut shares[owner as usize]);
            if share.records > 0 || !share.tables.is_empty() {
                share.share = share.bytes as f64 / census.text.max(1) as f64;
                census.owners.push((owner, share));
            }
        }
        for table in &self.tables {
            if let Some(why) = &table.not_read {
                census.miss((table.owner, table.name.clone(), why.clone(), 1));
            }
        }
        for meeting in self.meetings().iter().filter(|m| m.rank == Rank::ByDesign) {
            let (a, b) = (meeting.first.owner, meeting.second.owner);
            let (a, b) = if a <= b { (a, b) } else { (b, a) };
            census.meet(a, b, 1, meeting.why);
        }
        census
    }
}

impl Census {
    fn meet(&mut self, a: Owner, b: Owner, count: usize, why: &'static str) {
        match self.by_design.iter_mut().find(|m| (m.0, m.1) == (a, b)) {
            Some(known) => known.2 += count,
            None => self.by_design.push((a, b, count, why)),
        }
    }

    fn miss(&mut self, table: (Owner, String, String, usize)) {
        // Each image may have another reason; more than so many are not worth telling apart.
        const MOST: usize = 256;
        let same = |t: &&mut (Owner, String, String, usize)| (t.0, &t.1, &t.2) == (table.0, &table.1, &table.2);
        let full = self.not_read.len() == MOST;
        match self.not_read.iter_mut().find(same) {
            Some(known) => known.3 += table.3,
            None if !full => self.not_read.push(table),
            None => {
                if let Some(last) = self.not_read.last_mut() {
                    *last =
                        (last.0, "further tables".into(), "for reasons that each image tells".into(), last.3 + table.3);
                }
            }
        }
    }

    /// Adds another image's figures.
    pub fn add(&mut self, other: &Census) {
        self.images += other.images;
        self.text += other.text;
        self.sections += other.sections;
        for (owner, more) in &other.owners {
            let at = match self.owners.iter().position(|(o, _)| o == owner) {
                Some(at) => at,
                None => {
                    self.owners.push((*owner, Share::default()));
                    self.owners.len() - 1
                }
            };
            let share = &mut self.owners[at].1;
            share.records += more.records;
            share.sites += more.sites;
            share.bytes += more.bytes;
            share.crossing += more.crossing;
            share.unexpected += more.unexpected;
            for table in &more.tables {
                // Tables of many modules have few names; one that is split by section has one for each.
                if !share.tables.contains(table) && share.tables.len() < 64 {
                    share.tables.push(table.clone());
                }
            }
        }
        other.not_read.iter().for_each(|table| self.miss(table.clone()));
        for &(a, b, count, why) in &other.by_design {
            self.meet(a, b, count, why);
        }
        let order = |owner: &Owner| Owner::ALL.iter().position(|o| o == owner);
        self.owners.sort_by_key(|(owner, _)| order(owner));
        for (_, share) in &mut self.owners {
            share.share = share.bytes as f64 / self.text.max(1) as f64;
        }
    }
}
