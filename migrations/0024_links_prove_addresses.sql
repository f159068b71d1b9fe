-- A link that was mailed, and shown to nobody else, proves the address of the user who sets a password by it. A stored answer is
-- found by its user, since it ends with the user.
-- compatible-with: 15

ALTER TABLE reset_links ADD COLUMN proves_address boolean NOT NULL DEFAULT false;
-- allowed: keys end within a day, so that the table is small
CREATE INDEX idempotency_keys_crid_idx ON idempotency_keys (pool, crid) WHERE crid IS NOT NULL;
