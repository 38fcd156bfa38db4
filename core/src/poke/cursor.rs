//! The chunk of each site of a plan, in order.

use std::sync::Arc;

use crate::isa::Bytes;
use crate::plan::{Patch, Plan, Span};
use crate::text::arena::Chunk;
use crate::text::{Text, TextError};

/// Finds the chunk of each site of a sorted plan, remembering the last.
pub(crate) struct Cursor<'a> {
    text: &'a Text,
    chunk: Option<Arc<Chunk>>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a Text) -> Self {
        Self { text, chunk: None }
    }

    /// Up to eight bytes.
    pub(crate) fn bytes(&mut self, addr: u64, len: usize) -> Result<Bytes, TextError> {
        let mut out = [0; 8];
        let out = &mut out[..len.min(8)];
        self.at(addr, len)?.read(addr, out);
        Ok(Bytes::new(out))
    }

    /// The chunk of the first site, and how many sites of the sorted slice are in it.
    pub(crate) fn run(&mut self, patches: &[Patch]) -> Result<(&Chunk, usize), TextError> {
        let Some(first) = patches.first() else { return Err(TextError::Foreign { addr: 0, len: 0 }) };
        let chunk = self.at(first.addr(), first.len())?;
        let count = patches.partition_point(|p| chunk.contains(p.addr(), p.len()));
        Ok((chunk, count))
    }

    /// Calls `f` for each site with its chunk.
    pub(crate) fn each<'p>(
        &mut self,
        mut patches: &'p [Patch],
        mut f: impl FnMut(&Chunk, &'p Patch),
    ) -> Result<(), TextError> {
        while !patches.is_empty() {
            let (chunk, count) = self.run(patches)?;
            let (run, rest) = patches.split_at(count);
            run.iter().for_each(|patch| f(chunk, patch));
            patches = rest;
        }
        Ok(())
    }

    /// Calls `f` for the stores of each chunk.
    pub(crate) fn spans(&mut self, plan: &Plan, mut f: impl FnMut(&Chunk, Span<'_>)) -> Result<(), TextError> {
        let mut done = 0;
        while done < plan.patches().len() {
            let (chunk, count) = self.run(&plan.patches()[done..])?;
            f(chunk, plan.span(done..done + count));
            done += count;
        }
        Ok(())
    }

    pub(crate) fn at(&mut self, addr: u64, len: usize) -> Result<&Chunk, TextError> {
        if !self.chunk.as_ref().is_some_and(|c| c.contains(addr, len)) {
            self.chunk = self.text.chunk(addr, len);
        }
        self.chunk.as_deref().ok_or(TextError::Foreign { addr, len })
    }
}
