-- The original's rollback, after its rows.
ALTER TABLE project_phases ALTER COLUMN phase_type SET NOT NULL;
ALTER TABLE resource_assignments ALTER COLUMN project_phase_id SET NOT NULL;
ALTER TABLE resource_assignments ADD CONSTRAINT resource_assignments_project_phase_id_fkey
    FOREIGN KEY (project_phase_id) REFERENCES project_phases (id);
CREATE INDEX ix_resource_assignments_project_phase_id ON resource_assignments (project_phase_id);
DROP INDEX ix_project_phases_end_date;
DROP INDEX ix_project_phases_start_date;
ALTER TABLE project_phases DROP CONSTRAINT check_phase_dates;
ALTER TABLE project_phases DROP COLUMN description;
ALTER TABLE project_phases DROP COLUMN end_date;
ALTER TABLE project_phases DROP COLUMN start_date;
ALTER TABLE project_phases DROP COLUMN name;
UPDATE alembic_version SET version_num = '976e6adbac6f';
