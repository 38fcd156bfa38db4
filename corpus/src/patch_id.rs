//! stub
pub fn of_text(_t:&str)->Option<String>{None}
