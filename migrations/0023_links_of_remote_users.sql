-- Links that set the password of a user whose registration is at a remote Users API: they name the user by id
-- (docs/adr/0142-remote-stores-are-written-as-a-side.md).
-- compatible-with: 15

ALTER TABLE reset_links ADD COLUMN crid text COLLATE "C";
ALTER TABLE reset_links ALTER COLUMN registration_id DROP NOT NULL;
ALTER TABLE reset_links ADD CONSTRAINT reset_links_owner_check CHECK (num_nonnulls(registration_id, crid) = 1) NOT VALID;
-- allowed: links end within a day, so that the table is small
CREATE INDEX reset_links_crid_idx ON reset_links (pool, crid, id) WHERE crid IS NOT NULL;
