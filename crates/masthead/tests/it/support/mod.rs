//! Shared helpers of the tests.

pub(crate) mod http_client;
pub(crate) mod jwt;
pub(crate) mod process;
pub(crate) mod raw_http;
pub(crate) mod readers;
pub(crate) mod roles;
pub(crate) mod sources;
pub(crate) mod test_table;

/// Makes the database refuse events as it does when it cannot extend a file (SQLSTATE 53100).
pub(crate) const FULL_DISK: &str = "
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION full_disk();";
