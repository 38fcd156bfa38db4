//! Drives the real program, as a user does. One module per thing that must hold:
//!
//! - `fresh`: a machine without any archive; the command line, its errors and its exit codes
//! - `import`: mboxes, maildirs, single mails, a web page; twins in either order
//! - `attach`: public-inbox clones that grow, delete, purge, are damaged or gone
//! - `fetch`: threads and lists of a real server, and servers that misbehave
//! - `hostile`: mails made to break a reader
//! - `killed`: `index` killed at any moment loses nothing
//! - `query`: threads, folders, and the page of the query language
//! - `real`: the real archives and threads, as snapshots
//! - `am`: series as git am takes them, and whether they apply
//! - `links`, `series`, `diff`, `dig`: what comes from what, and how good the links are
//! - `commits`: where commits are, and what belongs to them
//! - `check`: findings on a patch, and no false alarms
//! - `b4`: b4 of PyPI runs the check
//! - `blinds`: the same patch with less to go by, and what that costs
//! - `maintainers`: whom MAINTAINERS of the patch's day names
//! - `remarks`: a later revision against the one before, what others did before, and verdicts
//! - `score`: how good findings are, on the real archives
//! - `conflicts`: mechanisms against each other; the pair that the project comes from, in both orders
//! - `bench`: what is measured, printed and promised
//! - `data`: the data directory: shared, moved, read-only, damaged, of an earlier version
//! - `desk`: the review desk, its screens as snapshots, and in a terminal under tmux
//! - `scan`: kernel images, whole and damaged
//! - `cases`: small inputs that once failed, own ones and those of ../shared/cases/mail
//! - `parity`: the same answers as public-inbox
//! - `events`: the catalogue's own index is kept, found stale, and mended
//! - `documents`: what README, ARCHITECTURE and CHANGELOG name is there

mod am;
mod attach;
mod b4;
mod bench;
mod blinds;
mod cases;
mod check;
mod commits;
mod conflicts;
mod data;
mod desk;
mod diff;
mod dig;
mod documents;
mod events;
mod fetch;
mod fresh;
mod harness;
mod hostile;
mod import;
mod killed;
mod links;
mod maintainers;
mod parity;
mod query;
mod real;
mod remarks;
mod scan;
mod score;
mod series;
