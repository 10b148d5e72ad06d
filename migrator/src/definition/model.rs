//! The model of a definition: everything that `pg_dump` prints about one table.

use serde::{Deserialize, Serialize};

/// A schema and a name, unquoted.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QualifiedName {
    /// The schema.
    pub schema: String,
    /// The name within the schema.
    pub name: String,
}

/// Everything that `pg_dump` prints about an ordinary table and its dependent objects, except its rows.
///
/// Indexes are in the order of their creation: PostgreSQL binds a foreign key to the oldest unique index that fits.
/// Columns and grants are in the catalogue's order, everything else is in the order of its name.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct TableDefinition {
    /// The table's schema, except during a rebuild.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The owning role.
    pub owner: String,
    /// The table access method, `heap` nearly always.
    pub access_method: String,
    /// The tablespace; `None` is the database's own.
    pub tablespace: Option<String>,
    /// Storage options, `fillfactor=70`.
    pub options: Vec<String>,
    /// Storage options of the TOAST table, without their prefix.
    pub toast_options: Vec<String>,
    /// The comment on the table.
    pub comment: Option<String>,
    /// The replica identity, by which logical replication identifies an old row.
    pub replica_identity: ReplicaIdentity,
    /// `ENABLE ROW LEVEL SECURITY`.
    pub row_security: bool,
    /// `FORCE ROW LEVEL SECURITY`.
    pub force_row_security: bool,
    /// The columns, in order.
    pub columns: Vec<ColumnDefinition>,
    /// Indexes, with or without a primary key, unique or exclusion constraint on them. Invalid ones are left out, as
    /// `pg_dump` leaves them out.
    pub indexes: Vec<IndexDefinition>,
    /// Check constraints.
    pub checks: Vec<CheckDefinition>,
    /// Foreign keys of this table, also those that refer to itself.
    pub foreign_keys: Vec<ForeignKey>,
    /// Foreign keys of other tables that refer to this one.
    pub incoming_foreign_keys: Vec<ForeignKey>,
    /// Extended statistics.
    pub statistics: Vec<StatisticsDefinition>,
    /// Triggers, except those that implement constraints.
    pub triggers: Vec<TriggerDefinition>,
    /// Row security policies.
    pub policies: Vec<PolicyDefinition>,
    /// Publications that name the table.
    pub publications: Vec<PublicationMembership>,
    /// The table's privileges, the owner's own among them, in the order of the catalogue's array.
    pub grants: Vec<Grant>,
}

/// What logical replication identifies an old row by.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaIdentity {
    /// The primary key.
    Default,
    /// None: updates and deletes cannot be published.
    Nothing,
    /// The whole row.
    Full,
    /// The named unique index.
    Index(String),
}

/// One column.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ColumnDefinition {
    /// The name.
    pub name: String,
    /// The type as SQL, qualified: `public.phasetype`, `character varying(100)`.
    pub data_type: String,
    /// The collation as SQL, if it is not the type's own.
    pub collation: Option<String>,
    /// `NOT NULL`, also one that was never checked against all rows.
    pub not_null: bool,
    /// The constraint that `NOT NULL` is since PostgreSQL 18; `None` if `NOT NULL` alone makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_null_constraint: Option<NotNullConstraint>,
    /// The default, as SQL.
    pub default: Option<String>,
    /// The identity, if it is an identity column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityDefinition>,
    /// The names of the sequences that it owns, in the schema of the table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owned_sequences: Vec<String>,
    /// The expression of a generated column, as SQL.
    pub generated: Option<String>,
    /// Whether the generated column is computed when it is read, since PostgreSQL 18, and not stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_virtual: bool,
    /// Columns that the generation expression reads.
    pub generated_from: Vec<String>,
    /// The storage mode, if it is not the type's own.
    pub storage: Option<String>,
    /// The compression method, if one was chosen.
    pub compression: Option<String>,
    /// `SET STATISTICS`, if one was chosen.
    pub statistics_target: Option<i32>,
    /// Attribute options, `n_distinct=-0.5`.
    pub options: Vec<String>,
    /// The comment.
    pub comment: Option<String>,
    /// Privileges on this column alone, in the order of the catalogue's array.
    pub grants: Vec<Grant>,
}

impl ColumnDefinition {
    /// A column without a default or any other attribute. The type is SQL, in PostgreSQL's own spelling.
    pub fn new(name: &str, data_type: &str, not_null: bool) -> Self {
        Self {
            name: name.into(),
            data_type: data_type.into(),
            collation: None,
            not_null,
            not_null_constraint: None,
            default: None,
            identity: None,
            owned_sequences: Vec::new(),
            generated: None,
            is_virtual: false,
            generated_from: Vec::new(),
            storage: None,
            compression: None,
            statistics_target: None,
            options: Vec::new(),
            comment: None,
            grants: Vec::new(),
        }
    }
}

/// What makes a column an identity column.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct IdentityDefinition {
    /// `GENERATED ALWAYS` rather than `GENERATED BY DEFAULT`.
    pub always: bool,
    /// The sequence.
    pub sequence: SequenceDefinition,
}

/// The sequence of an identity column, without its state.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct SequenceDefinition {
    /// The name, in the schema of the table.
    pub name: String,
    /// The type of its values, which need not be the column's.
    pub data_type: String,
    /// `START WITH`.
    pub start: i64,
    /// `INCREMENT BY`.
    pub increment: i64,
    /// `MINVALUE`.
    pub min: i64,
    /// `MAXVALUE`.
    pub max: i64,
    /// `CACHE`.
    pub cache: i64,
    /// `CYCLE`.
    pub cycle: bool,
    /// Whether it is unlogged, as its table is not.
    pub unlogged: bool,
    /// The comment.
    pub comment: Option<String>,
    /// Its privileges, the owner's own among them, in the order of the catalogue's array.
    pub grants: Vec<Grant>,
}

/// A `NOT NULL` that has more than its column's `NOT NULL`: a name of its own, a comment or an option.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct NotNullConstraint {
    /// The name.
    pub name: String,
    /// `NO INHERIT`.
    pub no_inherit: bool,
    /// Whether all rows were checked; if not, it is `NOT VALID`.
    pub valid: bool,
    /// The comment.
    pub comment: Option<String>,
}

/// An index, and the constraint that it implements if there is one.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct IndexDefinition {
    /// The name, and the constraint's name as well.
    pub name: String,
    /// `CREATE UNIQUE INDEX`.
    pub unique: bool,
    /// The definition from `USING` on; unused when there is a constraint.
    pub body: String,
    /// The primary key, unique or exclusion constraint.
    pub constraint: Option<IndexConstraint>,
    /// The tablespace; `None` is the database's own.
    pub tablespace: Option<String>,
    /// `ALTER TABLE .. CLUSTER ON` names this index.
    pub clustered: bool,
    /// Statistics targets of expressions: the column's number in the index, and the target.
    pub statistics_targets: Vec<(i16, i32)>,
    /// Extensions that it is marked to be dropped with.
    pub extensions: Vec<String>,
    /// The comment on the index.
    pub comment: Option<String>,
    /// The table's columns that it uses, in its keys, its included columns, its expressions or its predicate.
    pub columns: Vec<String>,
}

/// A constraint that is implemented by an index.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct IndexConstraint {
    /// `PRIMARY KEY (id)`, without storage options and deferral.
    pub definition: String,
    /// Storage options of its index, `fillfactor=70`, unless the definition spells them out already.
    pub options: Vec<String>,
    /// ` DEFERRABLE INITIALLY DEFERRED`, ` DEFERRABLE`, or nothing.
    pub deferral: String,
    /// The comment on the constraint.
    pub comment: Option<String>,
}

/// A check constraint.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct CheckDefinition {
    /// The name.
    pub name: String,
    /// `CHECK ((a <= b))`, with `NO INHERIT` and `NOT VALID` where these apply.
    pub definition: String,
    /// The comment.
    pub comment: Option<String>,
    /// The columns that it uses.
    pub columns: Vec<String>,
}

/// A foreign key.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct ForeignKey {
    /// The referencing table, which the constraint belongs to.
    pub table: QualifiedName,
    /// The name.
    pub name: String,
    /// The referenced table.
    pub references: QualifiedName,
    /// `FOREIGN KEY (..) REFERENCES ..`, with everything that follows.
    pub definition: String,
    /// The comment.
    pub comment: Option<String>,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The referenced columns.
    pub referenced_columns: Vec<String>,
    /// Whether the last column of each list is a `PERIOD`, since PostgreSQL 18.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_temporal: bool,
}

/// An extended statistics object. It has a schema and an owner of its own.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct StatisticsDefinition {
    /// Its schema and name.
    pub name: QualifiedName,
    /// The owning role.
    pub owner: String,
    /// The whole `CREATE STATISTICS`.
    pub definition: String,
    /// The statistics target, if one was chosen.
    pub target: Option<i32>,
    /// The comment.
    pub comment: Option<String>,
    /// The columns that it uses.
    pub columns: Vec<String>,
}

/// A trigger.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct TriggerDefinition {
    /// The name.
    pub name: String,
    /// The whole `CREATE TRIGGER`.
    pub definition: String,
    /// When it fires: `O`rigin, `D`isabled, `R`eplica, `A`lways.
    pub enabled: String,
    /// The function that it calls, as a `regprocedure`.
    pub function: String,
    /// The other table that a constraint trigger names with `FROM`.
    pub from: Option<QualifiedName>,
    /// Extensions that it is marked to be dropped with.
    pub extensions: Vec<String>,
    /// The comment.
    pub comment: Option<String>,
    /// Columns in `UPDATE OF` and `WHEN`.
    pub columns: Vec<String>,
}

/// A row security policy.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct PolicyDefinition {
    /// The name.
    pub name: String,
    /// `AS PERMISSIVE` rather than `AS RESTRICTIVE`.
    pub permissive: bool,
    /// `ALL`, `SELECT`, `INSERT`, `UPDATE` or `DELETE`.
    pub command: String,
    /// The roles it is for; empty is `PUBLIC`.
    pub roles: Vec<String>,
    /// The `USING` expression.
    pub using: Option<String>,
    /// The `WITH CHECK` expression.
    pub check: Option<String>,
    /// The comment.
    pub comment: Option<String>,
    /// The columns that it uses.
    pub columns: Vec<String>,
}

/// A publication that names the table. Publications of all tables, or of a schema's, need no replay.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct PublicationMembership {
    /// The publication.
    pub publication: String,
    /// The column list, if there is one.
    pub columns: Option<Vec<String>>,
    /// The row filter.
    pub filter: Option<String>,
    /// The columns that the list and the filter use.
    pub uses: Vec<String>,
}

/// The privileges that one role granted to another: one item of an access control list.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Grant {
    /// The grantor.
    pub grantor: String,
    /// The grantee; `None` is `PUBLIC`.
    pub grantee: Option<String>,
    /// The privileges without grant option.
    pub privileges: Vec<String>,
    /// The privileges `WITH GRANT OPTION`.
    pub grantable: Vec<String>,
}
