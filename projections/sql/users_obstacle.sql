-- Why phaseline.planner_user cannot be used, in a sentence with the remedy, and whether the table is the reason; no row if it can.
WITH users AS (
    SELECT c.oid, c.relkind, c.relowner
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
     WHERE c.relname = 'users' AND c.relkind = 'r'
),
reader AS (
    SELECT p.proowner
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'phaseline'
     WHERE p.proname = 'planner_user'
),
-- The columns that the function reads, with their types.
wanted (name, types) AS (
    VALUES ('id', ARRAY['uuid']), ('username', ARRAY['character varying', 'text']), ('is_active', ARRAY['boolean'])
),
differing (text) AS (
    SELECT format('%s must be of type %s, and is %s', w.name, w.types[1],
                  coalesce('of type ' || pg_catalog.format_type(a.atttypid, NULL), 'missing'))
      FROM wanted w
     CROSS JOIN users u
      LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = u.oid AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE pg_catalog.format_type(a.atttypid, NULL) = ANY (w.types) IS NOT TRUE
)
SELECT o.text, o.is_in_table
  FROM (SELECT 1 AS turn, true AS is_in_table, 'the database has no table public.users' AS text WHERE NOT EXISTS (SELECT FROM users)
        UNION ALL
        SELECT 2, true, 'public.users is not the planner''s table: ' || string_agg(d.text, '; ' ORDER BY d.text)
          FROM differing d HAVING count(*) > 0
        UNION ALL
        SELECT 3, false, 'function phaseline.planner_user, which reads public.users, is missing: run phaseline upgrade'
         WHERE NOT EXISTS (SELECT FROM reader)
        UNION ALL
        SELECT 4, false, 'function phaseline.planner_user does not belong to the owner of public.users: run phaseline doctor --repair'
          FROM reader r CROSS JOIN users u WHERE r.proowner <> u.relowner) o
 ORDER BY o.turn LIMIT 1
