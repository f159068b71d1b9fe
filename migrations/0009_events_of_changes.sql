-- Events of reads stand in no index (docs/adr/0083-reads-are-in-no-index.md): only those of changes are looked up by their
-- number, from the outbox.
--
-- No foreign key, since it needs a key over every event: an outbox row and its event are written by one statement, and we
-- never delete events.
ALTER TABLE outbox DROP CONSTRAINT outbox_event_fkey;
ALTER TABLE events DROP CONSTRAINT events_pkey;

-- The kinds that are left out are the reads of EventKind::is_change in masthead-domain; whoever joins the outbox says the
-- same, or Postgres cannot use the index.
CREATE UNIQUE INDEX events_changes_key ON events (pool, id) WHERE kind NOT IN (4000, 4001, 4601, 4902);
