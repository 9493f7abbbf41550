"""What counts as a difference: each way in which a run behind the gateway can be worse is noticed."""

import contextlib
import io
import unittest

import run
from suite import Check, Outcomes

INIT = Check("initialize", "handshake", "Handshake", "SUCCESS")
EVENT = Check("polling", "event", "Event", "INFO")


def outcomes(*checks: Check) -> Outcomes:
    found = Outcomes()
    found.checks.update(checks)
    return found


def judged(direct: list[Check], behind: list[Check], at_least: int = 1) -> tuple[bool, str]:
    """Whether the pair passes, and what is said of it."""
    pair, verdict, said = run.Pair(), run.Verdict(), io.StringIO()
    pair.direct, pair.behind = outcomes(*direct), outcomes(*behind)
    with contextlib.redirect_stdout(said):
        verdict.judge("pair", pair, at_least)
    return verdict.failed == 0, said.getvalue()


class Judgement(unittest.TestCase):
    def test_the_same_on_both_ways_passes(self):
        self.assertTrue(judged([INIT, EVENT], [EVENT, INIT])[0])

    def test_a_check_that_fails_behind_the_gateway_is_named(self):
        passed, said = judged([INIT], [Check("initialize", "handshake", "Handshake", "FAILURE")])
        self.assertFalse(passed)
        self.assertIn("only through the gateway: initialize: handshake (Handshake): FAILURE", said)

    def test_a_check_that_vanishes_behind_the_gateway_is_named(self):
        passed, said = judged([INIT, EVENT], [INIT])
        self.assertFalse(passed)
        self.assertIn("only directly:           polling: event (Event): INFO", said)

    def test_a_check_that_comes_once_instead_of_twice_fails(self):
        self.assertFalse(judged([INIT, EVENT, EVENT], [INIT, EVENT])[0])

    def test_a_check_that_appears_behind_the_gateway_only_fails(self):
        self.assertFalse(judged([INIT], [INIT, EVENT])[0])

    def test_checks_that_vanish_on_both_ways_fail(self):
        passed, said = judged([INIT], [INIT], at_least=2)
        self.assertFalse(passed)
        self.assertIn("checks have vanished", said)

    def test_a_check_that_fails_on_both_ways_is_the_peers_fault_and_fails(self):
        broken = Check("initialize", "handshake", "Handshake", "FAILURE")
        self.assertFalse(judged([INIT, broken], [INIT, broken])[0])


if __name__ == "__main__":
    unittest.main()
