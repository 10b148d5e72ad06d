//! Why a definition could not be read or changed.

/// Why a definition could not be read or changed. Nothing has been written when one of these is returned.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// An error of the database, or an unexpected result.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// `SET LOCAL search_path = ''` did not hold: names would come back unqualified.
    #[error("the catalogue must be read inside a transaction: outside of one, search_path cannot be emptied")]
    NotInTransaction,
    /// PostgreSQL printed an object in a form that cannot be moved to another schema safely.
    #[error(
        "{table}: the definition of {object} cannot be read: this version of PostgreSQL prints it in another form than 15 to 18"
    )]
    Unexpected {
        /// The table, qualified.
        table: String,
        /// The definition, as printed.
        object: String,
    },
    /// There is no such column.
    #[error("{table} has no column {column}")]
    NoSuchColumn {
        /// The table, qualified.
        table: String,
        /// The column that was requested.
        column: String,
    },
    /// The column cannot be detached: an object that stays uses it.
    #[error("{table}: column {column} is used by {users}; drop it there first")]
    ColumnInUse {
        /// The table, qualified.
        table: String,
        /// The column to detach.
        column: String,
        /// The objects that use it, comma-separated.
        users: String,
    },
    /// The column cannot be reattached: other objects have its names now.
    #[error(
        "{table}: column {column} cannot be restored, since other objects have these names: {names}; rename those objects"
    )]
    NameTaken {
        /// The table, qualified.
        table: String,
        /// The column to reattach.
        column: String,
        /// The names, comma-separated.
        names: String,
    },
}
