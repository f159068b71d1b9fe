-- An entry that leaves its tokens to its registration now also has that one's keys (ADR 0070), which those written before
-- may not. A directory is what synchronisation makes of the provider: the next one makes it anew.
TRUNCATE directory_entries, directories;
