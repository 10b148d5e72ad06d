-- The original's migration, before its rows: the new columns, still without a value.
ALTER TABLE project_phases ADD COLUMN name varchar(100);
ALTER TABLE project_phases ADD COLUMN start_date date;
ALTER TABLE project_phases ADD COLUMN end_date date;
ALTER TABLE project_phases ADD COLUMN description varchar(500);
