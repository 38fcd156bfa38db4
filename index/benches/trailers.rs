//! What the words of trailers (`trailer:reviewed-by:"Ada Example"`) add to an index: terms and bytes of postings, counted; of
//! the dictionary, which packs the terms of a field together, their share by bytes of terms.
//!
//! `cargo bench -p provenance-index --bench trailers -- DATA_DIR`

use std::path::Path;

use provenance_index::reader::Reader;

/// Stands in a term between the name of a trailer and a word of its value.
const WORD: u8 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(data) = std::env::args().skip(1).find(|arg| !arg.starts_with('-')) else {
        println!("name a data directory: cargo bench -p provenance-index --bench trailers -- DATA_DIR");
        return Ok(());
    };
    let reader = Reader::open(Path::new(&data))?;
    let field = reader.fields.trailer;
    // Whole values, then words: terms, bytes of terms, bytes of postings.
    let mut found = [[0u64; 3]; 2];
    let (mut dictionary, mut postings, mut whole) = (0u64, 0u64, 0u64);
    for segment in reader.searcher.segment_readers() {
        let usage = segment.space_usage()?;
        whole += usage.total().get_bytes();
        let of = |part: &tantivy::space_usage::PerFieldSpaceUsage| {
            part.fields().filter(|one| one.field_name() == "trailer").map(|one| one.total().get_bytes()).sum::<u64>()
        };
        dictionary += of(usage.termdict());
        postings += of(usage.postings());
        let inverted = segment.inverted_index(field)?;
        let mut terms = inverted.terms().stream()?;
        while terms.advance() {
            let kind = usize::from(terms.key().contains(&WORD));
            found[kind][0] += 1;
            found[kind][1] += terms.key().len() as u64;
            found[kind][2] += terms.value().postings_range.len() as u64;
        }
    }
    let [values, words] = found;
    let share = words[1] as f64 / (words[1] + values[1]).max(1) as f64;
    let of_words = words[2] + (dictionary as f64 * share) as u64;
    println!(
        "index {whole} bytes; field trailer {} bytes: dictionary {dictionary}, postings {postings}",
        dictionary + postings
    );
    println!("whole values: {} terms, {} bytes of postings", values[0], values[2]);
    println!(
        "words and pairs: {} terms, {} bytes of postings, {:.0} % of the dictionary",
        words[0],
        words[2],
        100.0 * share
    );
    println!(
        "words and pairs take {of_words} bytes, {:.2} % of the index; without them it has {}",
        100.0 * of_words as f64 / whole.max(1) as f64,
        whole - of_words
    );
    Ok(())
}
