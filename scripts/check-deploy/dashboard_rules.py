"""Writes the queries of the Grafana dashboard as recording rules, for promtool to parse."""

import json
import sys


def expressions(node):
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for value in node.values():
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


with open(sys.argv[1], encoding="utf-8") as file:
    dashboard = json.load(file)
found = sorted(set(expressions(dashboard["panels"])))
rules = [
    {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "1m").replace("$instance", ".*")}
    for number, text in enumerate(found)
]
if not rules:
    sys.exit("the dashboard has no query")
# JSON is YAML.
json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)
