-- When a key of a workspace was last used: an operator sees which one can be removed. Written at most once an hour for each key.
-- Compatible with the version before: a column that nothing else reads.

ALTER TABLE workspace_keys ADD COLUMN last_used_at timestamptz;
