-- Imports take half the time (docs/adr/0147-imports-write-two-batches-at-a-time.md). Programs before this one work as before; until they are
-- replaced, up to 4 MB of their new entries wait in the search index, where searches read them one by one.
-- compatible-with: 28
-- needed: no

-- How many new entries wait is a setting of each session: few of single writes, more of imports.
ALTER INDEX registrations_grams_idx RESET (gin_pending_list_limit);
ALTER INDEX mirror_entries_grams_idx RESET (gin_pending_list_limit);

-- The same grams as of migration 0027, in half the time: one more byte with each step. The third zero byte lets shorter addresses have three.
CREATE OR REPLACE FUNCTION address_grams (address text) RETURNS integer[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    bytes bytea := convert_to(address, 'UTF8') || '\x000000'::bytea;
    gram integer := ((get_byte(bytes, 0) & 95) << 14) | ((get_byte(bytes, 1) & 95) << 7) | (get_byte(bytes, 2) & 95);
    grams integer[] := '{}';
BEGIN
    FOR i IN 3 .. octet_length(bytes) - 2 LOOP
        gram := ((gram & 2097151) << 7) | (get_byte(bytes, i) & 95);
        grams := grams || gram;
    END LOOP;
    RETURN grams;
END $$;
