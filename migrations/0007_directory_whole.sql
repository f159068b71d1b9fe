-- Whether a directory has everybody whom its provider had: only then does "no profile" say that there was no account. An export
-- takes its word for it (docs/adr/0077).

ALTER TABLE directories
    -- As of as_of: no step was truncated or had gaps, and every account could be kept.
    ADD COLUMN whole boolean NOT NULL DEFAULT false,
    -- A step of the run under way had gaps, or an account that could not be kept.
    ADD COLUMN run_gaps boolean NOT NULL DEFAULT false;
