//! Drives the real program, as a user does. One module per thing that must hold:
//!
//! - `fresh`: a machine without any archive; the command line, its errors and its exit codes
//! - `import`: mboxes, maildirs, single mails, a web page; twins in either order
//! - `attach`: public-inbox clones that grow, delete, purge, are damaged or gone
//! - `hostile`: mails made to break a reader
//! - `killed`: `index` killed at any moment loses nothing
//! - `real`: the real archives and threads, as snapshots
//! - `scan`: kernel images, whole and damaged
//! - `parity`: the same answers as public-inbox

mod attach;
mod events;
mod fresh;
mod harness;
mod hostile;
mod import;
mod killed;
mod parity;
mod real;
mod scan;
