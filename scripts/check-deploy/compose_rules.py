"""Checks the compose file: bounds of each container, health checks, and roles of the database that are no superuser."""

import sys

import yaml

faults = []


def check(good, what):
    if not good:
        faults.append(what)


with open(sys.argv[1], encoding="utf-8") as file:
    services = yaml.safe_load(file)["services"]

for name, service in services.items():
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    for bound in ["cpus", "memory", "pids"]:
        check(bound in limits, f"{name}: no limit of {bound}")
    check(service.get("ulimits", {}).get("core") == 0, f"{name}: may dump its memory")
    log = service.get("logging", {}).get("options", {})
    check("max-size" in log and "max-file" in log, f"{name}: its log is not bounded")
    for port in service.get("ports", []):
        check(port.startswith("127.0.0.1:"), f"{name}: {port} is open to the network")
        check(not port.endswith(":9090"), f"{name}: the operations port is published")

check("healthcheck" in services["postgres"], "postgres: no health check")
server = services["masthead"]
check(server["healthcheck"]["test"][1:] == ["masthead", "health", "--ready"], "masthead: its health check is not of readiness")
check(server.get("read_only") is True, "masthead: writes to its root")
check(server.get("cap_drop") == ["ALL"], "masthead: keeps capabilities")
check("no-new-privileges:true" in server.get("security_opt", []), "masthead: may gain rights")
check(int(server["stop_grace_period"].removesuffix("s")) > 30, "masthead: killed before its drain ends")
for name, role in [("masthead", "masthead_server"), ("migrate", "masthead_owner")]:
    url = services[name]["environment"]["MASTHEAD__DATABASE__URL"]
    check(url.startswith(f"postgres://{role}:"), f"{name}: connects as another role than {role}")
check(any("deploy/postgres/roles.sql:" in each for each in services["postgres"]["volumes"]), "postgres: has not the documented roles")

for fault in faults:
    print(fault, file=sys.stderr)
sys.exit(bool(faults))
