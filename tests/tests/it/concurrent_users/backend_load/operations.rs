//! One operation of each worker.

use super::{COMMANDS, LoadState, PAUSE, Worker, WriteResult};
use crate::fixture::store;
use phaseline_domain::{PhaseId, ProjectId, Rule, TimelineCommand};
use phaseline_migrator::shape::Shape;
use phaseline_migrator::status::status;
use phaseline_store::{ExecuteError, Metadata, StoreError};
use sqlx::{Connection, Executor, PgConnection, Row};
use std::sync::atomic::Ordering;
use uuid::Uuid;

impl LoadState {
    pub(super) async fn work(&self, worker: Worker) {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let mut commands_left = COMMANDS;
        while !self.is_stopping.load(Ordering::SeqCst) {
            let number = self.number.fetch_add(1, Ordering::SeqCst);
            let goes_on = match worker {
                Worker::Inserts => self.insert(&mut connection, number).await,
                Worker::Redates => self.redate(&mut connection, number).await,
                Worker::Deletes => self.delete(&mut connection, number).await,
                Worker::Moves => self.move_project(&mut connection, number).await,
                Worker::Budgets => self.budget(&mut connection).await,
                Worker::Commands => self.command(number, &mut commands_left).await,
                Worker::Reads => self.read(&mut connection).await,
                Worker::ReadsStatus => self.read_status(&mut connection).await,
            };
            self.count_operation(worker, goes_on);
            if !goes_on {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn count_operation(&self, worker: Worker, goes_on: bool) {
        let mut operations = self.operations.lock().unwrap();
        let operation = operations.entry(worker).or_default();
        *operation = (operation.0 + 1, !goes_on);
    }

    fn acknowledge(&self, query: String, expected: String) {
        self.acknowledged.lock().unwrap().insert(query, expected);
    }

    fn record_failure(&self, what: String) {
        self.failures.lock().unwrap().push(what);
    }

    /// Runs one statement in its own transaction; returns the first column of its first row.
    async fn execute(&self, connection: &mut PgConnection, sql: &str) -> WriteResult {
        match connection.fetch_optional(sqlx::raw_sql(sql)).await {
            Ok(row) => WriteResult::Done(row.and_then(|row| row.get(0))),
            Err(error) => {
                let code = error.as_database_error().and_then(|error| error.code());
                if !matches!(code.as_deref(), Some("42703" | "23502")) {
                    self.record_failure(format!("{sql}: {error} ({code:?})"));
                }
                WriteResult::OtherShape
            }
        }
    }

    async fn insert(&self, connection: &mut PgConnection, number: usize) -> bool {
        let [resource, project, phase] = &self.model;
        let (id, day) = (Uuid::new_v4(), number % 28 + 1);
        let values = format!("'2031-03-{day:02}', 10, 50, 50, '{id}', now(), now()");
        let columns = "assignment_date, allocation_percentage, capital_percentage, expense_percentage, id, \
                       created_at, updated_at";
        let old = format!(
            "INSERT INTO public.resource_assignments (resource_id, project_id, project_phase_id, {columns})
             VALUES ('{resource}', '{project}', '{phase}', {values})"
        );
        let new = format!(
            "INSERT INTO public.resource_assignments (resource_id, project_id, {columns})
             VALUES ('{resource}', '{project}', {values})"
        );
        for sql in [&old, &new, &old] {
            if let WriteResult::Done(_) = self.execute(connection, sql).await {
                let query =
                    format!("SELECT assignment_date::text FROM resource_assignments WHERE id = '{id}'");
                self.acknowledge(query, format!("2031-03-{day:02}"));
                return true;
            }
        }
        self.record_failure("an assignment fits into neither shape".to_owned());
        true
    }

    async fn redate(&self, connection: &mut PgConnection, number: usize) -> bool {
        let (id, day) = (&self.redate[number % self.redate.len()], number % 28 + 1);
        let sql = format!(
            "UPDATE public.resource_assignments SET assignment_date = '2032-05-{day:02}', updated_at = now()
              WHERE id = '{id}' RETURNING assignment_date::text"
        );
        if let WriteResult::Done(Some(date)) = self.execute(connection, &sql).await {
            self.acknowledge(
                format!("SELECT assignment_date::text FROM resource_assignments WHERE id = '{id}'"),
                date,
            );
        } else {
            self.record_failure(format!("assignment {id} is gone"));
        }
        true
    }

    async fn delete(&self, connection: &mut PgConnection, number: usize) -> bool {
        let id = &self.delete[number % self.delete.len()];
        let sql = format!("DELETE FROM public.resource_assignments WHERE id = '{id}'");
        if let WriteResult::Done(_) = self.execute(connection, &sql).await {
            let query = format!("SELECT count(*)::text FROM resource_assignments WHERE id = '{id}'");
            self.acknowledge(query, "0".to_owned());
        }
        true
    }

    async fn move_project(&self, connection: &mut PgConnection, number: usize) -> bool {
        let id = &self.projects[number % self.projects.len()];
        let sql = format!(
            "UPDATE public.projects SET end_date = end_date + 1 WHERE id = '{id}'
                AND (SELECT version_num FROM public.alembic_version) = '976e6adbac6f' RETURNING end_date::text"
        );
        let WriteResult::Done(date) = self.execute(connection, &sql).await else { return false };
        let Some(date) = date else { return false };
        self.acknowledge(format!("SELECT end_date::text FROM projects WHERE id = '{id}'"), date);
        true
    }

    async fn budget(&self, connection: &mut PgConnection) -> bool {
        let (_, id) = &self.phases[0];
        let sql = format!(
            "UPDATE public.project_phases SET expense_budget = expense_budget + 1, total_budget = total_budget + 1
              WHERE id = '{id}' AND phase_type IS NOT NULL RETURNING expense_budget::text"
        );
        let WriteResult::Done(Some(amount)) = self.execute(connection, &sql).await else { return false };
        self.acknowledge(
            format!("SELECT expense_budget::text FROM project_phases WHERE id = '{id}'"),
            amount,
        );
        true
    }

    /// Renames one phase and budgets another one, alternately, as long as commands are left.
    async fn command(&self, number: usize, left: &mut usize) -> bool {
        let renames = number.is_multiple_of(2);
        let (project, phase) = if renames { &self.phases[1] } else { &self.phases[2] };
        let phase_id: PhaseId = phase.parse().unwrap();
        let command = if renames {
            TimelineCommand::RenamePhase { phase_id, name: format!("Name {number}") }
        } else {
            TimelineCommand::BudgetPhase {
                phase_id,
                capital_budget: 0.into(),
                expense_budget: number.into(),
                total_budget: None,
            }
        };
        let store = store(&self.url).await;
        match store.execute(project.parse::<ProjectId>().unwrap(), &command, Metadata::default()).await {
            Ok(committed) if renames => {
                // The legacy shape has no name; the log has it.
                let query = format!(
                    "SELECT payload::json ->> 'name' FROM phaseline.events WHERE position = {}",
                    committed.position
                );
                self.acknowledge(query, format!("Name {number}"));
                *left -= 1;
            }
            Ok(_) => {
                let query = format!("SELECT expense_budget::text FROM project_phases WHERE id = '{phase}'");
                self.acknowledge(query, format!("{number}.00"));
                *left -= 1;
            }
            Err(ExecuteError::Store(StoreError::NotAccepting | StoreError::NotInstalled)) => {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            // Before the first migration the log does not exist.
            Err(ExecuteError::Store(StoreError::Database(error)))
                if error.to_string().contains("phaseline.events") =>
            {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            // During the run the log has the run, but not yet the projects.
            Err(ExecuteError::Refused(refusal))
                if refusal.violations().iter().all(|broken| broken.rule == Rule::TimelineOpen) =>
            {
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => self.record_failure(format!("{command:?}: {error} {error:?}")),
        }
        *left > 0
    }

    async fn read(&self, connection: &mut PgConnection) -> bool {
        let untouched = self.untouched.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
        for (sql, expected) in [
            ("SELECT count(*)::text FROM public.project_phases".to_owned(), self.phase_rows.clone()),
            (
                format!("SELECT count(*)::text FROM public.resource_assignments WHERE id IN ({untouched})"),
                self.untouched.len().to_string(),
            ),
        ] {
            match self.execute(connection, &sql).await {
                WriteResult::Done(found) if found.as_ref() == Some(&expected) => {}
                WriteResult::Done(found) => {
                    self.record_failure(format!("{sql:.80}: {found:?} instead of {expected}"))
                }
                WriteResult::OtherShape => self.record_failure(format!("{sql:.80}: a missing column")),
            }
        }
        let old = "SELECT count(phase_type)::text FROM public.project_phases";
        let linked = "SELECT count(project_phase_id)::text FROM public.resource_assignments";
        let new = "SELECT count(start_date)::text FROM public.project_phases WHERE name IS NOT NULL";
        for (sql, shape) in [(old, 0), (linked, 0), (new, 1)] {
            if let WriteResult::Done(_) = self.execute(connection, sql).await {
                self.seen.lock().unwrap()[shape] = true;
            }
        }
        true
    }

    /// Fails unless the snapshot has one shape.
    async fn read_status(&self, connection: &mut PgConnection) -> bool {
        match status(connection).await {
            Ok(status) if status.shape == Shape::Unknown => {
                self.record_failure(format!("half a shape: {status:?}"))
            }
            Ok(_) => {}
            Err(error) => self.record_failure(format!("status: {error} {error:?}")),
        }
        true
    }
}
