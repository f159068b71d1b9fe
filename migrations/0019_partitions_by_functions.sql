-- What servers do to the partitions of the audit log goes through functions that run with the rights of the tables' owner: the role
-- of servers owns no table (deploy/postgres/roles.sql). Each does one thing to one kind of table.
-- compatible-with: 15

ALTER FUNCTION add_event_partition (date) SECURITY DEFINER SET search_path = public, pg_temp;

-- Drops a partition whose month has passed, or the rows of versions before partitions.
CREATE FUNCTION drop_event_partition (part text) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF part <> 'events_before_partitions' AND part !~ '^events_until_[0-9]{4}_[0-9]{2}$' THEN
        RAISE 'the table % is no partition of events', part;
    END IF;
    EXECUTE format('DROP TABLE %I', part);
END $$;

-- Summarises the new blocks of a partition.
CREATE FUNCTION summarize_event_partition (part text) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM brin_summarize_new_values(to_regclass(format('%I', part || '_reads_idx')));
END $$;

REVOKE ALL ON FUNCTION add_event_partition (date), drop_event_partition (text), summarize_event_partition (text) FROM PUBLIC;
