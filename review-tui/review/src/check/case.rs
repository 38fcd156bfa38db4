//! A patch under check, with what several rules ask of it. Each answer is computed once, when the first rule wants it.

use std::cell::{OnceCell, RefCell};

use provenance_corpus::message::Message;
use provenance_index::raw::Raw;
use provenance_index::reader::Copy;

use super::code::{self, Code};
use super::deeds::{self, Deeds};
use super::earlier::Earlier;
use super::history_of::{self, Kin};
use super::outcome::{Broken, Look};
use super::{Target, World};

/// A patch and the world that it is checked against.
pub struct Case<'a> {
    /// The patch.
    pub target: &'a Target<'a>,
    /// What is known and attached.
    pub world: &'a World<'a>,
    code: OnceCell<Code>,
    kin: OnceCell<Kin<'a>>,
    deeds: OnceCell<Deeds>,
    earlier: OnceCell<Look<Option<Earlier>>>,
    raw: RefCell<Option<Raw>>,
}

impl<'a> Case<'a> {
    /// A case of which nothing was asked yet.
    pub fn new(target: &'a Target<'a>, world: &'a World<'a>) -> Case<'a> {
        Case {
            target,
            world,
            code: OnceCell::new(),
            kin: OnceCell::new(),
            deeds: OnceCell::new(),
            earlier: OnceCell::new(),
            raw: RefCell::new(None),
        }
    }

    /// The code that the patch leaves behind.
    pub fn code(&self) -> &Code {
        self.code.get_or_init(|| code::read(&self.target.patch))
    }

    /// The mechanisms that it names, and earlier events of others.
    pub fn kin(&self) -> &Kin<'a> {
        self.kin.get_or_init(|| history_of::kin(self.target, self.world, self.code()))
    }

    /// What it does to kernel text.
    pub fn deeds(&self) -> &Deeds {
        self.deeds.get_or_init(|| deeds::read(self.target, self.world.catalogue, self.code()))
    }

    /// The revision before, where it is indexed.
    ///
    /// # Errors
    /// The index or the mail cannot be read.
    pub fn earlier(&self) -> Look<Option<&Earlier>> {
        self.earlier.get_or_init(|| Earlier::of(self)).as_ref().map(Option::as_ref).map_err(Broken::clone)
    }

    /// Asks the repositories that hold the mails; each is opened once.
    ///
    /// # Errors
    /// The list of repositories cannot be read, and what the question says.
    pub fn ask_raw<T>(&self, question: impl FnOnce(&mut Raw) -> Look<T>) -> Look<T> {
        let mut raw = self.raw.borrow_mut();
        if raw.is_none() {
            *raw = Some(Raw::open(self.world.data)?);
        }
        raw.as_mut().map_or_else(|| Err(Broken("there are no repositories".to_owned())), question)
    }

    /// The raw bytes of a mail.
    ///
    /// # Errors
    /// Its repository cannot be read.
    pub fn bytes(&self, copy: &Copy) -> Look<Vec<u8>> {
        self.ask_raw(|raw| Ok(raw.read(copy)?))
    }

    /// The decoded text of a mail.
    ///
    /// # Errors
    /// Its repository cannot be read.
    pub fn text(&self, copy: &Copy) -> Look<String> {
        Ok(Message::parse(&self.bytes(copy)?).text().into_owned())
    }
}
