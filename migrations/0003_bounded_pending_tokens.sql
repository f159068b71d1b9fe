-- Every search reads what waits to be merged into the index of tokens: half a megabyte at most, in place of four. Imports
-- lose nothing by it (docs/adr/0014-imports-are-copied.md).
ALTER INDEX registrations_tokens_idx SET (gin_pending_list_limit = 512);
