//! stub
pub struct Node<'a>{pub id:&'a str,pub references:Vec<&'a str>,pub date:i64}
pub struct Row<'a>{pub id:&'a str,pub depth:usize,pub open:Vec<bool>,pub node:Option<usize>}
pub fn build<'a>(_n:&'a [Node<'a>])->Vec<Row<'a>>{vec![]}
pub fn roots<'a>(rows: impl Iterator<Item=(u64,&'a [u64])>)->Vec<u64>{rows.map(|r|r.0).collect()}
