//! Removes the demo's folder if the program is killed.

use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The kernel closes the pipe when the program ends; then the script continues. The server has its own guard that stops
/// it; the script waits for that before it removes the folder.
const CLEAN_UP: &str = r#"
trap '' HUP INT QUIT TERM
read -r word
for again in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -e "$1" ] || exit 0
    [ -e "$1/cluster/postmaster.pid" ] || rm -rf "$1"
    sleep 0.5
done
rm -rf "$1"
"#;

/// A shell that waits for the end of the program.
pub(super) struct CleanupGuard {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl CleanupGuard {
    /// Starts the guard of a folder.
    pub(super) fn watch(folder: &Path) -> std::io::Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", CLEAN_UP, "phaseline-demo"]).arg(folder).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }
}

impl Drop for CleanupGuard {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.child.wait();
    }
}
