-- The roles of a Masthead database (docs/operations.md, "Roles of the database"). A superuser runs this in the database:
--
--   psql --dbname=masthead --file=deploy/postgres/roles.sql
--
-- then sets passwords (\password masthead_owner, …), unless the roles sign in by certificate or by the operating system. It can be
-- run again at any time, also on a database that another role has owned so far.
--
--   masthead_owner    owns the tables; for `masthead migrate`
--   masthead_server   for `masthead serve` and all other commands: reads and writes rows
--   masthead_reader   for reports and support: reads, and sees no passwords, codes, keys or mails
\set ON_ERROR_STOP on

BEGIN;

SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY['masthead_owner', 'masthead_server', 'masthead_reader']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- Only these roles connect. CREATE is for the extensions pg_trgm and btree_gin, which need no superuser.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO masthead_owner, masthead_server, masthead_reader;
GRANT CREATE ON DATABASE :"DBNAME" TO masthead_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO masthead_owner, masthead_server, masthead_reader;
GRANT CREATE ON SCHEMA public TO masthead_owner;

-- What another role has owned so far.
SELECT format('ALTER TABLE %s OWNER TO masthead_owner', oid::regclass) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relowner <> 'masthead_owner'::regrole \gexec
SELECT format('ALTER ROUTINE %s OWNER TO masthead_owner', oid::regprocedure) FROM pg_proc AS p
 WHERE pronamespace = 'public'::regnamespace AND proowner <> 'masthead_owner'::regrole
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e') \gexec

-- Also for the tables of later migrations.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO masthead_server;
ALTER DEFAULT PRIVILEGES FOR ROLE masthead_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO masthead_server;
-- The numbers of registrations are taken before their rows, where a user's id is its number.
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO masthead_server;
ALTER DEFAULT PRIVILEGES FOR ROLE masthead_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO masthead_server;

-- The server reads the state of the schema, and adds events that it never changes.
SELECT format('REVOKE %s ON %s FROM masthead_server',
              CASE WHEN relname LIKE 'events%' THEN 'UPDATE, DELETE' ELSE 'INSERT, UPDATE, DELETE' END, oid::regclass) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
   AND (relname IN ('_sqlx_migrations', 'schema_compatibility', 'stored_keys', 'events')
        OR relname ~ '^events_(until_|before_)') \gexec

-- Partitions of events are added and dropped by functions, with the owner's rights (migration 0019), and a person is taken out of
-- events by one (migration 0022).
SELECT format('GRANT EXECUTE ON FUNCTION %s TO masthead_server', oid::regprocedure) FROM pg_proc
 WHERE pronamespace = 'public'::regnamespace
   AND proname IN ('add_event_partition', 'drop_event_partition', 'summarize_event_partition', 'forget_event_user') \gexec
ALTER DEFAULT PRIVILEGES FOR ROLE masthead_owner IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO masthead_server;

-- Statistics after an import (PostgreSQL 17 and newer; before, only the owner can take them).
SELECT format('GRANT MAINTAIN ON %s TO masthead_server', oid::regclass) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND current_setting('server_version_num')::integer >= 170000
   AND relname IN ('registrations', 'mirror_entries', 'registration_totals', 'mirror_totals') \gexec

-- Tables of later migrations are added by hand: run this again.
SELECT format('GRANT SELECT ON %s TO masthead_reader', oid::regclass) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relname IN ('_sqlx_migrations', 'schema_compatibility', 'pools', 'tenants',
       'workspaces', 'events', 'event_callers', 'event_writers', 'mirrors', 'mirror_entries', 'registration_totals', 'mirror_totals') \gexec
SELECT format('GRANT SELECT (%s) ON registrations TO masthead_reader', string_agg(quote_ident(attname), ', ')) FROM pg_attribute
 WHERE attrelid = to_regclass('public.registrations') AND attnum > 0 AND NOT attisdropped AND attname <> 'password_hash'
HAVING count(*) > 0 \gexec

COMMIT;
