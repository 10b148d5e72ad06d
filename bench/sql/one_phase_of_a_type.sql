-- Leaves each project at most one phase of each type, since the original fails on others. Assignments move to the remaining phase.
CREATE TEMPORARY TABLE kept AS
SELECT DISTINCT ON (project_id, phase_type) project_id, phase_type, id
  FROM public.project_phases
 ORDER BY project_id, phase_type, created_at, id;

UPDATE public.resource_assignments AS a
   SET project_phase_id = kept.id
  FROM public.project_phases AS ph
  JOIN kept USING (project_id, phase_type)
 WHERE ph.id = a.project_phase_id AND kept.id <> ph.id;

DELETE FROM public.project_phases AS ph
 WHERE NOT EXISTS (SELECT FROM kept WHERE kept.id = ph.id);
DROP TABLE kept;
