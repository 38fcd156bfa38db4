//! What a reader works with: where things lie, the mails by their hashes, the images that are attached, a mail by the name
//! that was typed.

pub mod images;
pub mod letters;
pub mod message_id;
pub mod place;
