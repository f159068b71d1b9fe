#!/usr/bin/env bash
# Software: PyPI uuid6 2025.0.1 and uuid-utils 1.2.0 (Python 3.11); npm uuid 14.0.3 and uuidv7 1.2.1 (Node 20). Ids of version 7 (RFC 9562),
# made in bulk, as an import of users does.
#
# Guess: the first 48 bits are the time in milliseconds, give or take a few; more ids than one in a millisecond are told apart, and kept in
# order, by the bits behind it. A clock that is set back by a second or a minute leaves the order as it is.
#
# Seen:
#   uuid6 adds one millisecond for each id that it makes within one: 100,000 ids in a row end some 100 seconds ahead, and each id of that
#   process for the next 100 seconds continues there. The time of an id, its partition by month and a search for "since" are off by as
#   much, and ids of another process, made later, sort before. The others keep the time; uuid-utils too orders within a millisecond.
#   With the clock set back by a minute, uuidv7 starts anew with the earlier time (its limit is 10 seconds), while uuid goes on with the
#   old time until the clock has caught up, in order and up to a minute ahead.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund uuid@14.0.3 uuidv7@1.2.1
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install uuid6==2025.0.1 uuid-utils==1.2.0
cat > run.py <<'PY'
import time, uuid6, uuid_utils
for name, make in (('uuid6', uuid6.uuid7), ('uuid-utils', uuid_utils.uuid7)):
    ids = [str(make()) for _ in range(100_000)]
    ahead = int(ids[-1].replace('-', '')[:12], 16) / 1000 - time.time()
    print(f'{name}: in order {ids == sorted(ids)}, ahead by {"more than 90 s" if ahead > 90 else "less than 5 s" if abs(ahead) < 5 else ahead}')
PY
cat > run.mjs <<'JS'
import { v7 } from 'uuid';
import { uuidv7 } from 'uuidv7';
const time = (id) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
const clock = Date.now;
for (const [name, make] of [['uuid', v7], ['uuidv7', uuidv7]]) {
  const ids = Array.from({ length: 100_000 }, () => make());
  const ahead = (time(ids.at(-1)) - Date.now()) / 1000;
  console.log(`${name}: in order ${ids.every((id, place) => place === 0 || ids[place - 1] < id)}, ahead by ${Math.abs(ahead) < 5 ? 'less than 5 s' : ahead}`);
  for (const back of [1, 60]) {
    const now = clock();
    Date.now = () => now;
    const before = make();
    Date.now = () => now - back * 1000;
    const after = make();
    Date.now = clock;
    console.log(`${name}, clock back by ${back} s: in order ${before < after}, ahead by ${Math.round((time(after) - now) / 1000) + back} s`);
  }
}
JS
cat > expected <<'TXT'
uuid6: in order True, ahead by more than 90 s
uuid-utils: in order True, ahead by less than 5 s
uuid: in order true, ahead by less than 5 s
uuid, clock back by 1 s: in order true, ahead by 1 s
uuid, clock back by 60 s: in order true, ahead by 60 s
uuidv7: in order true, ahead by less than 5 s
uuidv7, clock back by 1 s: in order true, ahead by 1 s
uuidv7, clock back by 60 s: in order false, ahead by 0 s
TXT
{ python/bin/python run.py; node run.mjs; } | tee seen
diff expected seen
