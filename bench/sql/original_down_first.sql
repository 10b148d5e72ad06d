-- The original's rollback, before its rows. It restores the type as text, at the end of the table.
ALTER TABLE project_phases ADD COLUMN phase_type varchar(50);
ALTER TABLE resource_assignments ADD COLUMN project_phase_id uuid;
