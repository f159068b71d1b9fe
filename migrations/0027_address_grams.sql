-- Parts of addresses are found by four bytes in a row instead of by the trigrams of pg_trgm, a fifth of the time
-- (docs/adr/0146-parts-of-addresses-are-found-by-four-bytes.md).
-- compatible-with: 15

-- The grams of an address: every four bytes in a row, each without its case (bit 5) and its highest bit, as one number. Two zero bytes at
-- the end give the last bytes grams, too. `OFFSET 0`: otherwise the bytes are made anew for each gram.
CREATE FUNCTION address_grams (address text) RETURNS integer[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT ((get_byte(b, i) & 95) << 21) | ((get_byte(b, i + 1) & 95) << 14)
                      | ((get_byte(b, i + 2) & 95) << 7) | (get_byte(b, i + 3) & 95)
                   FROM (SELECT convert_to(address, 'UTF8') || '\x0000'::bytea AS b OFFSET 0) AS bytes,
                        generate_series(0, octet_length(address) - 2) AS i)
$$;
