//! Every setting of a directory, with what it takes and does.

/// One setting, for help texts and docs. Before each name stand the provider's and a dot: `SSOR.BaseUrl`.
#[derive(Debug, Clone, Copy)]
pub struct ProviderSettingSpec {
    /// The name; a `*` at its end stands for a name of the tenant's choice.
    pub name: &'static str,
    /// What values it takes; an empty one takes a preset's value away.
    pub values: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn spec(name: &'static str, values: &'static str, meaning: &'static str) -> ProviderSettingSpec {
    ProviderSettingSpec { name, values, meaning }
}

const POINTER: &str = "a JSON pointer, such as /user/email, not to anything that opens a session; # is the whole";
const POINTERS: &str = "JSON pointers with commas between them, not to anything that opens a session";
const FLAG: &str = "true or false";
const METHOD: &str = "GET or POST";
const PATH: &str = "a path such as /users/{id}, without ?, its fixed parts as they are sent";
const PAIRS: &str = "name=value pairs with & between them; a pair whose {place} has no value is left out";
const BODY: &str = "a JSON object, or name=value pairs of a form, with {places}; only with POST";
const PATH_OR_OWN: &str = "a path such as /users, without ?";
const PARAMETER: &str = "a parameter's name";
const STATUSES: &str = "HTTP statuses with commas between them, not 401, 403, 407 or 429";
const CODES: &str = "codes with commas between them";

/// Every setting.
pub const SETTINGS: [ProviderSettingSpec; 57] = [
    spec(
        "Preset",
        "own or none",
        "whether the provider's preset is the beginning, or nothing; own when not set",
    ),
    spec(
        "BaseUrl",
        "https://host/path without ? and #; http only where private addresses may be called",
        "where the directory is",
    ),
    spec(
        "Auth",
        "none, bearer, client-credentials, header, field or basic (no client certificates)",
        "how we prove ourselves",
    ),
    spec(
        "SecretFile",
        "the path of a file",
        "where the secret is kept; or SecretEnv",
    ),
    spec(
        "SecretEnv",
        "the name of an environment variable",
        "where the secret is kept; or SecretFile",
    ),
    spec(
        "AuthHeader",
        "a header's name",
        "the header that holds the secret, for Auth=header",
    ),
    spec(
        "AuthField",
        PARAMETER,
        "the parameter that holds the secret, for Auth=field: in the body where a call has one, else in the address",
    ),
    spec(
        "AuthUser",
        "1 to 255 visible ASCII characters without a colon",
        "the user, for Auth=basic",
    ),
    spec(
        "ClientId",
        "1 to 255 visible ASCII characters",
        "the client, for Auth=client-credentials",
    ),
    spec(
        "TokenUrl",
        "as BaseUrl, or a path at the same host",
        "where tokens are fetched, for Auth=client-credentials",
    ),
    spec(
        "Audience",
        "1 to 255 visible ASCII characters",
        "the audience that tokens are fetched for",
    ),
    spec("Header.*", "a header's value, not a secret", "a header of every call"),
    spec(
        "Param.*",
        "a parameter's value, not a secret",
        "a parameter of every call: in the body where it has one, else in the address",
    ),
    spec("ById.Method", METHOD, "how one user is asked for; GET when not set"),
    spec("ById.Path", PATH, "the path of one user; takes {id}"),
    spec(
        "ById.Query",
        PAIRS,
        "what follows ? in the call for one user; takes {id}",
    ),
    spec("ById.Body", BODY, "the body of the call for one user; takes {id}"),
    spec(
        "ByEmail.Method",
        METHOD,
        "how users with one address are asked for; GET when not set",
    ),
    spec(
        "ByEmail.Path",
        PATH_OR_OWN,
        "the path of users with one address; takes {email}",
    ),
    spec(
        "ByEmail.Query",
        PAIRS,
        "what follows ? in the call for an address; takes {email}",
    ),
    spec(
        "ByEmail.Body",
        BODY,
        "the body of the call for an address; takes {email}",
    ),
    spec(
        "ByEmail.Loose",
        FLAG,
        "the directory also answers with users whose address only resembles; else such an answer is refused",
    ),
    spec(
        "ByEmail.NotFound",
        FLAG,
        "what NotFound describes says \"nobody\" of an address too; else an empty list alone does",
    ),
    spec("Search.Method", METHOD, "how users are listed; GET when not set"),
    spec(
        "Search.Path",
        PATH_OR_OWN,
        "the path of the list; without it there is none",
    ),
    spec(
        "Search.Query",
        PAIRS,
        "what follows ? in the call for a list; takes {emailPrefix} {emailContains} {firstName} {lastName}, each only where the directory compares as docs/directories.md asks",
    ),
    spec("Search.Body", BODY, "the body of the call for a list; takes the same"),
    spec(
        "Search.EmailContainsFrom",
        "a number from 1 to 20",
        "the shortest part of an address that is asked for; 3 when not set",
    ),
    spec(
        "Page.Style",
        "page, offset, cursor or none",
        "how lists are cut; none when not set",
    ),
    spec(
        "Page.At",
        PARAMETER,
        "the parameter that tells the page, the offset or the cursor",
    ),
    spec(
        "Page.SizeName",
        PARAMETER,
        "the parameter that tells how many users a page has",
    ),
    spec(
        "Page.First",
        "a number from 0 to 1",
        "the number of the first page; 0 when not set",
    ),
    spec(
        "Page.Size",
        "a number from 1 to 1000",
        "how many users a page has, no more than the directory gives; 50 when not set",
    ),
    spec("Page.Next", POINTER, "where a page tells the cursor of the next"),
    spec("Envelope.Status", POINTER, "where every answer tells how the call went"),
    spec("Envelope.Ok", CODES, "what stands there when all is well"),
    spec("Envelope.Errors", POINTERS, "members that only failures have"),
    spec(
        "Envelope.Code",
        POINTER,
        "where a failure tells its code; where the status is when not set",
    ),
    spec(
        "NotFound.Statuses",
        STATUSES,
        "the HTTP statuses that say there is nobody, where NotFound.Codes is not set",
    ),
    spec(
        "NotFound.Codes",
        "codes with commas between them, none of Envelope.Ok",
        "the codes that say there is nobody",
    ),
    spec(
        "NotFound.Bare",
        FLAG,
        "an answer with such a status and no body says so too",
    ),
    spec(
        "NotFound.EmptyList",
        FLAG,
        "an empty list where List says is the word that nobody has the id",
    ),
    spec(
        "Retry.Statuses",
        "HTTP statuses with commas between them, from 400 to 599",
        "statuses that ask to come back later; 429,502,503,504 when not set",
    ),
    spec("Retry.Codes", CODES, "codes that ask to come back later"),
    spec("User", POINTER, "where one user is in an answer"),
    spec("List", POINTER, "where the list is in an answer"),
    spec(
        "Total",
        POINTER,
        "where the number of all users that meet the conditions is",
    ),
    spec("Field.Id", POINTER, "where the id is in a user"),
    spec(
        "Field.Email",
        POINTERS,
        "where the address is; the first that has one counts, later ones are lower-cased",
    ),
    spec("Field.FirstName", POINTERS, "where the first name is"),
    spec("Field.LastName", POINTERS, "where the last name is"),
    spec(
        "Field.Verified",
        POINTERS,
        "where it says whether the address is verified",
    ),
    spec(
        "Field.RegisteredAt",
        POINTERS,
        "where it says when the user registered (RFC 3339)",
    ),
    spec(
        "Field.ChangedAt",
        POINTERS,
        "where it says when the record last changed (RFC 3339)",
    ),
    spec("Metadata.*", POINTERS, "where the value of this metadata key is"),
    spec(
        "BudgetPerSecond",
        "a number from 1 to 1000",
        "how many calls a second the tenant may make for ever; 5 when not set",
    ),
    spec(
        "BudgetBurst",
        "a number from 1 to 1000",
        "how many calls it may make at once; 20 when not set",
    ),
];

/// The setting of this name, whatever stands for its `*`.
pub(super) fn spec_of(key: &str) -> Option<&'static ProviderSettingSpec> {
    SETTINGS.iter().find(|spec| match spec.name.strip_suffix('*') {
        Some(family) => key.strip_prefix(family).is_some_and(|rest| !rest.is_empty()),
        None => spec.name == key,
    })
}

/// Its place in the table; unknown names come last.
pub(super) fn position(key: &str) -> usize {
    let known = spec_of(key).and_then(|spec| SETTINGS.iter().position(|other| other.name == spec.name));
    known.unwrap_or(SETTINGS.len())
}
