//! Views on the planner's tables.

use super::{TableObject, object};

pub(super) const OBJECTS: &[TableObject] = &[
    object(
        "views: one of phases, one on it, with comments and a grant",
        &[
            "CREATE VIEW dba_money AS SELECT id, project_id, total_budget AS money FROM project_phases",
            "CREATE VIEW dba_money_of_projects AS SELECT project_id, sum(money) AS money FROM dba_money GROUP BY 1",
            "COMMENT ON VIEW dba_money IS 'what a phase costs'",
            "COMMENT ON COLUMN dba_money.money IS 'in all'",
            "GRANT SELECT ON dba_money TO PUBLIC",
            "GRANT SELECT (id) ON dba_money TO pg_monitor",
        ],
    ),
    object(
        "views: updatable, with a barrier, a check option and a default",
        &[
            "CREATE VIEW dba_booked WITH (security_barrier = true, check_option = local) AS
                SELECT id, resource_id, assignment_date FROM resource_assignments WHERE assignment_date > '2000-01-01'",
            "ALTER VIEW dba_booked ALTER id SET DEFAULT '00000000-0000-0000-0000-00000000000a'",
        ],
    ),
    object(
        "views: over both tables, with odd names and a collation",
        &[
            "CREATE VIEW \"Plan; --\" WITH (security_invoker = true) AS
                SELECT p.name COLLATE \"C\" AS \"Na\"\"me\", count(a.id) AS n, max(ph.total_budget) AS \"select\"
                  FROM projects p LEFT JOIN project_phases ph ON ph.project_id = p.id
                  LEFT JOIN resource_assignments a ON a.project_id = p.id GROUP BY p.id ORDER BY 1 LIMIT 1000",
        ],
    ),
    object(
        "views: grouped by a primary key, recursive, and of whole rows",
        &[
            "CREATE VIEW dba_keyed AS SELECT ph.id, ph.total_budget, count(p.*) AS n FROM project_phases ph
                JOIN projects p ON p.id = ph.project_id GROUP BY ph.id",
            "CREATE RECURSIVE VIEW dba_days (day) AS SELECT min(assignment_date) FROM resource_assignments
                UNION ALL SELECT day + 1 FROM dba_days WHERE day < (SELECT max(assignment_date) FROM resource_assignments)",
            "CREATE VIEW dba_counted AS SELECT count(a) AS n FROM resource_assignments a",
        ],
    ),
    object(
        "views: with a trigger instead, and a materialized one on a view",
        &[
            "CREATE VIEW dba_requests AS SELECT id, updated_at FROM project_phases",
            "CREATE FUNCTION dba_request() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "CREATE TRIGGER dba_instead INSTEAD OF INSERT ON dba_requests FOR EACH ROW EXECUTE FUNCTION dba_request()",
            "CREATE MATERIALIZED VIEW dba_requested AS SELECT count(*) AS n FROM dba_requests",
            "CREATE UNIQUE INDEX ON dba_requested (n)",
        ],
    ),
];
