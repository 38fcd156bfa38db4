use provenance_index::store::Store;
use std::path::Path;
fn main(){
    let s = Store::open(Path::new(&std::env::args().nth(1).unwrap())).unwrap();
    let r = s.index.reader().unwrap().searcher();
    let u = r.space_usage().unwrap();
    let mut m: std::collections::BTreeMap<String,[u64;3]> = Default::default();
    for seg in u.segments() {
        for (i,get) in [(0usize,seg.termdict()),(1,seg.postings()),(2,seg.positions())] {
            for f in get.fields() { m.entry(f.field_name().to_string()).or_default()[i]+=f.total().get_bytes(); }
        }
    }
    for (k,v) in m { println!("{k:20} term {:9} idx {:9} pos {:9}", v[0],v[1],v[2]); }
}
