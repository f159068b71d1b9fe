"""Checks what the schemas of Kubernetes do not say: selectors that match, and pods without rights that they do not need."""

import sys

import yaml

faults = []


def check(good, what):
    if not good:
        faults.append(what)


def matches(selector, labels):
    wanted = (selector or {}).get("matchLabels") or {}
    return bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


objects = [each for path in sys.argv[1:] for each in yaml.safe_load_all(open(path, encoding="utf-8")) if each]
kinds = {}
for each in objects:
    kinds.setdefault(each["kind"], []).append(each)
for kind in ["Deployment", "Job", "Service", "PodDisruptionBudget", "NetworkPolicy"]:
    check(kind in kinds, f"no {kind}")

for each in kinds.get("Deployment", []) + kinds.get("Job", []):
    name = f"{each['kind']} {each['metadata']['name']}"
    pod = each["spec"]["template"]["spec"]
    security = pod.get("securityContext", {})
    check(security.get("runAsNonRoot") is True, f"{name}: may run as root")
    check(security.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{name}: no seccomp profile")
    check(pod.get("automountServiceAccountToken") is False, f"{name}: has a token of the cluster")
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        check(own.get("allowPrivilegeEscalation") is False, f"{name}: may gain rights")
        check(own.get("readOnlyRootFilesystem") is True, f"{name}: writes to its root")
        check(own.get("capabilities", {}).get("drop") == ["ALL"], f"{name}: keeps capabilities")
        check("memory" in container.get("resources", {}).get("limits", {}), f"{name}: no limit of memory")
        check(all("secretKeyRef" not in str(v) for v in container.get("env", [])), f"{name}: a secret in the environment")

for each in kinds.get("Deployment", []):
    pod = each["spec"]["template"]
    labels = pod["metadata"]["labels"]
    check(matches(each["spec"]["selector"], labels), "Deployment: its selector does not match its pods")
    container = pod["spec"]["containers"][0]
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
        check(probe in container, f"Deployment: no {probe}")
        check("--ready" in str(container.get(probe)) or probe != "readinessProbe", f"Deployment: {probe} is not of readiness")
    stop = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    check(pod["spec"]["terminationGracePeriodSeconds"] >= stop + 5 + 30 + 3, "Deployment: killed before its drain ends")
    for budget in kinds.get("PodDisruptionBudget", []):
        check(matches(budget["spec"].get("selector"), labels), "PodDisruptionBudget: its selector does not match the pods")
        check(budget["spec"]["minAvailable"] < each["spec"]["replicas"], "PodDisruptionBudget: no pod may ever be evicted")
    for policy in kinds.get("NetworkPolicy", []):
        check(matches(policy["spec"].get("podSelector"), labels), "NetworkPolicy: its selector does not match the pods")
        peers = [peer for rule in policy["spec"]["egress"] for peer in rule.get("to", [])]
        dns = [peer["podSelector"]["matchLabels"] for peer in peers if "podSelector" in peer]
        check(dns == [{"k8s-app": "kube-dns"}], "NetworkPolicy: names cannot be resolved")
    for service in kinds.get("Service", []):
        check(matches({"matchLabels": service["spec"].get("selector")}, labels), "Service: selects no pod")

for fault in faults:
    print(fault, file=sys.stderr)
sys.exit(bool(faults))
