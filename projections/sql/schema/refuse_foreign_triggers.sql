-- Refuses writes of a powerful role (a superuser, CREATEROLE, the server's files and programs, or a member of such a role) to a table on
-- which another role has code: its owner, and roles that may create triggers on it or refer to it by foreign keys. The functions that
-- write have the rights of a table's owner. The caller holds a lock on the table that keeps new triggers and foreign keys away.
CREATE OR REPLACE FUNCTION phaseline.refuse_foreign_triggers(written regclass) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    powerful oid[] := ARRAY(SELECT r.oid FROM pg_roles r
                             WHERE r.rolsuper OR r.rolcreaterole
                                OR r.rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files'));
    planted record;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(powerful) AS p WHERE pg_has_role(p, 'MEMBER')) THEN
        RETURN;
    END IF;
    SELECT found.what, coalesce(author.rolname, 'another role') AS author, found.remedy INTO planted
      FROM (SELECT format('trigger %I runs %s', g.tgname, p.oid::regprocedure) AS what, p.proowner AS author,
                   'Drop the trigger' AS remedy
              FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
             WHERE g.tgrelid = written AND NOT g.tgisinternal AND g.tgenabled <> 'D'
            UNION ALL
            -- Its condition and arguments are code, too, and the catalogue does not record who created the trigger: any role that may
            -- create triggers there.
            SELECT format('trigger %I may be another role''s', g.tgname), a.grantee,
                   format('REVOKE TRIGGER ON %s FROM %s if the trigger is not that role''s', written,
                          CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
              FROM pg_trigger g
              JOIN pg_class k ON k.oid = g.tgrelid
             CROSS JOIN LATERAL aclexplode(k.relacl) a
             WHERE g.tgrelid = written AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND a.privilege_type = 'TRIGGER'
            UNION ALL
            -- Deleting a row, or changing its key, reads the referencing table, and writes to it if the key cascades.
            SELECT format('foreign key %I of table %s refers to it', c.conname, c.conrelid::regclass), k.relowner, 'Drop the foreign key'
              FROM pg_constraint c JOIN pg_class k ON k.oid = c.conrelid
             WHERE c.contype = 'f' AND c.confrelid = written
            UNION ALL
            SELECT 'it is another role''s', k.relowner, 'Give all tables to one owner' FROM pg_class k WHERE k.oid = written) found
      LEFT JOIN pg_roles author ON author.oid = found.author
     WHERE author.rolname IS DISTINCT FROM current_user
       -- Of two powerful roles that are no superusers, each may have rights that the other lacks.
       AND (author.oid IS NULL
            OR NOT EXISTS (SELECT FROM pg_roles s WHERE s.rolsuper AND pg_has_role(author.oid, s.oid, 'MEMBER')))
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: on table %, which is written with the rights of %, a powerful role, code of % would have these rights',
            planted.what, written, current_user, planted.author
            USING ERRCODE = 'PL004', HINT = format('Nothing was written. %s, or give the tables to a role that is not powerful and run: '
                'phaseline doctor --repair', planted.remedy);
    END IF;
END $$;
