"""The matrix notices what a gateway could do to a client: each test falsifies one thing of an outcome that was right."""

import copy
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import compare
import matrix
from clients import CLIENTS
from upstreams import LEGACY, MODERN, Server, call, servers

SERVER = Server(
    "sample", (), {"call": call("add", a=40, b=2), "wrong": [call("none")], "progress": call("wait") | {"sure": 1}}, "42",
    varies=(r"\d\d:\d\d",),
)
DIRECT = {
    "version": MODERN, "tools": [{"name": "add", "inputSchema": {"type": "object"}}],
    "call": {"content": [{"type": "text", "text": "42 at 12:34"}], "isError": False},
    "wrong": [{"error": {"code": -32602, "message": "no such tool"}}],
    "watched": {"result": {"content": []}, "released": None, "progress": [[1, 2, None], [2, 2, None]], "logs": [["info", "begun"]]},
    "resources": [{"uri": "memo://a"}], "resource": {"contents": [{"uri": "memo://a", "text": "ü"}]},
    "prompts": [{"name": "greet"}], "prompt": {"messages": []},
    "asked": [{"content": [{"type": "text", "text": "An answer"}]}], "http": ["HTTP/1.1"], "session": True, "deletes": [200],
}


def through(**changed: object) -> dict:
    return copy.deepcopy(DIRECT) | changed


class Differences(unittest.TestCase):
    def test_the_same_outcome_has_none(self):
        self.assertEqual(compare.differences(DIRECT, through(), SERVER), [])

    def test_every_part_that_the_gateway_could_falsify_is_reported(self):
        falsified = {
            "version": LEGACY, "tools": [], "call": {"content": [{"type": "text", "text": "43 at 12:34"}], "isError": False},
            "wrong": [{"error": {"code": -32603, "message": "no such tool"}}], "watched": DIRECT["watched"] | {"logs": []},
            "resources": [], "resource": {"contents": []}, "prompts": [], "prompt": {"messages": [1]}, "asked": [], "session": False, "deletes": [405],
        }
        self.assertEqual(falsified.keys() | {"http"}, DIRECT.keys(), "every part of a report is falsified once")
        for part, value in falsified.items():
            with self.subTest(part):
                found = compare.differences(DIRECT, through(**{part: value}), SERVER)
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"{part}: "), found)

    def test_a_tool_schema_that_changed_is_reported(self):
        changed = [{"name": "add", "inputSchema": {"type": "object", "required": ["a"]}}]
        self.assertEqual(len(compare.differences(DIRECT, through(tools=changed), SERVER)), 1)

    def test_a_part_that_is_missing_or_new_is_reported(self):
        less = through()
        del less["prompt"]
        self.assertEqual(len(compare.differences(DIRECT, less, SERVER)), 1)
        self.assertEqual(len(compare.differences(DIRECT, through(extra=1), SERVER)), 1)

    def test_a_failure_through_the_gateway_is_reported_with_its_text(self):
        self.assertIn("connection reset", compare.differences(DIRECT, {"failure": "connection reset"}, SERVER)[0])

    def test_what_varies_from_call_to_call_is_not(self):
        later = {"content": [{"type": "text", "text": "42 at 23:59"}], "isError": False}
        self.assertEqual(compare.differences(DIRECT, through(call=later), SERVER), [])

    def test_only_the_progress_that_is_sure_to_arrive_counts(self):
        fewer = DIRECT["watched"] | {"progress": [[1, 2, None]]}
        self.assertEqual(compare.differences(DIRECT, through(watched=fewer), SERVER), [])
        none = DIRECT["watched"] | {"progress": []}
        self.assertEqual(len(compare.differences(DIRECT, through(watched=none), SERVER)), 1)


class DirectFaults(unittest.TestCase):
    def test_a_good_outcome_has_none(self):
        self.assertEqual(compare.direct_faults(DIRECT, SERVER, "auto"), [])

    def test_a_pair_that_proves_nothing_is_reported(self):
        for part, value in {
            "version": LEGACY, "tools": [], "call": {"content": [], "isError": True}, "wrong": [],
            "watched": DIRECT["watched"] | {"progress": []}, "asked": [], "failure": "refused",
        }.items():
            with self.subTest(part):
                self.assertEqual(len(compare.direct_faults(through(**{part: value}), SERVER, "auto")), 1)

    def test_a_wrong_call_that_was_answered_is_reported(self):
        self.assertEqual(len(compare.direct_faults(through(wrong=[{"content": []}]), SERVER, "auto")), 1)


class Paths(unittest.TestCase):
    def test_the_wrong_version_of_http_is_reported(self):
        self.assertEqual(compare.path_faults(DIRECT, False), [])
        self.assertEqual(len(compare.path_faults(DIRECT, True)), 1)
        self.assertEqual(len(compare.path_faults(through(http=["HTTP/1.1", "HTTP/2"]), True)), 1)

    def test_every_client_meets_every_server_and_every_path_is_taken(self):
        found = matrix.pairs(CLIENTS, servers())
        streaming = [server for server in servers() if not server.sse]
        met = {(pair.client, pair.server.name) for pair in found if matrix.FIRST in pair.paths}
        self.assertEqual(met, {(client, server.name) for client in CLIENTS for server in streaming})
        over_sse = {(pair.client.name, pair.server.name) for pair in found if pair.server.sse}
        legacy = [server for server in servers() if server.sse]
        self.assertEqual(over_sse, {(client.name, server.name) for client in CLIENTS if client.sse for server in legacy})
        for client in CLIENTS:
            taken = {path for pair in found if pair.client == client for path in pair.paths}
            wanted = [path for path in matrix.DIAGONAL if client.http2 or not path.http2]
            self.assertLessEqual({matrix.FIRST, *wanted}, taken, client.label)


if __name__ == "__main__":
    unittest.main()
