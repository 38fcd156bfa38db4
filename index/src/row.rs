//! A document in the form that tantivy walks over. One text feeds several fields (exact words, stems,
//! parts of identifiers), so the text is held once and each field points at it: documents wait in
//! tantivy's queue by the thousand, and three copies of each body would be most of the memory. All texts of a document
//! lie in one buffer: a document is freed by another thread than the one that made it, and a string for each
//! reference and trailer would have the two wait for each other in the allocator.

use std::iter::Empty;

use tantivy::schema::Field;
use tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf, Value};

use crate::schema::Text;

/// Values by field, texts shared.
#[derive(Debug, Default)]
pub struct Row {
    text: String,
    values: Vec<(Field, Slot)>,
}

#[derive(Debug)]
enum Slot {
    /// Start and end in the buffer.
    Text(usize, usize),
    U64(u64),
    I64(i64),
    Bytes(Vec<u8>),
}

impl Row {
    /// An empty row with room for so many bytes of text.
    pub fn with_capacity(bytes: usize) -> Row {
        Row { text: String::with_capacity(bytes), values: Vec::with_capacity(64) }
    }

    /// One text, for each of the fields.
    pub fn text(&mut self, fields: &[Field], text: &str) {
        if text.is_empty() {
            return;
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.values.extend(fields.iter().map(|field| (*field, Slot::Text(start, self.text.len()))));
    }

    /// One text for the exact and the stemmed words of a field.
    pub fn words(&mut self, field: Text, text: &str) {
        self.text(&[field.exact, field.stem], text);
    }

    /// A number of an unsigned column.
    pub fn u64(&mut self, field: Field, value: u64) {
        self.values.push((field, Slot::U64(value)));
    }

    /// A number of a signed column.
    pub fn i64(&mut self, field: Field, value: i64) {
        self.values.push((field, Slot::I64(value)));
    }

    /// Bytes that are stored.
    pub fn bytes(&mut self, field: Field, value: Vec<u8>) {
        self.values.push((field, Slot::Bytes(value)));
    }
}

/// A borrowed value.
#[derive(Clone, Copy, Debug)]
pub enum Borrowed<'a> {
    /// A text.
    Str(&'a str),
    /// An unsigned number.
    U64(u64),
    /// A signed number.
    I64(i64),
    /// Stored bytes.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> for Borrowed<'a> {
    type ArrayIter = Empty<Self>;
    type ObjectIter = Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(match *self {
            Borrowed::Str(s) => ReferenceValueLeaf::Str(s),
            Borrowed::U64(n) => ReferenceValueLeaf::U64(n),
            Borrowed::I64(n) => ReferenceValueLeaf::I64(n),
            Borrowed::Bytes(b) => ReferenceValueLeaf::Bytes(b),
        })
    }
}

/// Walks over the values of a [`Row`].
pub struct Values<'a> {
    text: &'a str,
    values: std::slice::Iter<'a, (Field, Slot)>,
}

impl<'a> Iterator for Values<'a> {
    type Item = (Field, Borrowed<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (field, slot) = self.values.next()?;
        let value = match slot {
            Slot::Text(start, end) => Borrowed::Str(&self.text[*start..*end]),
            Slot::U64(n) => Borrowed::U64(*n),
            Slot::I64(n) => Borrowed::I64(*n),
            Slot::Bytes(b) => Borrowed::Bytes(b),
        };
        Some((*field, value))
    }
}

impl Document for Row {
    type Value<'a> = Borrowed<'a>;
    type FieldsValuesIter<'a> = Values<'a>;

    fn iter_fields_and_values(&self) -> Values<'_> {
        Values { text: &self.text, values: self.values.iter() }
    }
}
