use super::*;
#[test]
fn loads() {
    let t = std::time::Instant::now();
    let c = Catalogue::built_in().unwrap_or_else(|e| panic!("{e}"));
    eprintln!("{:?} {} events {} edges {} bytes", t.elapsed(), c.events().len(), c.edges().len(), EMBEDDED.len());
}
