//! What work takes: by the clock, and in processor time of this program and of the server.

mod processes;

use crate::error::Result;
use crate::profile::{Profiler, Side};
use rustix::time::{ClockId, clock_gettime};
use std::ops::Sub;
use std::time::{Duration, Instant};

/// Processor time, in user mode and in the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProcessorTime {
    /// Of this program, and of the programs that it started and that have ended.
    pub(crate) program: Duration,
    /// Of all processes of the server, ended ones included.
    pub(crate) server: Duration,
}

impl Sub for ProcessorTime {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            program: self.program.saturating_sub(other.program),
            server: self.server.saturating_sub(other.server),
        }
    }
}

/// What some work took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) clock: Duration,
    /// `None` on systems without Linux's `/proc`.
    pub(crate) processor: Option<ProcessorTime>,
}

impl Spent {
    /// The same without a part that does not belong to the work, such as an observer.
    pub(crate) fn without(self, part: ProcessorTime) -> Self {
        Self { processor: self.processor.map(|whole| whole - part), ..self }
    }
}

/// Measures work of this program on one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter<'a> {
    /// The server's first process, of which all others are descendants.
    postmaster: u32,
    /// Another program whose work is measured as this one's.
    peer: Option<u32>,
    profile: Option<(&'a Profiler, &'static str, Side)>,
}

impl<'a> Meter<'a> {
    pub(crate) const fn new(postmaster: u32) -> Self {
        Self { postmaster, peer: None, profile: None }
    }

    /// The same with a running program whose work counts as this one's.
    pub(crate) fn beside(self, peer: u32) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// The same with profiles of this case and side.
    pub(crate) fn profiled(self, profiler: Option<&'a Profiler>, case: &'static str, side: Side) -> Self {
        Self { profile: profiler.map(|profiler| (profiler, case, side)), ..self }
    }

    /// Runs the work, and measures it with all that program and server do meanwhile.
    pub(crate) async fn timed<T>(self, work: impl Future<Output = Result<T>>) -> Result<(T, Spent)> {
        let recording = match self.profile {
            Some((profiler, ..)) => Some(profiler.begin(|| self.processes())?),
            None => None,
        };
        // To read the server's times takes time of the program, so that is done outside of the program's.
        let server = processes::time_of_all(self.postmaster)?;
        let program = self.program_time();
        let begun = Instant::now();
        let done = work.await?;
        let clock = begun.elapsed();
        let program = self.program_time().saturating_sub(program);
        let processor = match (server, processes::time_of_all(self.postmaster)?) {
            (Some(before), Some(after)) => {
                Some(ProcessorTime { program, server: after.saturating_sub(before) })
            }
            _ => None,
        };
        if let (Some((profiler, case, side)), Some(recording)) = (self.profile, recording) {
            profiler.end(recording, case, side)?;
        }
        Ok((done, Spent { clock, processor }))
    }

    fn program_time(self) -> Duration {
        let peer = self.peer.map(|peer| processes::time_with_threads(peer).unwrap_or_default());
        program_time() + peer.unwrap_or_default()
    }

    /// All that are running.
    fn processes(self) -> Vec<u32> {
        let others = [Some(self.postmaster), self.peer].into_iter().flatten();
        others.flat_map(processes::with_descendants).chain([std::process::id()]).collect()
    }

    /// The time so far of the calling thread, and of one of the server's processes: that of an observer beside the work.
    pub(crate) fn observer_time(backend: u32) -> Option<ProcessorTime> {
        Some(ProcessorTime {
            program: processes::running_time("thread-self")?,
            server: processes::running_time(&backend.to_string())?,
        })
    }
}

/// The time of this program with all its threads, and of its children that have ended.
fn program_time() -> Duration {
    let own = clock_gettime(ClockId::ProcessCPUTime);
    let own = Duration::new(own.tv_sec.unsigned_abs(), u32::try_from(own.tv_nsec).unwrap_or_default());
    own + processes::time_of_ended_children("self").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::tests::ALONE;
    use phaseline_embedded::testing::TestCluster;
    use sqlx::{Connection, PgConnection};

    /// Far more than what the meter itself takes, and than the unit of the times of ended processes.
    const BUSY: Duration = Duration::from_millis(300);
    const BUSY_SQL: &str = "SELECT sum(n) FROM generate_series(1, 3000000) AS n";

    fn busy(time: Duration) {
        let begun = program_time();
        while program_time() - begun < time {
            std::hint::black_box(0);
        }
    }

    fn meter() -> Meter<'static> {
        Meter::new(TestCluster::shared().process_id())
    }

    async fn measured(work: impl Future<Output = Result<()>>) -> (Duration, ProcessorTime) {
        let ((), spent) = meter().timed(work).await.unwrap();
        (spent.clock, spent.processor.unwrap())
    }

    #[tokio::test]
    async fn waiting_costs_no_processor_time_and_work_of_the_program_does() {
        let _alone = ALONE.lock().await;
        let (clock, idle) = measured(async {
            tokio::time::sleep(BUSY).await;
            Ok(())
        })
        .await;
        assert!(clock >= BUSY && idle.program < BUSY / 3 && idle.server < BUSY / 3, "{clock:?} {idle:?}");
        let (_, spent) = measured(async {
            std::thread::spawn(|| busy(BUSY)).join().unwrap();
            Ok(())
        })
        .await;
        assert!(spent.program >= BUSY && spent.server < BUSY / 3, "{spent:?}");
    }

    #[tokio::test]
    async fn ended_programs_count() {
        let _alone = ALONE.lock().await;
        let (_, spent) = measured(async {
            let loops = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
            assert!(std::process::Command::new("sh").args(["-c", loops]).status().unwrap().success());
            Ok(())
        })
        .await;
        assert!(spent.program > Duration::from_millis(50), "{spent:?}");
    }

    #[tokio::test]
    async fn a_program_beside_counts_while_it_runs() {
        let _alone = ALONE.lock().await;
        use std::io::{BufRead, BufReader, Write};
        let work = "read line; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; read line";
        let mut child = std::process::Command::new("sh")
            .args(["-c", work])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let ((), spent) = meter()
            .beside(child.id())
            .timed(async {
                writeln!(input, "begin").unwrap();
                BufReader::new(output).read_line(&mut String::new()).unwrap();
                Ok(())
            })
            .await
            .unwrap();
        drop(input);
        child.wait().unwrap();
        assert!(spent.processor.unwrap().program > Duration::from_millis(50), "{spent:?}");
    }

    #[tokio::test]
    async fn statements_of_living_and_of_ended_sessions_count() {
        let _alone = ALONE.lock().await;
        let database = TestCluster::shared().database();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let (clock, living) = measured(async {
            sqlx::raw_sql(BUSY_SQL).execute(&mut connection).await?;
            Ok(())
        })
        .await;
        let likely = clock / 3;
        assert!(living.server > likely && living.program < living.server, "{clock:?} {living:?}");
        let (clock, ended) = measured(async {
            let mut connection = PgConnection::connect(database.url()).await?;
            sqlx::raw_sql(BUSY_SQL).execute(&mut connection).await?;
            connection.close().await?;
            // Its process ends after the client's close.
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(())
        })
        .await;
        assert!(ended.server > living.server / 2 && clock > living.server / 2, "{ended:?} {living:?}");
    }

    #[tokio::test]
    async fn an_observer_is_taken_off() {
        let _alone = ALONE.lock().await;
        let database = TestCluster::shared().database();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let backend: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
        let backend = backend.unsigned_abs();
        let before = Meter::observer_time(backend).unwrap();
        let ((), whole) = meter()
            .timed(async {
                busy(BUSY);
                sqlx::raw_sql(BUSY_SQL).execute(&mut connection).await?;
                Ok(())
            })
            .await
            .unwrap();
        let observer = Meter::observer_time(backend).unwrap() - before;
        let rest = whole.without(observer).processor.unwrap();
        let whole = whole.processor.unwrap();
        assert!(observer.program > BUSY / 2 && rest.program < whole.program / 2, "{whole:?} {observer:?}");
        assert!(
            observer.server > whole.server / 2 && rest.server < whole.server / 2,
            "{whole:?} {observer:?}"
        );
    }
}
