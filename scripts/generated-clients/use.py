"""Uses the client that openapi-python-client wrote: lists, pages by cursor, looks up and exports."""

import json
import sys

from masthead_client import AuthenticatedClient, Client
from masthead_client.api.export import export_users
from masthead_client.api.legacy import legacy_get_user_by_id
from masthead_client.api.users import get_user_by_id, get_users, search_users
from masthead_client.models import (
    ErrorAnswer,
    ExportAnswer,
    ExportIdentifier,
    ExportIdentifierIdentifierType,
    ExportRequestAtRoot,
    LegacyAnswer,
    LegacyGetUserByIdType,
    ListAnswer,
    MessageType,
    Search,
    User,
    UserAnswer,
)

dev = json.load(open(sys.argv[1]))


def tenant(name):
    """A client with the tenant's token, and the tenant's headers as arguments of every call."""
    entry = next(entry for entry in dev["tenants"] if entry["name"] == name)
    headers = entry["headers"]
    client = AuthenticatedClient(dev["url"], headers["Authorization"].split(" ", 1)[1])
    named = {
        "x_source_system": headers["X-SourceSystem"],
        "x_client_code": headers["X-ClientCode"],
        "x_paper_code": headers["X-PaperCode"],
        "x_client_group_code": headers["X-ClientGroupCode"],
    }
    return {"client": client, **named}, entry["sample"]


herald, ann = tenant("northwind/daily/herald")
crid = ann["customerRegistrationId"]

# A list, and all of it by cursors.
whole = get_users.sync(**herald, page_size=1000)
assert isinstance(whole, ListAnswer), whole
assert whole.message.type_ is MessageType.SUCCESS, whole.message
ids, cursor = [], None
while True:
    page = get_users.sync(**herald, page_size=7, **({"cursor": cursor} if cursor else {}))
    assert isinstance(page, ListAnswer), page
    ids += [user.customer_registration_id for user in page.data]
    cursor = page.meta.next_cursor
    if not cursor:
        break
assert ids == [user.customer_registration_id for user in whole.data], "the pages are the list"
assert len(ids) == whole.meta.total_records == page.meta.total_records

# Look-ups: by id, by address in a URL and in a body, and one user as a list.
one = get_user_by_id.sync(crid, **herald)
assert isinstance(one, UserAnswer) and isinstance(one.data, User), one
assert one.data.email == ann["email"]
found = get_users.sync(**herald, email=ann["email"])
assert [user.customer_registration_id for user in found.data] == [crid]
found = search_users.sync(**herald, body=Search(email=ann["email"]))
assert [user.customer_registration_id for user in found.data] == [crid]
listed = get_user_by_id.sync(crid, **herald, page_size=5)
assert [user.customer_registration_id for user in listed.data] == [crid]
missing = get_user_by_id.sync("nobody", **herald)
assert isinstance(missing, ErrorAnswer) and missing.message.type_ is MessageType.ERROR, missing
legacy = legacy_get_user_by_id.sync(crid, LegacyGetUserByIdType.VALUE_0, **herald)
assert isinstance(legacy, LegacyAnswer) and legacy.result.total_users_found == 1, legacy

# A tenant with a provider: `meta` names the sources that were read.
mirror, _ = tenant("harbor/news/mirror")
page = get_users.sync(**mirror, page_size=2)
assert page.meta.complete is True and len(page.meta.sources) == 2, page.meta

# An export.
workspace = dev["workspaces"][0]
basic = Client(dev["url"]).get_httpx_client()
basic.auth = (workspace["id"], workspace["key"])
client = Client(dev["url"]).set_httpx_client(basic)
known = workspace["sample"]["customerRegistrationId"]
wanted = [ExportIdentifier(ExportIdentifierIdentifierType.CUSTOMER_ID, id) for id in (known, "nobody-at-all")]
answer = export_users.sync(client=client, app_id=workspace["id"], body=ExportRequestAtRoot(identifiers=wanted))
assert isinstance(answer, ExportAnswer), answer
assert [user.user_attributes.customer_id for user in answer.data.users] == [known]
assert [one.identifier for one in answer.data.users_not_found] == ["nobody-at-all"]

print(f"Python: listed {len(ids)} users by cursor, looked up, exported")
