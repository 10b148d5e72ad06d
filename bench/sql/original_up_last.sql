-- The original's migration, after its rows: the new constraints, and the old columns dropped without being read.
ALTER TABLE project_phases ALTER COLUMN name SET NOT NULL;
ALTER TABLE project_phases ALTER COLUMN start_date SET NOT NULL;
ALTER TABLE project_phases ALTER COLUMN end_date SET NOT NULL;
ALTER TABLE project_phases ADD CONSTRAINT check_phase_dates CHECK (start_date <= end_date);
CREATE INDEX ix_project_phases_start_date ON project_phases (start_date);
CREATE INDEX ix_project_phases_end_date ON project_phases (end_date);
ALTER TABLE project_phases DROP COLUMN phase_type;
DROP INDEX ix_resource_assignments_project_phase_id;
ALTER TABLE resource_assignments DROP CONSTRAINT resource_assignments_project_phase_id_fkey;
ALTER TABLE resource_assignments DROP COLUMN project_phase_id;
UPDATE alembic_version SET version_num = '92023c163a26';
