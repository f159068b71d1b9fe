-- The index of ids from migration 0031 in place of the former one, and fuller pages after REINDEX: keys that come in order fill them anyway,
-- and a page of addresses has room for five per cent more before it is split.
-- compatible-with: 28
-- needed: no

DROP INDEX registrations_crid_key;
ALTER INDEX registrations_crid_new RENAME TO registrations_crid_key;

ALTER INDEX registrations_pkey SET (fillfactor = 100);
ALTER INDEX registrations_registered_idx SET (fillfactor = 100);
ALTER INDEX registrations_email_key SET (fillfactor = 95);
