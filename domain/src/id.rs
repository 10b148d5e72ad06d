//! Typed ids: the compiler refuses a project's id in place of a phase's.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random id (version 4, as the planner's backend makes them).
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The plain uuid, as the database stores it.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }
    };
}

typed_id!(
    /// The id of a project, and so of its timeline's stream.
    ProjectId
);
typed_id!(
    /// The id of a phase. The legacy planner's phases keep theirs.
    PhaseId
);
typed_id!(
    /// The id of a resource assignment.
    AssignmentId
);
