import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoff, type LiveLoop, type LiveSource, type LiveStatus, startLive } from "./live";

interface Poll {
  hold: boolean;
  signal: AbortSignal;
  answer: (state: string | null) => void;
  fail: (error: unknown) => void;
}

/** A registry whose answers the test gives by hand, on a clock that the test moves. */
function rig(overrides: Partial<LiveSource<string>> = {}) {
  const polls: Poll[] = [];
  const statuses: LiveStatus[] = [];
  const changes: string[] = [];
  const page = { visible: true };
  const loop: LiveLoop = startLive<string>({
    poll: (hold, signal) =>
      new Promise((answer, fail) => {
        polls.push({ hold, signal, answer, fail });
        signal.addEventListener("abort", () => fail(new DOMException("aborted", "AbortError")));
      }),
    onChange: (state) => changes.push(state),
    onStatus: (status) => statuses.push(status),
    isFatal: (error) => error === "signed out",
    isVisible: () => page.visible,
    now: () => Date.now(),
    random: () => 1,
    ...overrides,
  });
  const last = () => polls.at(-1) as Poll;
  const settle = () => vi.advanceTimersByTimeAsync(0);
  return { polls, statuses, changes, page, loop, last, settle };
}

describe("live loop", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("confirms that the registry is there before it holds a request", async () => {
    const { polls, statuses, last, settle, loop } = rig();
    expect(last().hold).toBe(false);
    expect(statuses).toEqual(["connecting"]);
    last().answer(null);
    await settle();
    expect(statuses.at(-1)).toBe("live");
    expect(polls).toHaveLength(2);
    expect(last().hold).toBe(true);
    loop.stop();
  });

  it("hands on each change and asks again", async () => {
    const { polls, changes, last, settle, loop } = rig();
    last().answer("one");
    await settle();
    await vi.advanceTimersByTimeAsync(5_000);
    last().answer("two");
    await settle();
    expect(changes).toEqual(["one", "two"]);
    expect(polls).toHaveLength(3);
    loop.stop();
  });

  it("does not spin when a registry answers at once instead of holding", async () => {
    const { polls, last, settle, loop } = rig();
    last().answer(null);
    await settle();
    last().answer(null);
    await settle();
    expect(polls).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(999);
    expect(polls).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(polls).toHaveLength(3);
    loop.stop();
  });

  it("waits longer after each failure and starts afresh after a success", async () => {
    const { polls, statuses, last, settle, loop } = rig();
    for (const delay of [500, 1_000, 2_000]) {
      const before = polls.length;
      last().fail(new Error("down"));
      await settle();
      expect(statuses.at(-1)).toBe("reconnecting");
      await vi.advanceTimersByTimeAsync(delay - 1);
      expect(polls).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(polls).toHaveLength(before + 1);
      expect(last().hold).toBe(false);
    }
    last().answer(null);
    await settle();
    expect(statuses.at(-1)).toBe("live");
    last().fail(new Error("down again"));
    await settle();
    const before = polls.length;
    await vi.advanceTimersByTimeAsync(500);
    expect(polls).toHaveLength(before + 1);
    loop.stop();
  });

  it("gives up a request that is silent for longer than the registry may hold it", async () => {
    const { statuses, last, settle, loop } = rig();
    last().answer(null);
    await settle();
    const held = last();
    await vi.advanceTimersByTimeAsync(35_000);
    expect(held.signal.aborted).toBe(true);
    expect(statuses.at(-1)).toBe("reconnecting");
    loop.stop();
  });

  it("lets go while the page is hidden and asks at once when it is back", async () => {
    const { polls, statuses, page, last, settle, loop } = rig();
    last().answer(null);
    await settle();
    page.visible = false;
    loop.wake();
    await settle();
    expect(last().signal.aborted).toBe(true);
    expect(statuses.at(-1)).toBe("paused");
    const before = polls.length;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(polls).toHaveLength(before);
    page.visible = true;
    loop.wake();
    await settle();
    expect(polls).toHaveLength(before + 1);
    expect(last().hold).toBe(false);
    loop.stop();
  });

  it("drops an answer under way after a change made here", async () => {
    const { polls, changes, last, settle, loop } = rig();
    last().answer(null);
    await settle();
    const stale = last();
    loop.restart();
    stale.answer("older than the change");
    await settle();
    expect(stale.signal.aborted).toBe(true);
    expect(changes).toEqual([]);
    expect(polls).toHaveLength(3);
    loop.stop();
  });

  it("reconnects at once when woken during a pause", async () => {
    const { polls, last, settle, loop } = rig();
    last().fail(new Error("offline"));
    await settle();
    loop.wake();
    await settle();
    expect(polls).toHaveLength(2);
    loop.stop();
  });

  it("ends when nobody is signed in any more", async () => {
    const { polls, last, settle } = rig();
    last().fail("signed out");
    await settle();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(polls).toHaveLength(1);
  });

  it("says nothing more once stopped", async () => {
    const { statuses, changes, polls, last, settle, loop } = rig();
    const poll = last();
    loop.stop();
    poll.answer("too late");
    await settle();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([statuses, changes, polls.length]).toEqual([["connecting"], [], 1]);
  });
});

describe("backoff", () => {
  it("stays between half and the whole of a capped, doubling delay", () => {
    expect(backoff(1, 0)).toBe(250);
    expect(backoff(1, 1)).toBe(500);
    expect(backoff(4, 0)).toBe(2_000);
    expect(backoff(50, 1)).toBe(15_000);
    expect(backoff(50, 0)).toBe(7_500);
  });
});
