-- Exact look-ups, and pages in the orders that the service offers: by e-mail (unique), last name and date.
ALTER TABLE users ADD PRIMARY KEY (tenant_id, crid);
CREATE UNIQUE INDEX users_email ON users (tenant_id, email);
CREATE INDEX users_last_name ON users (tenant_id, last_name, crid);
CREATE INDEX users_registered ON users (tenant_id, registered_at, crid);
-- Parts of addresses. The tenant is in the index (btree_gin), so that a small tenant does not pay for a large one.
CREATE INDEX users_email_part ON users USING gin (tenant_id, email gin_trgm_ops);
CREATE INDEX users_metadata ON users USING gin (metadata jsonb_path_ops);
ALTER TABLE users ADD FOREIGN KEY (tenant_id) REFERENCES tenants (id);
