#!/usr/bin/env bash
# Software: npm cloudevents 10.0.0 (Node 20); PyPI cloudevents 2.2.0 (Python 3.11), its new interface and the old one (`cloudevents.v1`).
# Events about users over HTTP in binary mode, where the attributes are headers.
#
# Guess: an event that one sends the other reads as it was: both percent-encode what a header cannot hold (HTTP binding, section 3.1.3.2)
# and decode it; `data` of JSON may be any JSON value.
#
# Seen:
#   Node neither encodes nor decodes. What Python encodes stays encoded in Node; a source with an escape of its own, `?email=ann%2Bnews…`,
#   has it doubled on the way there and undone on the way back: an address with a plus becomes one with a bare plus, which a form reads as a
#   blank. A name with "Ł" is not sent by Node at all, one with "ë" is, as Latin-1.
#   The old interface of Python does not decode either: moving to the new one changes what is read from Node.
#   Python writes a boolean attribute as "True" (the format has "true"), and data that is `False` as "False", which is no JSON; Node reads
#   it, and a number, as text, and null as empty text.
#   Attributes that two languages exchange are best of letters, digits, "/" and "-", and data an object; structured mode keeps them all.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund cloudevents@10.0.0
python3 -m venv python >/dev/null
python/bin/pip --quiet --disable-pip-version-check install cloudevents==2.2.0
cat > events.json <<'JSON'
[{"subject": "Zoë"}, {"subject": "Łucja"}, {"subject": "50% off"}, {"subject": "a%20b"}, {"source": "/users?email=ann%2Bnews%40a.example"},
 {"data": {"id": 1}}, {"data": "hello"}, {"data": 5}, {"data": false}, {"data": null}, {"count": 5}, {"active": true}]
JSON
cat > node.mjs <<'JS'
// `send ADDRESS` sends the events there; else serves: answers each event with what it read.
import fs from 'node:fs';
import http from 'node:http';
import { CloudEvent, HTTP } from 'cloudevents';
if (process.argv[2]) {
  for (const change of JSON.parse(fs.readFileSync('events.json', 'utf8'))) {
    const [name] = Object.keys(change);
    let seen;
    try {
      const event = new CloudEvent({ id: '1', source: '/users', type: 'user.created', datacontenttype: 'application/json', ...change });
      const { headers, body } = HTTP.binary(event);
      seen = (await (await fetch(process.argv[2], { method: 'POST', headers, body })).json())[name];
    } catch (error) { seen = `not sent, ${error.name}`; }
    console.log(`Node sends ${JSON.stringify(change)}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`);
  }
} else {
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part) => { body += part; }).on('end', () => {
      try { response.end(JSON.stringify(HTTP.toEvent({ headers: request.headers, body }))); } catch (error) { response.end(JSON.stringify({ error: error.message })); }
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}
JS
cat > run.py <<'PY'
import datetime, http.server, json, subprocess, threading, urllib.request
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.http import from_http as old_from_http
def reading(read):
    try: return repr(read())
    except Exception as error: return f'refused, {type(error).__name__}'
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['content-length'] or 0)); headers = dict(self.headers.items())
        def new(name):
            event = from_http_event(HTTPMessage(headers=headers, body=body))
            return event.get_data() if name == 'data' else event.get_attributes().get(name)
        def old(name):
            event = old_from_http(headers, body)
            return event.get_data() if name == 'data' else event.get_attributes().get(name)
        names = ('subject', 'source', 'data', 'count', 'active')
        answer = json.dumps({name: f'{reading(lambda: new(name))}, with v1 {reading(lambda: old(name))}' for name in names}).encode()
        self.send_response(200); self.send_header('content-length', str(len(answer))); self.end_headers(); self.wfile.write(answer)
    def log_message(self, *arguments): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(subprocess.run(['node', 'node.mjs', f'http://127.0.0.1:{server.server_port}/'], capture_output=True, text=True, check=True).stdout, end='')
node = subprocess.Popen(['node', 'node.mjs'], stdout=subprocess.PIPE, text=True)
address = f'http://127.0.0.1:{node.stdout.readline().strip()}/'
def post(message):
    request = urllib.request.Request(address, data=message.body or b'', headers=dict(message.headers), method='POST')
    with urllib.request.urlopen(request) as response: return json.load(response)
for change in json.load(open('events.json')):
    [name] = change
    attributes = {'id': '1', 'source': '/users', 'type': 'user.created', 'specversion': '1.0', 'datacontenttype': 'application/json'}
    data = change.get('data')
    attributes |= {key: value for key, value in change.items() if key != 'data'}
    answer = post(to_binary_event(CloudEvent(attributes, data)))
    print(f'Python sends {json.dumps(change, ensure_ascii=False)}: {json.dumps(answer.get("error") or answer.get(name), ensure_ascii=False)}')
node.terminate(); node.wait()
PY
cat > expected <<'TXT'
Node sends {"subject":"Zoë"}: 'Zoë', with v1 'Zoë'
Node sends {"subject":"Łucja"}: not sent, TypeError
Node sends {"subject":"50% off"}: '50% off', with v1 '50% off'
Node sends {"subject":"a%20b"}: 'a b', with v1 'a%20b'
Node sends {"source":"/users?email=ann%2Bnews%40a.example"}: '/users?email=ann+news@a.example', with v1 '/users?email=ann%2Bnews%40a.example'
Node sends {"data":{"id":1}}: {'id': 1}, with v1 {'id': 1}
Node sends {"data":"hello"}: 'hello', with v1 b'hello'
Node sends {"data":5}: 5, with v1 5
Node sends {"data":false}: False, with v1 False
Node sends {"data":null}: None, with v1 None
Node sends {"count":5}: '5', with v1 '5'
Node sends {"active":true}: 'true', with v1 'true'
Python sends {"subject": "Zoë"}: "Zo%C3%AB"
Python sends {"subject": "Łucja"}: "%C5%81ucja"
Python sends {"subject": "50% off"}: "50%25%20off"
Python sends {"subject": "a%20b"}: "a%2520b"
Python sends {"source": "/users?email=ann%2Bnews%40a.example"}: "/users?email=ann%252Bnews%2540a.example"
Python sends {"data": {"id": 1}}: {"id": 1}
Python sends {"data": "hello"}: "hello"
Python sends {"data": 5}: "5"
Python sends {"data": false}: "False"
Python sends {"data": null}: ""
Python sends {"count": 5}: "5"
Python sends {"active": true}: "True"
TXT
python/bin/python run.py | tee seen
diff expected seen
