//! The settings of a generic provider. The name of the provider and a dot precede each name: `SSOR.BaseUrl`. A `*` at the
//! end matches any name; an empty value removes the value of a preset.

use masthead_provider_kit::{
    ProviderSettingSpec,
    settings::client_tls::{AUTHORITIES, CLIENT_CERTIFICATE, CLIENT_KEY},
};

use super::value_forms::{
    BODY, BODY_OF_WRITE, CODES, FLAG, METHOD, PAIRS, PARAMETER, PATH, PATH_OR_OWN, POINTER, POINTERS, REPLY_CODES,
    STATUSES, USER_IN_BODY, WRITE_METHOD,
};

const fn spec(name: &'static str, values: &'static str, meaning: &'static str) -> ProviderSettingSpec {
    ProviderSettingSpec { name, values, meaning }
}

/// Every setting.
pub const SETTINGS: [ProviderSettingSpec; 96] = [
    spec(
        "Preset",
        "own or none",
        "whether the settings start from the provider's preset; own when not set",
    ),
    spec(
        "BaseUrl",
        "https://host/path without ? and #; http only where private addresses may be called",
        "the address of the provider",
    ),
    spec(
        "Auth",
        "none, bearer, client-credentials, header, field or basic",
        "how requests authenticate",
    ),
    spec(
        "SecretFile",
        "the path of a file",
        "where the secret is stored; or SecretEnv",
    ),
    spec(
        "SecretEnv",
        "the name of an environment variable",
        "where the secret is stored; or SecretFile",
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
    spec(
        "ById.Method",
        METHOD,
        "the method of the lookup by id; GET when not set",
    ),
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
        "the method of the lookup by address; GET when not set",
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
        "the provider also returns users with similar addresses; else such an answer is refused",
    ),
    spec(
        "ByEmail.NotFound",
        FLAG,
        "the NotFound signals also mean that no user has an address; else only an empty list does",
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
        "what follows ? in the call for a list; takes {emailPrefix} {emailContains} {firstName} {lastName}, each only where the provider compares as docs/generic-provider.md requires",
    ),
    spec("Search.Body", BODY, "the body of the call for a list; takes the same"),
    spec(
        "Search.EmailContainsFrom",
        "a number from 1 to 20",
        "the shortest part of an address in a search; 3 when not set",
    ),
    spec(
        "Page.Style",
        "page, offset, cursor or none",
        "the paging of lists; none when not set",
    ),
    spec(
        "Page.At",
        PARAMETER,
        "the parameter of the page, the offset or the cursor",
    ),
    spec("Page.SizeName", PARAMETER, "the parameter of the page size"),
    spec(
        "Page.First",
        "a number from 0 to 1",
        "the number of the first page; 0 when not set",
    ),
    spec(
        "Page.Size",
        "a number from 1 to 1000",
        "the page size, at most the provider's limit; 50 when not set",
    ),
    spec("Page.Next", POINTER, "where a page has the cursor of the next page"),
    spec("Envelope.Status", POINTER, "where every answer has its status"),
    spec("Envelope.Ok", CODES, "the values that mean success"),
    spec("Envelope.Errors", POINTERS, "members that only failures have"),
    spec(
        "Envelope.Code",
        POINTER,
        "where a failure has its code; at the status when not set",
    ),
    spec(
        "NotFound.Statuses",
        STATUSES,
        "the HTTP statuses that mean absence, where NotFound.Codes is not set",
    ),
    spec(
        "NotFound.Codes",
        "codes separated by commas, none of Envelope.Ok",
        "the codes that mean absence",
    ),
    spec(
        "NotFound.Bare",
        FLAG,
        "an answer with such a status and no body means absence too",
    ),
    spec(
        "NotFound.EmptyList",
        FLAG,
        "an empty list at List means that no user has the id",
    ),
    spec(
        "Retry.Statuses",
        "HTTP statuses separated by commas, from 400 to 599",
        "statuses that mean try again later; 429,502,503,504 when not set",
    ),
    spec("Retry.Codes", CODES, "codes that mean try again later"),
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
    spec("Field.Verified", POINTERS, "where the verified flag is"),
    spec(
        "Field.RegisteredAt",
        POINTERS,
        "where the registration time is (RFC 3339)",
    ),
    spec(
        "Field.ChangedAt",
        POINTERS,
        "where the time of the last change is (RFC 3339)",
    ),
    spec("Metadata.*", POINTERS, "where the value of this metadata key is"),
    spec(
        "Create.Method",
        WRITE_METHOD,
        "the method of the call that creates a user; POST when not set",
    ),
    spec(
        "Create.Path",
        PATH,
        "the path of the call that creates a user; without it there is none",
    ),
    spec("Create.Query", PAIRS, "what follows ? in the call that creates a user"),
    spec(
        "Create.Body",
        BODY_OF_WRITE,
        "the body of the call that creates a user; takes {email} {firstName} {lastName} {password} {id}",
    ),
    spec("Create.User", POINTER, USER_IN_BODY),
    spec(
        "Update.Method",
        WRITE_METHOD,
        "the method of the call that changes a user; POST when not set",
    ),
    spec(
        "Update.Path",
        PATH,
        "the path of the call that changes a user; without it there is none",
    ),
    spec("Update.Query", PAIRS, "what follows ? in the call that changes a user"),
    spec(
        "Update.Body",
        BODY_OF_WRITE,
        "the body of the call that changes a user; takes {id} {firstName} {lastName}",
    ),
    spec("Update.User", POINTER, USER_IN_BODY),
    spec(
        "SetPassword.Method",
        WRITE_METHOD,
        "the method of the call that sets a password; POST when not set",
    ),
    spec(
        "SetPassword.Path",
        PATH,
        "the path of the call that sets a password; without it there is none",
    ),
    spec(
        "SetPassword.Query",
        PAIRS,
        "what follows ? in the call that sets a password",
    ),
    spec(
        "SetPassword.Body",
        BODY_OF_WRITE,
        "the body of the call that sets a password; takes {id} {password}",
    ),
    spec(
        "SetEmail.Method",
        WRITE_METHOD,
        "the method of the call that sets an address; POST when not set",
    ),
    spec(
        "SetEmail.Path",
        PATH,
        "the path of the call that sets an address; without it there is none",
    ),
    spec(
        "SetEmail.Query",
        PAIRS,
        "what follows ? in the call that sets an address",
    ),
    spec(
        "SetEmail.Body",
        BODY_OF_WRITE,
        "the body of the call that sets an address; takes {id} {email}",
    ),
    spec("SetEmail.User", POINTER, USER_IN_BODY),
    spec(
        "Delete.Method",
        WRITE_METHOD,
        "the method of the call that deletes a user; DELETE when not set",
    ),
    spec(
        "Delete.Path",
        PATH,
        "the path of the call that deletes a user; without it there is none",
    ),
    spec("Delete.Query", PAIRS, "what follows ? in the call that deletes a user"),
    spec(
        "Delete.Body",
        BODY_OF_WRITE,
        "the body of the call that deletes a user; takes {id}",
    ),
    spec(
        "SignIn.Method",
        WRITE_METHOD,
        "the method of the call that checks a password; POST when not set",
    ),
    spec(
        "SignIn.Path",
        PATH,
        "the path of the call that checks a password; without it there is none",
    ),
    spec(
        "SignIn.Query",
        PAIRS,
        "what follows ? in the call that checks a password",
    ),
    spec(
        "SignIn.Body",
        BODY_OF_WRITE,
        "the body of the call that checks a password; takes {login} {password}",
    ),
    spec(
        "Taken",
        REPLY_CODES,
        "the codes that mean: another user has the address or the id; 409 when not set",
    ),
    spec(
        "Rejected",
        REPLY_CODES,
        "the codes that mean: the directory rejects what the user entered, such as a weak password; 422 when not set",
    ),
    spec(
        "SignIn.Wrong",
        REPLY_CODES,
        "the codes that mean: the login or the password is wrong",
    ),
    spec(
        "SignIn.Blocked",
        REPLY_CODES,
        "the codes that mean: the user is disabled",
    ),
    spec(
        "SignIn.Unverified",
        REPLY_CODES,
        "the codes that mean: the address must be verified first",
    ),
    spec(
        "SignIn.LockedOut",
        REPLY_CODES,
        "the codes that mean: the user is locked for a while",
    ),
    spec(
        "SignIn.SecondFactor",
        REPLY_CODES,
        "the codes that mean: a second factor is asked for",
    ),
    spec(
        "SignIn.PasswordChange",
        REPLY_CODES,
        "the codes that mean: the password must be changed first",
    ),
    spec(
        "Rejected.Message",
        POINTERS,
        "where a rejection has its text for the user",
    ),
    spec(
        "BudgetPerSecond",
        "a number from 1 to 1000",
        "sustained calls per second of the tenant; 5 when not set",
    ),
    spec(
        "BudgetBurst",
        "a number from 1 to 1000",
        "calls at once; 20 when not set",
    ),
    spec("ClientCertificateFile", "the path of a file", CLIENT_CERTIFICATE),
    spec("ClientKeyFile", "the path of a file", CLIENT_KEY),
    spec("CaFile", "the path of a file", AUTHORITIES),
];
