/**
 * The loop behind "live without reload": one held request at a time, for as long as the page is visible.
 * It knows neither React nor `fetch`; everything it touches comes in through `LiveSource`, so that tests own the clock.
 */

export type LiveStatus = "connecting" | "live" | "reconnecting" | "paused";

export interface LiveSource<T> {
  /**
   * Answers the new state, or null when nothing changed; with `hold`, only after a while. Must reject once `signal`
   * fires.
   */
  poll(hold: boolean, signal: AbortSignal): Promise<T | null>;
  onChange(state: T): void;
  onStatus(status: LiveStatus): void;
  /** True ends the loop: nobody is signed in any more. */
  isFatal(error: unknown): boolean;
  isVisible(): boolean;
  /** Milliseconds of some steady clock, and a source of jitter in [0, 1). */
  now(): number;
  random(): number;
}

export interface LiveLoop {
  /** Drops the answer under way and asks again: what it saw may be older than a change just made here. */
  restart(): void;
  /** Tells the loop that visibility or the network changed. */
  wake(): void;
  stop(): void;
}

export function startLive<T>(source: LiveSource<T>): LiveLoop {
  let stopped = false;
  let request: AbortController | null = null;
  let endPause: (() => void) | null = null;

  const pause = (milliseconds: number | null) =>
    new Promise<void>((resolve) => {
      const timer = milliseconds === null ? undefined : setTimeout(done, milliseconds);
      function done() {
        clearTimeout(timer);
        endPause = null;
        resolve();
      }
      endPause = done;
    });

  async function ask(hold: boolean): Promise<T | null> {
    const controller = new AbortController();
    request = controller;
    const limit = setTimeout(() => controller.abort(TIMED_OUT), REQUEST_LIMIT_MS);
    try {
      return await source.poll(hold, controller.signal);
    } catch (error) {
      throw controller.signal.aborted ? controller.signal.reason : error;
    } finally {
      clearTimeout(limit);
      if (request === controller) request = null;
    }
  }

  async function run(): Promise<void> {
    let failures = 0;
    // A held request says nothing for a while: whether the registry is there is asked without holding.
    let confirmed = false;
    source.onStatus("connecting");
    while (!stopped) {
      if (!source.isVisible()) {
        source.onStatus("paused");
        confirmed = false;
        await pause(null);
        continue;
      }
      const started = source.now();
      try {
        const held = confirmed;
        const state = await ask(held);
        if (stopped) return;
        failures = 0;
        confirmed = true;
        source.onStatus("live");
        if (state !== null) source.onChange(state);
        if (!held) continue;
        // A registry or proxy that does not hold the request must not be asked in a tight loop.
        const least = state === null ? QUIET_INTERVAL_MS : CHANGE_INTERVAL_MS;
        const spent = source.now() - started;
        if (spent < least) await pause(least - spent);
      } catch (error) {
        if (stopped) return;
        if (error === RESTARTED) continue;
        if (source.isFatal(error)) return;
        failures += 1;
        confirmed = false;
        source.onStatus("reconnecting");
        await pause(backoff(failures, source.random()));
      }
    }
  }

  void run();
  return {
    restart() {
      request?.abort(RESTARTED);
      endPause?.();
    },
    wake() {
      if (!source.isVisible()) request?.abort(RESTARTED);
      endPause?.();
    },
    stop() {
      stopped = true;
      request?.abort(RESTARTED);
      endPause?.();
    },
  };
}

/** Between half and the whole of a delay that doubles with each failure, at most `BACKOFF_CAP_MS`. */
export function backoff(failures: number, random: number): number {
  const ceiling = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (failures - 1));
  return ceiling * (0.5 + random / 2);
}

const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 15_000;
/** The registry holds for 25 s; a request that is silent for longer is lost. */
const REQUEST_LIMIT_MS = 35_000;
const QUIET_INTERVAL_MS = 1_000;
const CHANGE_INTERVAL_MS = 100;
const RESTARTED = Symbol("restarted");
const TIMED_OUT = new Error("the held request timed out");
