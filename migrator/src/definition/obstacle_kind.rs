//! The kinds of obstacles that the two queries report, each with its reason and remedy.

use super::options::Scope;

/// A kind of `obstacles.sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObstacleKind {
    MaterializedView,
    ViewOfColumn,
    View,
    Rule,
    Function,
    RowType,
    Sequence,
    IdentityColumn,
    SequenceOfExtension,
    ForeignTrigger,
    PartitionedKey,
    Child,
    Parent,
    Partition,
    PartitionedTable,
    ForeignTable,
    NoTable,
    UnloggedTable,
    TemporaryTable,
    TypedTable,
    Extension,
    SecurityLabel,
    Subscription,
    AddedColumn,
    MissingColumn,
    TriggerOnColumn,
    PolicyOnColumn,
    PublicationOfColumn,
    GeneratedColumn,
    KeyOfColumn,
    KeyToColumn,
    Grantor,
    /// Any other object that depends on the table.
    Other,
}

/// The names in `obstacles.sql`.
const NAMES: &[(&str, ObstacleKind)] = &[
    ("materialized view", ObstacleKind::MaterializedView),
    ("view of column", ObstacleKind::ViewOfColumn),
    ("view", ObstacleKind::View),
    ("rule", ObstacleKind::Rule),
    ("function", ObstacleKind::Function),
    ("row type", ObstacleKind::RowType),
    ("sequence", ObstacleKind::Sequence),
    ("identity column", ObstacleKind::IdentityColumn),
    ("sequence of extension", ObstacleKind::SequenceOfExtension),
    ("foreign trigger", ObstacleKind::ForeignTrigger),
    ("partitioned key", ObstacleKind::PartitionedKey),
    ("child", ObstacleKind::Child),
    ("parent", ObstacleKind::Parent),
    ("partition", ObstacleKind::Partition),
    ("partitioned table", ObstacleKind::PartitionedTable),
    ("foreign table", ObstacleKind::ForeignTable),
    ("no table", ObstacleKind::NoTable),
    ("unlogged table", ObstacleKind::UnloggedTable),
    ("temporary table", ObstacleKind::TemporaryTable),
    ("typed table", ObstacleKind::TypedTable),
    ("extension", ObstacleKind::Extension),
    ("security label", ObstacleKind::SecurityLabel),
    ("subscription", ObstacleKind::Subscription),
    ("added column", ObstacleKind::AddedColumn),
    ("missing column", ObstacleKind::MissingColumn),
    ("trigger on column", ObstacleKind::TriggerOnColumn),
    ("policy on column", ObstacleKind::PolicyOnColumn),
    ("publication of column", ObstacleKind::PublicationOfColumn),
    ("generated column", ObstacleKind::GeneratedColumn),
    ("key of column", ObstacleKind::KeyOfColumn),
    ("key to column", ObstacleKind::KeyToColumn),
    ("grantor", ObstacleKind::Grantor),
];

impl ObstacleKind {
    /// The kind of a name in `obstacles.sql`.
    pub(super) fn parse(name: &str) -> Self {
        NAMES.iter().find(|(known, _)| *known == name).map_or(Self::Other, |(_, kind)| *kind)
    }

    /// Why it is in the way.
    pub(super) fn reason(self, going_columns: &[&str]) -> String {
        let going = going_columns.join(" or ");
        let reason = match self {
            Self::MaterializedView => {
                "it must be made again with the table, which would lose its extension or run checks of a \
                 domain: its constants, or those of its indexes and statistics, are in the way"
            }
            Self::View => {
                "its definition must be replaced during the swap, which would take it from its extension or run checks of a domain in \
                 its constants"
            }
            Self::Rule => "rules are not carried over to the rebuilt table",
            Self::Function => "its body or its signature is bound to the table, which is rebuilt",
            Self::RowType => {
                "it uses the table's row type, which becomes another type when the table is rebuilt"
            }
            Self::IdentityColumn => "its sequence would be dropped with the column",
            Self::SequenceOfExtension => "it belongs to an extension, which would lose it",
            Self::ForeignTrigger => "another table's constraint trigger names this table",
            Self::PartitionedKey => "foreign keys of partitioned tables are not carried over",
            Self::Child | Self::Parent => "inheritance is not carried over",
            Self::Partition => "partitions are not carried over",
            Self::PartitionedTable | Self::ForeignTable | Self::NoTable => {
                "only an ordinary table can be migrated"
            }
            Self::UnloggedTable => "a crash empties it, and then it would differ from the log",
            Self::TemporaryTable => "a temporary table ends with its session",
            Self::TypedTable => "the columns of a typed table cannot change",
            Self::Extension => "the table belongs to the extension, which would lose it",
            Self::SecurityLabel => "security labels are not carried over",
            Self::Subscription => {
                "the table receives rows by logical replication, and would not receive them after the rebuild"
            }
            Self::AddedColumn => {
                "the planner's schema does not have it, and the log does not keep its values"
            }
            Self::MissingColumn => "the planner's schema has it",
            Self::Grantor => {
                "its grantor is now a member of the owner, so a new grant would name the owner as grantor"
            }
            Self::Other => "it depends on the table in a way that is not carried over",
            Self::ViewOfColumn | Self::TriggerOnColumn | Self::PolicyOnColumn | Self::PublicationOfColumn => {
                return format!("it uses {going}, which is dropped");
            }
            Self::Sequence => return format!("it belongs to {going}, which is dropped"),
            Self::GeneratedColumn => return format!("it is computed from {going}, which is dropped"),
            Self::KeyToColumn => return format!("it refers to {going}, which is dropped"),
            Self::KeyOfColumn => {
                return format!("without {going} nothing prevents deleting the referenced rows");
            }
        };
        reason.into()
    }

    /// What to do about it.
    pub(super) fn remedy(self, object: &str) -> String {
        let drop_first =
            || format!("keep the definition of the {object}, drop it, and create it again afterwards");
        let remedy = match self {
            Self::MaterializedView
            | Self::ViewOfColumn
            | Self::Rule
            | Self::Function
            | Self::ForeignTrigger
            | Self::TriggerOnColumn
            | Self::PolicyOnColumn
            | Self::Other => return drop_first(),
            Self::View => {
                return format!("give its constants types without domains; or {}", drop_first());
            }
            Self::Sequence => {
                return format!("ALTER {} OWNED BY NONE", object.replacen("sequence", "SEQUENCE", 1));
            }
            Self::PartitionedKey => return format!("drop the {object} and add it again afterwards"),
            Self::Subscription => {
                return format!("take the table out of the publication that the {object} follows");
            }
            Self::RowType => "use a type of its own there, or drop it",
            Self::IdentityColumn => {
                "ALTER TABLE .. ALTER COLUMN .. DROP IDENTITY, with a sequence of its own as default if it needs one"
            }
            Self::Child | Self::Parent => "ALTER TABLE .. NO INHERIT",
            Self::Partition => "ALTER TABLE .. DETACH PARTITION",
            Self::PartitionedTable | Self::ForeignTable | Self::NoTable | Self::TemporaryTable => {
                "make it an ordinary table first"
            }
            Self::UnloggedTable => "ALTER TABLE .. SET LOGGED",
            Self::TypedTable => "ALTER TABLE .. NOT OF",
            Self::SequenceOfExtension => "ALTER EXTENSION .. DROP SEQUENCE ..",
            Self::Extension => "ALTER EXTENSION .. DROP TABLE ..",
            Self::SecurityLabel => "SECURITY LABEL .. IS NULL, and set it again afterwards",
            Self::AddedColumn => "move it to a table of its own, or drop it",
            Self::MissingColumn => "check that this is the database of the right revision",
            Self::PublicationOfColumn => "publish the table without that column list or row filter",
            Self::GeneratedColumn | Self::KeyOfColumn | Self::KeyToColumn => {
                "drop it, and add it again afterwards"
            }
            Self::Grantor => "revoke it, and grant it as the owner",
        };
        remedy.into()
    }
}

/// A kind of `unknown.sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnknownKind<'a> {
    /// An option; its scope decides whether it is refused.
    Option(Scope<'a>),
    /// A code, a constraint or a value in the catalogue.
    Code,
}

impl<'a> UnknownKind<'a> {
    /// The kind of a name in `unknown.sql`.
    pub(super) fn parse(name: &'a str) -> Self {
        match name.strip_prefix("option of ") {
            None => Self::Code,
            Some("table") => Self::Option(Scope::Table),
            Some("toast") => Self::Option(Scope::Toast),
            Some("column") => Self::Option(Scope::Column),
            Some("operator class") => Self::Option(Scope::OperatorClass),
            Some(method) => Self::Option(Scope::Index(method)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that the query gives to what it found.
    fn names_in_the_query() -> Vec<String> {
        let comment = |line: &&str| line.trim_start().starts_with("--");
        let query: Vec<&str> = include_str!("obstacles.sql").lines().filter(|line| !comment(line)).collect();
        let mut before = "";
        let mut names = Vec::new();
        let query = query.join("\n");
        for (place, text) in query.split('\'').enumerate() {
            let is_name = text.chars().all(|c| c.is_ascii_lowercase() || c == ' ');
            let keyword = before.trim_end().rsplit([' ', '\n']).next();
            if place % 2 == 1 && is_name && matches!(keyword, Some("THEN" | "ELSE" | "SELECT" | "DISTINCT")) {
                names.push(text.to_owned());
            }
            before = text;
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    #[test]
    fn every_name_in_the_query_is_known() {
        let mut known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).chain(["dependent"]).collect();
        known.sort_unstable();
        assert_eq!(names_in_the_query(), known);
        assert_eq!(ObstacleKind::parse("dependent"), ObstacleKind::Other);
    }
}
