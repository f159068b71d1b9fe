//! How the table of settings describes values.

pub(super) const POINTER: &str =
    "a JSON pointer, such as /user/email, not to anything that opens a session; # is the whole";
pub(super) const POINTERS: &str = "JSON pointers separated by commas, not to anything that opens a session";
pub(super) const FLAG: &str = "true or false";
pub(super) const METHOD: &str = "GET or POST";
pub(super) const PATH: &str = "a path such as /users/{id}, without ?, its fixed parts as they are sent";
pub(super) const PAIRS: &str = "name=value pairs with & between them; a pair whose {place} has no value is left out";
pub(super) const BODY: &str = "a JSON object, or name=value pairs of a form, with {places}; only with POST";
pub(super) const PATH_OR_OWN: &str = "a path such as /users, without ?";
pub(super) const PARAMETER: &str = "a parameter's name";
pub(super) const WRITE_METHOD: &str = "POST, PUT, PATCH or DELETE";
pub(super) const BODY_OF_WRITE: &str = "a JSON object, or name=value pairs of a form, with {places}";
pub(super) const REPLY_CODES: &str = "codes as Envelope.Code has them, or HTTP statuses, separated by commas";
pub(super) const USER_IN_BODY: &str =
    "where the user is in the JSON body: each field at its first place of Field.* and Metadata.*";
pub(super) const STATUSES: &str = "HTTP statuses separated by commas, not 401, 403, 407 or 429";
pub(super) const CODES: &str = "codes separated by commas";
