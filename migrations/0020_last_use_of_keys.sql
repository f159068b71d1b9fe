-- When a key of a workspace was last used: an operator sees which one can be removed. Written at most once an hour for each key.
-- compatible-with: 15

ALTER TABLE workspace_keys ADD COLUMN last_used_at timestamptz;
