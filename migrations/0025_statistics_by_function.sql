-- Statistics of tables that an import fills are taken with the rights of their owner: before PostgreSQL 17 no other role may, and
-- without statistics a look-up by id or address may read the whole pool.
-- compatible-with: 15

CREATE FUNCTION take_user_statistics () RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    EXECUTE 'ANALYZE (SKIP_LOCKED) registrations, mirror_entries';
END $$;
