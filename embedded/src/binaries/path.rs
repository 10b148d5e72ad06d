//! The folders of `PATH`.

use std::env;
use std::path::PathBuf;

/// The program's path, if a folder of `PATH` has it.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    path_folders().into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// All of them.
pub(super) fn path_folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // An empty entry means the current folder; programs are not taken from there.
    env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}
