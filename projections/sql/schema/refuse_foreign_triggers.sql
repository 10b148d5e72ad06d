-- Refuses that a superuser writes to a table on which a role that is not one has code: its owner, and roles that may put triggers on it or
-- refer to it by foreign keys. The functions that write have the rights of a table's owner. The caller holds a lock on the table that
-- keeps new triggers and foreign keys away.
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
            -- Its condition and its arguments are code, too, and the catalogue does not know who made the trigger: any role that may
            -- put triggers there.
            SELECT format('trigger %I may be another role''s', g.tgname), a.grantee
              FROM pg_trigger g
              JOIN pg_class k ON k.oid = g.tgrelid
             CROSS JOIN LATERAL aclexplode(k.relacl) a
             WHERE g.tgrelid = written AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND a.privilege_type = 'TRIGGER'
            UNION ALL
            -- Deleting a row, or changing its key, reads that table, and writes to it if the key follows.
            SELECT format('foreign key %I of table %s refers to it', c.conname, c.conrelid::regclass), k.relowner
              FROM pg_constraint c JOIN pg_class k ON k.oid = c.conrelid
             WHERE c.contype = 'f' AND c.confrelid = written
            UNION ALL
            SELECT 'it is another role''s', k.relowner FROM pg_class k WHERE k.oid = written) found
      LEFT JOIN pg_roles author ON author.oid = found.author
      JOIN pg_roles owner ON owner.rolname = current_user AND owner.rolsuper
     WHERE author.rolsuper IS NOT TRUE
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: on table %, which is written with the rights of %, a superuser, code of % would have these rights',
            planted.what, written, planted.owner, planted.author
            USING ERRCODE = 'PL004', HINT = 'Nothing was written. Drop it, or give the table to a role that is not a superuser and run: '
                'phaseline doctor --repair';
    END IF;
END $$;
