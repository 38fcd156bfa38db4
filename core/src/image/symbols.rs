//! Names of addresses, from `.symtab` or from kallsyms.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::file::Data;

/// A name and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Symbol {
    pub addr: u64,
    /// 0 where nobody says.
    pub size: u64,
    name: u32,
    pub function: bool,
    global: bool,
    /// Of another file: the address is a stand-in.
    pub external: bool,
}

impl Symbol {
    pub fn new(addr: u64, size: u64, name: u32, function: bool, global: bool) -> Self {
        Self { addr, size, name, function, global, external: false }
    }

    /// Where its name begins among the names.
    pub fn name_at(&self) -> usize {
        self.name as usize
    }
}

/// Where the names are: a string table in the file, or our own.
#[derive(Debug)]
pub(crate) enum Names {
    File(Range<usize>),
    Own(Vec<u8>),
}

/// Bytes by which names that are looked for are told from most others.
const BEGINNING: usize = 7;

/// All symbols by address.
#[derive(Debug)]
pub(crate) struct Symbols {
    list: Vec<Symbol>,
    names: Names,
}

impl Symbols {
    pub fn new(mut list: Vec<Symbol>, names: Names) -> Self {
        // Of several names for one address the last is preferred.
        list.sort_unstable_by_key(|s| (s.addr, s.function, s.size > 0, s.global, s.name));
        Self { list, names }
    }

    pub fn none() -> Self {
        Self::new(Vec::new(), Names::Own(Vec::new()))
    }

    pub fn len(&self) -> usize {
        self.list.iter().filter(|s| !s.external).count()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Symbol> {
        self.list.iter()
    }

    /// The names from a symbol's own on: it ends at the first zero.
    fn names_from<'a>(&'a self, symbol: &Symbol, data: &'a Data) -> &'a [u8] {
        let all = match &self.names {
            Names::File(range) => data.get(range.clone()).unwrap_or_default(),
            Names::Own(names) => names,
        };
        all.get(symbol.name as usize..).unwrap_or_default()
    }

    pub fn raw_name<'a>(&'a self, symbol: &Symbol, data: &'a Data) -> &'a [u8] {
        let from = self.names_from(symbol, data);
        &from[..memchr::memchr(0, from).unwrap_or(0)]
    }

    /// Whether a name begins so: most names are ruled out by this without a search for their end.
    pub fn begins(&self, symbol: &Symbol, data: &Data, with: &[u8]) -> bool {
        self.names_from(symbol, data).starts_with(with)
    }

    pub fn name<'a>(&'a self, symbol: &Symbol, data: &'a Data) -> Cow<'a, str> {
        String::from_utf8_lossy(self.raw_name(symbol, data))
    }

    /// The addresses of some names, in one pass.
    pub fn find<'n>(&self, names: &[&'n str], data: &Data) -> HashMap<&'n str, u64> {
        if names.is_empty() {
            return HashMap::new();
        }
        let wanted: HashMap<&[u8], &'n str> = names.iter().map(|n| (n.as_bytes(), *n)).collect();
        let mut begins: Vec<&[u8]> = names.iter().map(|n| &n.as_bytes()[..n.len().min(BEGINNING)]).collect();
        begins.sort_unstable();
        begins.dedup();
        let mut found = HashMap::new();
        for symbol in self.list.iter().filter(|s| !s.external) {
            let from = self.names_from(symbol, data);
            if !begins.iter().any(|begin| from.starts_with(begin)) {
                continue;
            }
            let name = self.raw_name(symbol, data);
            if let Some(name) = wanted.get(name) {
                found.insert(*name, symbol.addr);
            }
        }
        found
    }

    /// The symbol with exactly this name, a function before anything else.
    pub fn named(&self, name: &str, data: &Data) -> Option<&Symbol> {
        let same = |s: &&Symbol| {
            let from = self.names_from(s, data);
            from.starts_with(name.as_bytes()) && from.get(name.len()) == Some(&0)
        };
        let mut matching = self.list.iter().filter(|s| !s.external).filter(same);
        let first = matching.next()?;
        if first.function { Some(first) } else { matching.find(|s| s.function).or(Some(first)) }
    }

    /// The name that stands exactly here.
    pub fn exactly(&self, addr: u64) -> Option<&Symbol> {
        let after = self.list.partition_point(|s| s.addr <= addr);
        self.list.get(after.checked_sub(1)?).filter(|s| s.addr == addr)
    }

    /// The function (or for want of one the nearest label) around an address.
    pub fn around(&self, addr: u64) -> Option<&Symbol> {
        let after = self.list.partition_point(|s| s.addr <= addr);
        // A few labels may stand between a function's start and the address; more are not worth the search.
        let back = self.list[..after].iter().rev().take(32);
        let within = |s: &&Symbol| s.function && addr - s.addr < s.size.max(1);
        back.clone().find(within).or_else(|| back.take(1).next())
    }

    /// The first symbol behind an address.
    pub fn after(&self, addr: u64) -> Option<&Symbol> {
        self.list.get(self.list.partition_point(|s| s.addr <= addr))
    }
}
