//! Sweeps the demo's folder away should the program be killed with no chance to do it itself.

use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The kernel closes the pipe when we end, in whatever way, and the shell goes on. The server has a guard of its own
/// that stops it then; its folder goes once it has stopped.
const SWEEP: &str = r#"
trap '' HUP INT QUIT TERM
read -r word
for again in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ -e "$1" ] || exit 0
    [ -e "$1/cluster/postmaster.pid" ] || rm -rf "$1"
    sleep 0.5
done
rm -rf "$1"
"#;

/// A shell that waits for our end.
pub(super) struct CleanupGuard {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl CleanupGuard {
    /// Watches over a folder.
    pub(super) fn watch(folder: &Path) -> std::io::Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SWEEP, "phaseline-demo"]).arg(folder).current_dir("/").process_group(0);
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
