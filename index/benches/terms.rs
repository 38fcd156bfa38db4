//! How fast text becomes words: bytes and tokens per second of each tokenizer on one core.
//!
//! `cargo bench -p provenance-index --bench terms [-- FILE]`; without a file a made-up mail is repeated.

use std::hint::black_box;
use std::time::Instant;

use provenance_index::terms::{ExactTokenizer, IdentTokenizer, StemTokenizer};
use tantivy::tokenizer::{TextAnalyzer, TokenStream};

const MAIL: &str = "\
The call site is rewritten while other cores may be running through it, so the first byte becomes a breakpoint
until every core has been told. Whoever arrives meanwhile is sent on by the handler.
diff --git a/arch/x86/kernel/site.c b/arch/x86/kernel/site.c
@@ -10,6 +10,9 @@ static int rewrite_site(struct site *site, const void *insn)
 \tint err;
 
+\tif (WARN_ON_ONCE(site->len != SITE_LEN))
+\t\treturn -EINVAL;
 \terr = site_write_batch(site->addr, insn, site->len);
";

fn main() {
    let file = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let text = match file {
        Some(path) => String::from_utf8_lossy(&std::fs::read(path).expect("a file to read")).into_owned(),
        None => MAIL.repeat(40_000),
    };
    println!("{} MB", text.len() / 1_000_000);
    for (name, mut tokenizer) in [
        ("exact", TextAnalyzer::from(ExactTokenizer::default())),
        ("stem", TextAnalyzer::from(StemTokenizer::default())),
        ("ident", TextAnalyzer::from(IdentTokenizer::default())),
    ] {
        let mut best = f64::MAX;
        let mut tokens = 0u64;
        for _ in 0..5 {
            let start = Instant::now();
            let (mut count, mut sum) = (0u64, 0usize);
            tokenizer.token_stream(&text).process(&mut |token| {
                count += 1;
                sum += token.text.len();
            });
            black_box(sum);
            best = best.min(start.elapsed().as_secs_f64());
            tokens = count;
        }
        let rate = |n: f64| n / best / 1e6;
        println!("{name:<6}{:>7.1} M tokens/s {:>7.0} MB/s", rate(tokens as f64), rate(text.len() as f64));
    }
}
