//! The programs that are started. What they are told comes from their arguments alone: a shell inside of a hook, or a rebase, has
//! variables that name another repository than the one that is asked about.

use std::process::Command;

/// What `git rev-parse --local-env-vars` names (git 2.47), and what else changes which repository, which objects or which
/// configuration git sees, where it writes a trace, and how it draws a difference.
const REPOSITORY: [&str; 29] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DEFAULT_HASH",
    "GIT_DIFF_OPTS",
    "GIT_DIR",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXTERNAL_DIFF",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_TRACE",
    "GIT_TRACE2",
    "GIT_TRACE2_EVENT",
    "GIT_TRACE2_PERF",
    "GIT_WORK_TREE",
];

/// Takes from a child's environment what would make its git see another repository.
pub fn apart(command: &mut Command) -> &mut Command {
    for name in REPOSITORY {
        command.env_remove(name);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_git_itself_calls_local_is_taken_away() {
        let Ok(out) = Command::new("git").args(["rev-parse", "--local-env-vars"]).output() else { return };
        let named = String::from_utf8(out.stdout).unwrap();
        assert!(named.lines().count() > 5);
        let missing: Vec<&str> = named.lines().filter(|name| !REPOSITORY.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
