-- Refuses to write to a table that belongs to a superuser while it has a trigger that runs a function of somebody who is none: who
-- may put triggers on a table need not own it, and the functions that write there have the owner's rights. The caller holds a lock on
-- the table that keeps new triggers away.
CREATE OR REPLACE FUNCTION phaseline.refuse_foreign_triggers(written regclass) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    planted record;
BEGIN
    SELECT g.tgname, p.oid::regprocedure AS function, pg_get_userbyid(p.proowner) AS author, owner.rolname AS owner
      INTO planted
      FROM pg_trigger g
      JOIN pg_class c ON c.oid = g.tgrelid
      JOIN pg_roles owner ON owner.oid = c.relowner AND owner.rolsuper
     CROSS JOIN LATERAL (
         SELECT g.tgfoid AS oid
         UNION ALL
         -- WHEN (condition), in which each function is named by its number.
         SELECT called.number[1]::oid
           FROM regexp_matches(g.tgqual::text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') AS called (number)) f
      JOIN pg_proc p ON p.oid = f.oid
      JOIN pg_roles author ON author.oid = p.proowner AND NOT author.rolsuper
     WHERE g.tgrelid = written AND NOT g.tgisinternal AND g.tgenabled <> 'D'
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'trigger % on table % runs %, which belongs to % and would have the rights of %, a superuser',
            planted.tgname, written, planted.function, planted.author, planted.owner
            USING ERRCODE = 'PL004', HINT = format('Nothing was written. Drop the trigger, or have %I read the function and take '
                'it over, or give the table to a role that is no superuser and run: phaseline doctor --repair', planted.owner);
    END IF;
END $$;
