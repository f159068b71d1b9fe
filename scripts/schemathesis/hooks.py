"""What no JSON Schema can say about good requests, for scripts/schemathesis.sh (docs/testing.md)."""

import json
import re

import schemathesis
from schemathesis.generation.modes import GenerationMode

# Ciphertext opens and a cursor belongs to its list, or not: a generated one never does.
SEALED = ("cursor", "encryptedEmail", "encryptedCustomerRegistrationId")

# Refusals of requests that the schema allows, each in the words of the server.
DOCUMENTED = re.compile(
    r"emailMatch is given without email"
    r"|pageNumber must not be given with it"
    r"|pageNumber reaches \d+ rows deep"
    # Lengths are bytes there and characters in the schema.
    r"|must be 1 to \d+ bytes"
    # A text of which nothing is left when it is folded.
    r"|is given without a value"
    # Names of parameters and keys are taken in any case.
    r"|is given more than once"
    # The legacy list takes any parameter, but not none, and not two that contradict each other.
    r"|request cannot be null"
    # The root and `data` share the identifiers: a third form that the schema leaves out.
    r"|max limit allowed is \d+"
)


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


@schemathesis.hook
def before_call(context, case, kwargs):
    if not is_positive(case) or not case.operation.path.startswith("/v4/"):
        return
    for values in (case.query, case.body):
        if isinstance(values, dict):
            for name in SEALED:
                values.pop(name, None)


@schemathesis.check
def good_requests_are_taken(ctx, response, case):
    """A request that the schema allows is refused only for a documented reason that no schema can say."""
    if is_positive(case) and response.status_code in (400, 409, 413, 415):
        text = response.content.decode()
        assert DOCUMENTED.search(text), f"{response.status_code}: {text}"
