//! Names of addresses, from `.symtab` or from kallsyms.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

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

/// The first eight bytes of a name as a number; of a shorter one nothing behind its zero counts.
fn beginning(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    match name.get(..8) {
        Some(first) => bytes.copy_from_slice(first),
        None => bytes[..name.len()].copy_from_slice(name),
    }
    let word = u64::from_le_bytes(bytes);
    // The bytes in front of the first zero.
    let zeros = word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080;
    if zeros == 0 { word } else { word & (1_u64 << (zeros.trailing_zeros() & !7)).wrapping_sub(1) }
}

/// All symbols by address.
#[derive(Debug)]
pub(crate) struct Symbols {
    list: Vec<Symbol>,
    names: Names,
    /// Symbols of this file.
    own: usize,
}

impl Symbols {
    pub fn new(mut list: Vec<Symbol>, names: Names) -> Self {
        // Of several names for one address the last is preferred.
        list.sort_unstable_by_key(|s| (s.addr, s.function, s.size > 0, s.global, s.name));
        let own = list.iter().filter(|s| !s.external).count();
        Self { list, names, own }
    }

    pub fn len(&self) -> usize {
        self.own
    }

    pub fn iter(&self) -> impl Iterator<Item = &Symbol> {
        self.list.iter()
    }

    /// The names from a symbol's own on: it ends at the first zero.
    fn names_from<'a>(&'a self, symbol: &Symbol, data: &'a [u8]) -> &'a [u8] {
        let all = match &self.names {
            Names::File(range) => data.get(range.clone()).unwrap_or_default(),
            Names::Own(names) => names,
        };
        all.get(symbol.name as usize..).unwrap_or_default()
    }

    pub fn raw_name<'a>(&'a self, symbol: &Symbol, data: &'a [u8]) -> &'a [u8] {
        let from = self.names_from(symbol, data);
        &from[..memchr::memchr(0, from).unwrap_or(0)]
    }

    /// Whether a name begins so: most names are ruled out by this without a search for their end.
    pub fn begins(&self, symbol: &Symbol, data: &[u8], with: &[u8]) -> bool {
        self.names_from(symbol, data).starts_with(with)
    }

    pub fn name<'a>(&'a self, symbol: &Symbol, data: &'a [u8]) -> Cow<'a, str> {
        String::from_utf8_lossy(self.raw_name(symbol, data))
    }

    /// The addresses of some names, in one pass.
    pub fn find<'n>(&self, names: &[&'n str], data: &[u8]) -> HashMap<&'n str, u64> {
        if names.is_empty() {
            return HashMap::new();
        }
        let wanted: HashMap<&[u8], &'n str> = names.iter().map(|n| (n.as_bytes(), *n)).collect();
        // Most names are ruled out by their first bytes, compared as one number.
        let mut begins: Vec<u64> = names.iter().map(|n| beginning(n.as_bytes())).collect();
        begins.sort_unstable();
        begins.dedup();
        let mut found = HashMap::new();
        for symbol in self.list.iter().filter(|s| !s.external) {
            if begins.binary_search(&beginning(self.names_from(symbol, data))).is_err() {
                continue;
            }
            if let Some(name) = wanted.get(self.raw_name(symbol, data)) {
                found.insert(*name, symbol.addr);
            }
        }
        found
    }

    /// The symbol with exactly this name, a function before anything else.
    pub fn named(&self, name: &str, data: &[u8]) -> Option<&Symbol> {
        let same = |s: &&Symbol| {
            let from = self.names_from(s, data);
            from.starts_with(name.as_bytes()) && from.get(name.len()) == Some(&0)
        };
        let mut matching = self.list.iter().filter(|s| !s.external).filter(same);
        let first = matching.next()?;
        if first.function { Some(first) } else { matching.find(|s| s.function).or(Some(first)) }
    }

    /// All names that stand exactly here, the preferred one first. One address may have several: `__x86_return_thunk` and
    /// `__pi___x86_return_thunk` from 7.2 on, `__static_call_text_start` and the first trampoline.
    pub fn all(&self, addr: u64) -> impl Iterator<Item = &Symbol> {
        let after = self.list.partition_point(|s| s.addr <= addr);
        self.list[..after].iter().rev().take_while(move |s| s.addr == addr)
    }

    /// The name that stands exactly here.
    pub fn exactly(&self, addr: u64, data: &[u8]) -> Option<&Symbol> {
        self.plainest(self.all(addr).next()?, data)
    }

    /// The function (or for want of one the nearest label) around an address.
    pub fn around(&self, addr: u64, data: &[u8]) -> Option<&Symbol> {
        let after = self.list.partition_point(|s| s.addr <= addr);
        // A few labels may stand between a function's start and the address; more are not worth the search.
        let back = self.list[..after].iter().rev().take(32);
        let within = |s: &&Symbol| s.function && addr - s.addr < s.size.max(1);
        let found = back.clone().find(within).or_else(|| back.take(1).next())?;
        self.plainest(found, data)
    }

    /// Of a name that is made from another one (`__pi_`: position independent) the other, where it stands at the same place.
    fn plainest<'a>(&'a self, symbol: &'a Symbol, data: &[u8]) -> Option<&'a Symbol> {
        let made = |s: &Symbol| self.begins(s, data, b"__pi_");
        if !made(symbol) {
            return Some(symbol);
        }
        Some(self.all(symbol.addr).take(8).find(|s| s.function == symbol.function && !made(s)).unwrap_or(symbol))
    }

    /// The first symbol behind an address.
    pub fn after(&self, addr: u64) -> Option<&Symbol> {
        self.list.get(self.list.partition_point(|s| s.addr <= addr))
    }
}
