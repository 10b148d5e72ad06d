//! Budgets and links that break the planner's own rules, and projects without phases.

use super::{RefusalCase, case};

pub(super) fn cases() -> Vec<RefusalCase> {
    vec![
        case(
            "budgets that are not numbers",
            // NaN passes every check: it is equal to itself, and greater than all numbers.
            &[
                "UPDATE project_phases SET capital_budget = 'NaN', total_budget = 'NaN' WHERE id = '<spring planning>'",
            ],
            &["<spring planning>"],
        ),
        case(
            "a sum that is off",
            &[
                "ALTER TABLE project_phases DROP CONSTRAINT check_budget_sum",
                "UPDATE project_phases SET total_budget = total_budget + 0.01 WHERE id = '<spring planning>'",
            ],
            &["<spring planning>"],
        ),
        case(
            "sums that are off in two phases, the check there but not validated",
            &[
                "ALTER TABLE project_phases DROP CONSTRAINT check_budget_sum",
                "UPDATE project_phases SET total_budget = 0 WHERE project_id = '<spring>'",
                "ALTER TABLE project_phases ADD CONSTRAINT check_budget_sum
                    CHECK (capital_budget + expense_budget = total_budget) NOT VALID",
            ],
            &["<spring planning>", "<spring execution>"],
        ),
        case(
            "a negative budget",
            &[
                "ALTER TABLE project_phases DROP CONSTRAINT check_capital_budget_positive",
                "UPDATE project_phases SET capital_budget = -1, total_budget = expense_budget - 1
                    WHERE id = '<spring planning>'",
            ],
            &["<spring planning>"],
        ),
        case(
            "a budget that is not there",
            &[
                "ALTER TABLE project_phases ALTER COLUMN expense_budget DROP NOT NULL",
                "UPDATE project_phases SET expense_budget = NULL WHERE id = '<summer execution>'",
            ],
            &["<summer execution>"],
        ),
        case(
            "a phase without a type",
            &[
                "ALTER TABLE project_phases ALTER COLUMN phase_type DROP NOT NULL",
                "UPDATE project_phases SET phase_type = NULL WHERE id = '<summer execution>'",
            ],
            &["<summer execution>"],
        ),
        case(
            "an assignment without a phase",
            &[
                "ALTER TABLE resource_assignments ALTER COLUMN project_phase_id DROP NOT NULL",
                "UPDATE resource_assignments SET project_phase_id = NULL WHERE id = '<assignment>'",
            ],
            &["<assignment>"],
        ),
        case(
            "a project without phases",
            &["DELETE FROM project_phases WHERE project_id = '<weekend>'"],
            &["<weekend>"],
        )
        .repairable(),
        case(
            "a project without phases whose assignment is on another project's phase",
            &[
                "DELETE FROM project_phases WHERE project_id = '<weekend>'",
                "UPDATE resource_assignments SET project_id = '<weekend>' WHERE id = '<other assignment>'",
            ],
            &["<weekend>"],
        )
        .repairable(),
        case(
            "two things that are wrong at once",
            &[
                "DELETE FROM project_phases WHERE project_id = '<weekend>'",
                "UPDATE projects SET end_date = 'infinity' WHERE id = '<spring>'",
                "UPDATE project_phases SET expense_budget = 'NaN', total_budget = 'NaN'
                    WHERE id = '<summer execution>'",
            ],
            &["<weekend>", "<spring>", "<summer execution>"],
        ),
    ]
}
