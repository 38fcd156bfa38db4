use provenance_index::{sources::*, writer};
use std::path::Path;
fn main(){
    let mut a = std::env::args().skip(1);
    let data = a.next().unwrap();
    let mut s = Sources::default();
    for p in a { let p = Path::new(&p); s.attach(p, p.parent().unwrap().parent().unwrap().file_name().unwrap().to_str().unwrap(), p, Layout::PublicInboxV2); }
    let t = std::time::Instant::now();
    let r = writer::update(Path::new(&data), &s, Default::default(), &()).unwrap();
    eprintln!("{r:?} {:?}", t.elapsed());
}
