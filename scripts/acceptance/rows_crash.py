"""Row 6: `kill -9` of the registry under writes."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time

from figures import Figures, spread
from stack import Admin, Stack, revision

WRITERS = 4


def run(figures: Figures) -> None:
    rounds = figures.count(100, 5)
    dice = random.Random(7)
    acknowledged: set[str] = set()
    lost: set[str] = set()
    back, ready, last, token, next_number = 0, [], 0, None, iter(range(10**9))
    with Stack() as stack:
        data = stack.folder / "data"
        for _ in range(rounds + 1):
            since = time.perf_counter()
            process, at = stack.start("registry", data)
            ready.append(time.perf_counter() - since)
            admin = Admin(at["registry"], token)
            token = admin.token
            lost |= acknowledged - stored(admin)
            now = revision(at["registry"])
            back += now < last
            last = now
            writers = [threading.Thread(target=write, args=(Admin(at["registry"], token), next_number, acknowledged)) for _ in range(WRITERS)]
            for writer in writers:
                writer.start()
            time.sleep(dice.uniform(0.01, 0.25))
            process.child.kill()
            process.child.wait()
            for writer in writers:
                writer.join()
    figures.add("6", f"kill -9 of the registry {rounds} times under writes", f"{len(lost)} lost of {len(acknowledged)} acknowledged, revision {back} times back (now {last})", "0, never", not lost and not back and len(acknowledged) > rounds)
    figures.add("6", "ready again after a crash (looked at every 50 ms)", spread(ready[1:]), "", True)


def write(admin: Admin, numbers, acknowledged: set[str]) -> None:
    """Adds, changes and deletes until the registry is gone."""
    try:
        while True:
            number = next(numbers)
            path = f"/server-{number}"
            admin.ok("POST", "/api/servers", {"server_name": path, "path": path, "proxy_pass_url": "http://127.0.0.1:9/mcp"})
            acknowledged.add(path)
            if number % 5 == 0:
                admin.enable(path, False)
            if number % 7 == 0:
                # From the moment it is asked for until it is answered, both outcomes are right.
                acknowledged.discard(path)
                admin.ok("DELETE", f"/api/servers{path}")
    except (OSError, http.client.HTTPException):
        return


def stored(admin: Admin) -> set[str]:
    """Every path; the whole map, without pages."""
    return set(json.loads(admin.ok("GET", "/api/servers")))
