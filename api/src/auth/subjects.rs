//! Whose tokens are accepted: of every subject, or of the planner's active users only.

use super::Denied;
use super::names::recordable;
use crate::problem::{Problem, unavailable};
use phaseline_projections::planner_users::{self, PlannerUser};
use phaseline_store::{Sessions, SqlState};
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Upper bound on cached users.
const MOST: usize = 10_000;

/// Whose tokens are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subjects {
    /// Those of every subject.
    #[default]
    Any,
    /// Those whose subject is the id of an active row of `public.users`.
    Planner,
}

impl FromStr for Subjects {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "any" => Ok(Self::Any),
            "planner" => Ok(Self::Planner),
            other => Err(format!("{other:?} is neither any nor planner")),
        }
    }
}

/// A cache of the planner's users.
#[derive(Debug, Default)]
pub(crate) struct PlannerSubjects(Mutex<HashMap<Uuid, Answer>>);

#[derive(Clone, Debug)]
struct Answer {
    /// None if there is no such user.
    user: Option<PlannerUser>,
    /// A moment before the row was read.
    requested_at: Instant,
}

impl PlannerSubjects {
    /// The name of the active user whose id the subject is. A cached row is used for the time `valid`.
    pub(super) async fn name_of(
        &self,
        subject: &str,
        sessions: &Sessions,
        valid: Duration,
    ) -> Result<Option<String>, Denied> {
        let refused = || Denied::Invalid("its subject (sub) is not the id of an active user of the planner");
        // One spelling, so that each user is one actor in the log, and one owner of keys.
        let id = Uuid::parse_str(subject).ok().filter(|id| id.to_string() == subject).ok_or_else(refused)?;
        let user = match self.remembered(id, valid) {
            Some(answer) => answer.user,
            None => {
                let requested_at = Instant::now();
                let user = planner_users::find(sessions, id).await.map_err(|error| unreadable(&error))?;
                self.remember(id, Answer { user: user.clone(), requested_at }, valid);
                user
            }
        };
        match user {
            Some(user) if user.is_active => Ok(recordable(&user.name)),
            _ => Err(refused()),
        }
    }

    fn remembered(&self, id: Uuid, valid: Duration) -> Option<Answer> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(&id).filter(|answer| answer.requested_at.elapsed() < valid).cloned()
    }

    fn remember(&self, id: Uuid, answer: Answer, valid: Duration) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST {
            answers.retain(|_, answer| answer.requested_at.elapsed() < valid);
        }
        if answers.len() >= MOST {
            answers.clear();
        }
        answers.insert(id, answer);
    }
}

/// Why the users cannot be read now.
fn unreadable(error: &sqlx::Error) -> Denied {
    match SqlState::of(error) {
        Some(state) if state.doubts_tables() || state == SqlState::InsufficientPrivilege => {
            tracing::error!(%error, "the planner's users cannot be read, so that every token is refused; /readyz has the reason");
            Denied::unavailable(&unavailable(
                "no_users",
                "Users cannot be read",
                "the service cannot read the planner's users, so that it can accept no token; /readyz has the reason",
            ))
        }
        _ => Denied::unavailable(&Problem::of_sqlx(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_users_are_bounded_and_old_answers_are_not_used() {
        let users = PlannerSubjects::default();
        let valid = Duration::from_secs(3600);
        let ids: Vec<Uuid> = (0..=MOST).map(|_| Uuid::new_v4()).collect();
        for id in &ids {
            users.remember(*id, Answer { user: None, requested_at: Instant::now() }, valid);
            assert!(users.remembered(*id, valid).is_some());
            assert!(users.remembered(*id, Duration::ZERO).is_none());
        }
        assert_eq!(users.0.lock().unwrap().len(), 1);
    }
}
