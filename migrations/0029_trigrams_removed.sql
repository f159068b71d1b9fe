-- The search index by trigrams, which only programs before 0028 read: without it their searches read whole tables.
-- compatible-with: 28
-- needed: no
-- run: concurrently

DROP INDEX CONCURRENTLY IF EXISTS registrations_search_idx;

DROP INDEX CONCURRENTLY IF EXISTS mirror_entries_search_idx;
