-- Renames only, and one flag in place of two: no row of users is rewritten (docs/adr/0108-stored-names-follow-the-glossary.md).
--
-- Our copy of a provider's users is a mirror, what search indexes are search terms, and a crawl of a provider is a scan.

ALTER TABLE directories RENAME TO mirrors;
ALTER TABLE mirrors RENAME CONSTRAINT directories_pkey TO mirrors_pkey;
ALTER TABLE mirrors RENAME CONSTRAINT directories_pool_fkey TO mirrors_pool_fkey;
ALTER TABLE mirrors RENAME COLUMN run_place TO run_cursor;
ALTER TABLE mirrors RENAME COLUMN run_walked TO run_scanned;

-- The run under way has skipped a user: a step was truncated or had gaps, or an account could not be kept.
ALTER TABLE mirrors RENAME COLUMN run_gaps TO run_incomplete;
UPDATE mirrors SET run_incomplete = true WHERE run_truncated;
ALTER TABLE mirrors DROP COLUMN run_truncated;

ALTER TABLE directory_entries RENAME TO mirror_entries;
ALTER TABLE mirror_entries RENAME COLUMN walked_at TO scanned_at;
ALTER TABLE mirror_entries RENAME COLUMN shares_tokens TO shares_search_terms;
ALTER TABLE mirror_entries RENAME COLUMN tokens TO search_terms;
ALTER TABLE mirror_entries RENAME CONSTRAINT directory_entries_pkey TO mirror_entries_pkey;
ALTER TABLE mirror_entries RENAME CONSTRAINT directory_entries_somebody_check TO mirror_entries_sides_check;
ALTER TABLE mirror_entries RENAME CONSTRAINT directory_entries_tokens_check TO mirror_entries_search_terms_check;
ALTER TABLE mirror_entries RENAME CONSTRAINT directory_entries_as_of_check TO mirror_entries_as_of_check;
ALTER INDEX directory_entries_email_idx RENAME TO mirror_entries_email_idx;
ALTER INDEX directory_entries_first_idx RENAME TO mirror_entries_first_idx;
ALTER INDEX directory_entries_last_idx RENAME TO mirror_entries_last_idx;
ALTER INDEX directory_entries_verified_idx RENAME TO mirror_entries_verified_idx;
ALTER INDEX directory_entries_registered_idx RENAME TO mirror_entries_registered_idx;
ALTER INDEX directory_entries_changed_idx RENAME TO mirror_entries_changed_idx;
ALTER INDEX directory_entries_by_email_idx RENAME TO mirror_entries_by_email_idx;
ALTER INDEX directory_entries_profile_email_idx RENAME TO mirror_entries_profile_email_idx;
ALTER INDEX directory_entries_tokens_idx RENAME TO mirror_entries_search_terms_idx;

ALTER TABLE registrations RENAME COLUMN tokens TO search_terms;
ALTER INDEX registrations_tokens_idx RENAME TO registrations_search_terms_idx;
