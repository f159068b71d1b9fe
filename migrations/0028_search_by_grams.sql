-- The search index by grams, beside the one by trigrams. `pool + 0`: no other index is on this expression, so that a statement can
-- demand this index.
-- compatible-with: 15
-- run: concurrently

CREATE INDEX CONCURRENTLY registrations_grams_idx ON registrations USING gin ((pool + 0), address_grams(email_key), search_terms)
    WITH (gin_pending_list_limit = 512);

CREATE INDEX CONCURRENTLY mirror_entries_grams_idx ON mirror_entries USING gin ((pool + 0), address_grams(email_key), search_terms)
    WITH (gin_pending_list_limit = 512);
