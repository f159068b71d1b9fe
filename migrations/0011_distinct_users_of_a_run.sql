-- A run compares how many different users it was shown with how many the provider says that it has (docs/adr/0100): pages may
-- repeat one user and miss another.

ALTER TABLE directories
    -- The greatest number of users that the provider has said in this pass of the run under way; NULL where it says none.
    ADD COLUMN run_expected bigint,
    -- How many passes of the run under way were made before this one.
    ADD COLUMN run_passes   smallint NOT NULL DEFAULT 0;

ALTER TABLE directory_entries
    -- When a walk last showed the profile. profile_as_of is also moved by answers about one user.
    ADD COLUMN walked_at timestamptz;
