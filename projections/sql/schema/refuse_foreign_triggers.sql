-- Refuses to write to a table of a superuser on which a role that is not a superuser has code: a role may create triggers on a table, or
-- foreign keys to it, without owning it, and the functions that write there have the owner's privileges. The caller's lock on the
-- table prevents new triggers and foreign keys.
CREATE OR REPLACE FUNCTION phaseline.refuse_foreign_triggers(written regclass) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    planted record;
BEGIN
    SELECT found.what, coalesce(author.rolname, 'another role') AS author, owner.rolname AS owner INTO planted
      FROM (SELECT format('trigger %I runs %s', g.tgname, p.oid::regprocedure) AS what, p.proowner AS author
              FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
             WHERE g.tgrelid = written AND NOT g.tgisinternal AND g.tgenabled <> 'D'
            UNION ALL
            -- The functions that WHEN (condition) calls are not all listed: the type of a value may have one. Nor does the catalogue
            -- know who wrote a condition; it may be anybody who may put triggers there.
            SELECT format('trigger %I has a condition', g.tgname), a.grantee
              FROM pg_trigger g
              JOIN pg_class k ON k.oid = g.tgrelid
             CROSS JOIN LATERAL aclexplode(k.relacl) a
             WHERE g.tgrelid = written AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgqual IS NOT NULL
               AND a.privilege_type = 'TRIGGER'
            UNION ALL
            -- Deleting a row, or changing its key, goes on into that table and its triggers.
            SELECT format('foreign key %I of table %s follows deletions and changes', c.conname, c.conrelid::regclass), k.relowner
              FROM pg_constraint c JOIN pg_class k ON k.oid = c.conrelid
             WHERE c.contype = 'f' AND c.confrelid = written
               AND (c.confdeltype NOT IN ('a', 'r') OR c.confupdtype NOT IN ('a', 'r'))) found
      LEFT JOIN pg_roles author ON author.oid = found.author
      JOIN pg_class c ON c.oid = written
      JOIN pg_roles owner ON owner.oid = c.relowner AND owner.rolsuper
     WHERE author.rolsuper IS NOT TRUE
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: on table %, which belongs to %, a superuser, code of % would run with the privileges of that role', planted.what, written,
            planted.owner, planted.author
            USING ERRCODE = 'PL004', HINT = 'Nothing was written. Drop it, or give the table to a role that is not a superuser and run: '
                'phaseline doctor --repair';
    END IF;
END $$;
