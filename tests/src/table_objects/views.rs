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
        "views: with a trigger instead and a rule, and a materialized one on a view",
        &[
            "CREATE VIEW dba_requests AS SELECT id, updated_at FROM project_phases",
            "CREATE FUNCTION dba_request() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "CREATE TRIGGER dba_instead INSTEAD OF INSERT ON dba_requests FOR EACH ROW EXECUTE FUNCTION dba_request()",
            "CREATE RULE dba_never AS ON UPDATE TO dba_requests DO INSTEAD NOTHING",
            "COMMENT ON RULE dba_never ON dba_requests IS 'requests do not change'",
            "CREATE MATERIALIZED VIEW dba_requested AS SELECT count(*) AS n FROM dba_requests",
            "CREATE UNIQUE INDEX ON dba_requested (n)",
        ],
    ),
    object(
        "materialized views: with indexes, options, statistics, comments and grants",
        &[
            "CREATE MATERIALIZED VIEW \"dba's Budgets\" WITH (fillfactor = 61, autovacuum_enabled = off, toast.autovacuum_enabled = off)
                AS SELECT ph.id, p.name COLLATE \"C\" AS \"Na\"\"me\", ph.total_budget FROM project_phases ph
                JOIN projects p ON p.id = ph.project_id",
            "CREATE UNIQUE INDEX dba_budgets_id ON \"dba's Budgets\" (id) INCLUDE (total_budget) WITH (fillfactor = 55)",
            "CREATE INDEX dba_budgets_lower ON \"dba's Budgets\" (lower(\"Na\"\"me\") DESC) WHERE total_budget > 0",
            "ALTER INDEX dba_budgets_lower ALTER COLUMN 1 SET STATISTICS 222",
            "ALTER MATERIALIZED VIEW \"dba's Budgets\" CLUSTER ON dba_budgets_id",
            "ALTER MATERIALIZED VIEW \"dba's Budgets\" ALTER COLUMN \"Na\"\"me\" SET STATISTICS 33",
            "ALTER MATERIALIZED VIEW \"dba's Budgets\" ALTER COLUMN \"Na\"\"me\" SET STORAGE EXTERNAL",
            "ALTER MATERIALIZED VIEW \"dba's Budgets\" ALTER COLUMN id SET (n_distinct = -1)",
            "ALTER MATERIALIZED VIEW \"dba's Budgets\" RENAME total_budget TO \"Total\"",
            "CREATE STATISTICS dba_budget_statistics ON id, \"Total\" FROM \"dba's Budgets\"",
            "COMMENT ON MATERIALIZED VIEW \"dba's Budgets\" IS 'it''s computed'",
            "COMMENT ON COLUMN \"dba's Budgets\".\"Total\" IS 'of both kinds'",
            "COMMENT ON INDEX dba_budgets_lower IS 'for searches'",
            "GRANT SELECT ON \"dba's Budgets\" TO PUBLIC",
            "GRANT SELECT (id) ON \"dba's Budgets\" TO pg_monitor WITH GRANT OPTION",
            "REVOKE DELETE ON \"dba's Budgets\" FROM CURRENT_USER",
        ],
    ),
    object(
        "materialized views: one on another, directly and through a view",
        &[
            "CREATE MATERIALIZED VIEW dba_z_first AS SELECT project_id, count(*) AS n FROM resource_assignments GROUP BY 1",
            "CREATE VIEW dba_middle AS SELECT project_id, n FROM dba_z_first WHERE n > 1",
            "CREATE MATERIALIZED VIEW dba_last AS SELECT m.n, ph.id FROM dba_middle m
                JOIN project_phases ph ON ph.project_id = m.project_id",
            "CREATE MATERIALIZED VIEW dba_direct AS SELECT max(n) AS n FROM dba_z_first",
            "CREATE VIEW dba_of_direct AS SELECT n FROM dba_direct",
        ],
    ),
    object(
        "materialized views: without rows",
        &[
            "CREATE MATERIALIZED VIEW dba_unread AS SELECT id, updated_at FROM resource_assignments WITH NO DATA",
            "CREATE INDEX dba_unread_id ON dba_unread (id)",
        ],
    ),
];
