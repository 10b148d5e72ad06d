//! Indexes of all kinds, and extended statistics.

use super::{TableObject, object};

pub(super) const OBJECTS: &[TableObject] = &[
    object(
        "phases: a partial index",
        &["CREATE INDEX dba_large ON project_phases (project_id) WHERE total_budget > 100000"],
    ),
    object(
        "phases: an index on the column that goes",
        &[
            "CREATE INDEX dba_by_type ON project_phases (phase_type, project_id DESC NULLS LAST)",
            "COMMENT ON INDEX dba_by_type IS 'by type'",
        ],
    ),
    object(
        "phases: partial and covering indexes over the column that goes",
        &[
            "CREATE UNIQUE INDEX dba_planning ON project_phases (id) WHERE phase_type = 'PLANNING'",
            "CREATE INDEX dba_cover ON project_phases (project_id) INCLUDE (phase_type, total_budget)",
        ],
    ),
    object(
        "phases: an index on expressions, one with the column that goes",
        &["CREATE INDEX dba_expression ON project_phases
            ((phase_type = 'EXECUTION'), (capital_budget + expense_budget))"],
    ),
    object(
        "phases: an index with options, statistics targets and an odd name",
        &[
            r#"CREATE INDEX "Dba ""Odd"" Index é" ON project_phases ((total_budget * 2), created_at)
                WITH (fillfactor = 55)"#,
            r#"ALTER INDEX "Dba ""Odd"" Index é" ALTER COLUMN 1 SET STATISTICS 333"#,
        ],
    ),
    object("phases: a hash and a brin index", &[
        "CREATE INDEX dba_hash ON project_phases USING hash (project_id)",
        "CREATE INDEX dba_brin ON project_phases USING brin (created_at) WITH (pages_per_range = 8)",
    ]),
    object(
        "phases: a unique index in which nulls are alike",
        &["CREATE UNIQUE INDEX dba_nulls ON project_phases (id, updated_at) NULLS NOT DISTINCT"],
    ),
    object("phases: an index of the planner's renamed", &[
        "ALTER INDEX ix_project_phases_id RENAME TO \"ix Phasen\"",
    ]),
    object("assignments: an index of the planner's dropped", &["DROP INDEX ix_resource_assignments_id"]),
    object(
        "assignments: an index of the planner's with options",
        &["ALTER INDEX ix_resource_assignments_project_phase_id SET (fillfactor = 66)"],
    ),
    object(
        "assignments: indexes on the column that goes",
        &[
            "CREATE INDEX dba_phase_day ON resource_assignments (project_phase_id, assignment_date)",
            "CREATE INDEX dba_phase_partial ON resource_assignments (assignment_date)
                WHERE project_phase_id > '80000000-0000-0000-0000-000000000000'",
            "CREATE INDEX dba_phase_expression ON resource_assignments (md5(project_phase_id::text))",
            "CREATE INDEX dba_phase_cover ON resource_assignments (resource_id) INCLUDE (project_phase_id)",
        ],
    ),
    object(
        "assignments: an index on kept columns, with a comment",
        &[
            "CREATE INDEX dba_month ON resource_assignments ((date_part('month', assignment_date)), resource_id)
                WHERE allocation_percentage > 50",
            "COMMENT ON INDEX dba_month IS 'for the month''s end'",
        ],
    ),
    object(
        "assignments: statistics over the column that goes",
        &[
            "CREATE STATISTICS dba_links (ndistinct, dependencies, mcv) ON project_phase_id, project_id
                FROM resource_assignments",
            "COMMENT ON STATISTICS dba_links IS 'correlated'",
            "ALTER STATISTICS dba_links SET STATISTICS 55",
            "ALTER STATISTICS dba_links OWNER TO phaseline_test_owner",
        ],
    ),
    object(
        "assignments: statistics over kept columns",
        &[
            "CREATE STATISTICS \"dba Days\" ON (assignment_date - date '2000-01-01'), project_id
                FROM resource_assignments",
            "ANALYZE resource_assignments",
        ],
    ),
    object(
        "phases: statistics, one over the column that goes",
        &[
            "CREATE STATISTICS dba_types (mcv) ON phase_type, total_budget FROM project_phases",
            "CREATE STATISTICS dba_budgets (dependencies) ON capital_budget, total_budget FROM project_phases",
        ],
    ),
];
