CREATE UNIQUE INDEX ON public.phase_history (id) WHERE to_position IS NULL;
CREATE INDEX ON public.phase_history (id, from_position);
CREATE INDEX ON public.phase_history (project_id, from_position);
CREATE INDEX ON public.phase_history (from_position);
CREATE INDEX ON public.phase_history (to_position);
CREATE INDEX ON public.phase_history USING gist (int8range(from_position, to_position));
CREATE INDEX ON public.projects (lower(name), id);
