//! Keeping a data directory sound. [`verify`] reads everything and says what is damaged; [`mend`] makes anew what can be made anew,
//! and names what cannot; [`forget`] takes an archive out, and
//! [`backup`] copies what nothing could make anew.

pub mod backup;
pub mod forget;
pub mod mend;
pub mod verify;
