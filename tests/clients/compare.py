"""What a client saw at one end of a path, and how two such outcomes are compared.

An outcome is a driver's report, or `{"failure": text}`. Promises: whatever a client reports about the protocol is compared,
except what differs from call to call by its nature. Must not: start anything. Start reading at `differences`.
"""

from __future__ import annotations

import json
import re

from upstreams import LEGACY, MODERN, Server

# Facts about the path rather than about what passed through it; `path_faults` looks at them.
_OF_THE_PATH = ("http",)
_SHOWN = 300


def steady(report: dict, server: Server) -> dict:
    """The report without what differs from call to call."""
    kept = {key: value for key, value in report.items() if key not in _OF_THE_PATH}
    if watched := kept.get("watched"):
        sure = server.plan["progress"].get("sure")
        kept["watched"] = watched | {"progress": watched["progress"][:sure], "logs": watched["logs"] if server.logs else []}
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False)
    for pattern in server.varies:
        text = re.sub(pattern, "(varies)", text)
    return json.loads(text)


def differences(direct: dict, through: dict, server: Server) -> list[str]:
    """What the gateway changed, one line each; empty when both outcomes are the same."""
    if "failure" in through:
        return [f"failed through the gateway only: {through['failure'].strip()}"]
    one, other = steady(direct, server), steady(through, server)
    return [
        f"{key}: {_short(one.get(key))} directly, {_short(other.get(key))} through the gateway"
        for key in sorted(one.keys() | other.keys())
        if key not in one or key not in other or one[key] != other[key]
    ]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def direct_faults(report: dict, server: Server, era: str) -> list[str]:
    """Why a direct outcome is not what this pair is known to do. Without this a broken pair would prove nothing."""
    if "failure" in report:
        return [f"failed directly: {report['failure'].strip()}"]
    faults = []
    expected = MODERN if era == "auto" and server.newest == MODERN else LEGACY
    if report["version"] != expected:
        faults.append(f"negotiated {report['version']} directly, expected {expected}")
    if not report["tools"]:
        faults.append("no tools were listed directly")
    if server.said not in json.dumps(report["call"], ensure_ascii=False):
        faults.append(f"the tool answered {_short(report['call'])} directly, expected {server.said}")
    if not report["wrong"]:
        faults.append("no wrong call was made directly")
    faults += [f"a wrong call was not an error directly: {_short(end)}" for end in report["wrong"] if "error" not in end and not end.get("isError")]
    if "asked" in report and server.asked not in json.dumps(report["asked"], ensure_ascii=False):
        faults.append(f"the client's model was not asked directly: {_short(report['asked'])}")
    if (watched := report.get("watched")) and not watched["progress"]:
        faults.append("no progress was reported directly")
    return faults


def path_faults(report: dict, http2: bool) -> list[str]:
    """Whether the client really took the path that it was told to take."""
    if "failure" in report or report.get("http") is None:
        return []
    expected = ["HTTP/2"] if http2 else ["HTTP/1.1"]
    return [] if report["http"] == expected else [f"spoke {report['http']} to the gateway, expected {expected}"]
