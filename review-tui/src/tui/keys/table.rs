//! Every binding of the program. An empty `mutt` means: as in vi.

use super::Action::{self, *};
use super::Scope;

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Where it holds.
    pub scope: Scope,
    /// What it does.
    pub action: Action,
    /// Keys of the preset `vi`, parted by blanks.
    pub vi: &'static str,
    /// Keys of the preset `mutt`.
    pub mutt: &'static str,
    /// For help.
    pub help: &'static str,
}

const fn on(scope: Scope, action: Action, vi: &'static str, mutt: &'static str, help: &'static str) -> Binding {
    Binding { scope, action, vi, mutt, help }
}

/// All bindings, in the order of help.
pub const TABLE: &[Binding] = &[
    on(Scope::Everywhere, Down, "j down", "j down", "one line down"),
    on(Scope::Everywhere, Up, "k up", "k up", "one line up"),
    on(Scope::Everywhere, HalfDown, "ctrl-d", "", "half a page down"),
    on(Scope::Everywhere, HalfUp, "ctrl-u", "", "half a page up"),
    on(Scope::Everywhere, PageDown, "space pagedown ctrl-f", "", "a page down"),
    on(Scope::Everywhere, PageUp, "- pageup ctrl-b", "", "a page up"),
    on(Scope::Everywhere, First, "g home", "= home", "to the top"),
    on(Scope::Everywhere, Last, "G end", "* end", "to the end"),
    on(Scope::Everywhere, Enter, "enter", "", "open"),
    on(Scope::Everywhere, Back, "q", "q", "one level back, in Find the last limit; nothing is lost"),
    on(Scope::Everywhere, Quit, "Q ctrl-c", "Q x ctrl-c", "quit"),
    on(Scope::Everywhere, Help, "? f1", "", "this help"),
    on(Scope::Everywhere, Command, ":", "", "command line"),
    on(Scope::Everywhere, Menu, "a", "", "actions: reply, tags of review, notes, mbox, apply"),
    on(Scope::Everywhere, Search, "/", "", "search in what is shown"),
    on(Scope::Everywhere, SearchNext, "n", "", "next match"),
    on(Scope::Everywhere, SearchBack, "N", "", "previous match"),
    on(Scope::Everywhere, Lab, "b", "", "the lab: conflicts and benchmarks"),
    on(Scope::Everywhere, Shell, "s", "!", "a shell here"),
    on(Scope::Everywhere, Cancel, "esc", "", "cancel; clear the message"),
    on(Scope::Everywhere, Suspend, "ctrl-z", "", "suspend"),
    on(Scope::Everywhere, Redraw, "ctrl-l", "", "draw anew"),
    on(Scope::Find, Query, "f i", "f", "edit the query"),
    on(Scope::Find, Limit, "l", "", "limit what is shown; an empty limit shows all, q takes the last one back"),
    on(Scope::Find, Threads, "T", "", "threads instead of mails"),
    on(Scope::Find, Sort, "o", "", "newest first, oldest first, best first"),
    on(Scope::Find, Tag, "t", "", "tags of this mail"),
    on(Scope::Find, Saved, "'", "", "saved searches"),
    on(Scope::Find, Thread, "e", "", "open the thread"),
    on(Scope::Find, Mechanisms, "m", "", "lineage: the mechanism of this event or mail"),
    on(Scope::Find, Reviewed, "x", "W", "mark reviewed, or not"),
    on(Scope::Find, Reply, "r", "r g", "write a reply"),
    on(Scope::Find, Pipe, "|", "", "pipe the mail to a command"),
    on(Scope::Find, Write, "w", "w s", "write a mbox"),
    on(Scope::Thread, Focus, "tab", "", "between the tree and the mail"),
    on(Scope::Thread, Zoom, "z", "", "hide or show the tree"),
    on(Scope::Thread, NextPatch, "]", "", "next patch of the thread"),
    on(Scope::Thread, PreviousPatch, "[", "", "previous patch"),
    on(Scope::Thread, NextHunk, "@", "", "next hunk"),
    on(Scope::Thread, PreviousHunk, "ctrl-p", "", "previous hunk"),
    on(Scope::Thread, NextFile, "}", "", "next file"),
    on(Scope::Thread, PreviousFile, "{", "", "previous file"),
    on(Scope::Thread, Files, "F", "", "files of the patch: jump to one"),
    on(Scope::Thread, NextRemark, ".", "", "next remark"),
    on(Scope::Thread, PreviousRemark, ",", "", "previous remark"),
    on(Scope::Thread, Quoted, "S", "S T", "fold or show quoted text"),
    on(Scope::Thread, Fold, "c", "", "fold or show what is under the cursor: quote, file, answers"),
    on(Scope::Thread, FoldAll, "C", "", "fold or show all files, or all answers"),
    on(Scope::Thread, Headers, "h", "h", "all headers"),
    on(Scope::Thread, Left, "left", "", "to the parent"),
    on(Scope::Thread, Right, "right", "", "to the first answer"),
    on(Scope::Thread, Reply, "r", "r g", "write a reply"),
    on(Scope::Thread, Reviewed, "x", "W", "mark reviewed, or not"),
    on(Scope::Thread, Remark, "i", "R", "a remark on this line"),
    on(Scope::Thread, Note, "I", "", "a private note on this mail"),
    on(Scope::Thread, Tag, "t", "", "tags of this mail"),
    on(Scope::Thread, Pipe, "|", "", "pipe the mail to a command"),
    on(Scope::Thread, Write, "w", "w s", "write a mbox that git am takes"),
    on(Scope::Thread, Mechanisms, "m", "", "lineage: the mechanisms that this patch touches"),
    on(Scope::Thread, TextMap, "M", "", "text map: who owns the bytes of the functions that this patch changes"),
    on(Scope::TextMap, Focus, "tab", "", "between the functions and the bytes"),
    on(Scope::TextMap, NextPatch, "]", "", "the next attached kernel"),
    on(Scope::TextMap, PreviousPatch, "[", "", "the kernel before"),
    on(Scope::TextMap, NextHunk, "@", "", "the next bytes that somebody owns"),
    on(Scope::TextMap, Mechanisms, "m", "", "lineage: the owner of these bytes"),
    on(Scope::Lineage, Mechanisms, "m", "", "choose another mechanism"),
    on(Scope::Lineage, Left, "left", "", "to the event or mechanism that an edge names"),
    on(Scope::Lab, Run, "r", "", "run this one"),
    on(Scope::Lab, RunAll, "R", "", "run all that are listed"),
    on(Scope::Lab, Stop, "x", "", "cancel the run"),
    on(Scope::Lab, Focus, "tab", "", "between the list and the result"),
    on(Scope::Lab, Mechanisms, "m", "", "the runs of another mechanism, or all"),
    on(Scope::Draft, Edit, "e", "e", "edit it again"),
    on(Scope::Draft, Confirm, "ctrl-y", "", "send it with git send-email, which asks once more"),
    on(Scope::Draft, Write, "w", "w s", "put a copy into a maildir as a draft"),
    on(Scope::Draft, Back, "q", "q", "back; the draft stays where it is"),
];
