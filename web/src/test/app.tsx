import { createMemoryHistory } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { vi } from "vitest";
import type { ServerInfo } from "@/api/types";
import { App, createQueryClient } from "@/app";
import { createAppRouter } from "@/router";

export interface Call {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

type Answer = Response | Promise<Response>;
type Handler = (call: Call) => Answer;

/** The registry as far as a test needs it: routes by "METHOD /path", and a record of every call. */
export class FakeRegistry {
  readonly calls: Call[] = [];
  readonly routes: Record<string, Handler> = {
    "GET /api/auth/me": () => json(ME),
    "GET /api/auth/providers": () => json({ providers: [], local: true }),
    "GET /api/config": () =>
      json({
        mode: "full",
        version: "1.2.3",
        gateway_public_url: "https://gw.example",
        ui: { insecure_session: false },
      }),
  };

  servers(...servers: ServerInfo[]): this {
    const body = Object.fromEntries(servers.map((server) => [server.path, server]));
    return this.on("GET /api/servers", ({ headers }) =>
      headers.has("If-None-Match") ? new Response(null, { status: 304 }) : json(body, 200, { ETag: '"1"' }),
    ).on("GET /api/servers?wait=25", () => new Promise<Response>(() => {}));
  }

  on(route: string, handler: Handler): this {
    this.routes[route] = handler;
    return this;
  }

  /** Calls that changed something. */
  get writes(): Call[] {
    return this.calls.filter((call) => call.method !== "GET");
  }

  install(): this {
    vi.stubGlobal("fetch", async (path: string, init: RequestInit = {}) => {
      const method = init.method ?? "GET";
      const call = {
        method,
        path,
        headers: new Headers(init.headers),
        body: bodyOf(init),
      };
      this.calls.push(call);
      const handler = this.routes[`${method} ${path}`];
      if (!handler) throw new TypeError(`no route for ${method} ${path}`);
      const gone = new Promise<never>((_, reject) =>
        init.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError"))),
      );
      return Promise.race([handler(call), gone]);
    });
    return this;
  }
}

/** Parsed where it is JSON. */
function bodyOf(init: RequestInit): unknown {
  const text = init.body && String(init.body);
  const type = new Headers(init.headers).get("Content-Type") ?? "";
  return text && type.includes("json") ? JSON.parse(text) : text;
}

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });

export const problem = (status: number, detail: string, more: Record<string, unknown> = {}) =>
  new Response(JSON.stringify({ type: "about:blank", title: "x", status, detail, ...more }), {
    status,
    headers: { "Content-Type": "application/problem+json", "X-Request-Id": "req-42" },
  });

export const ME = {
  username: "admin",
  auth_method: "local",
  provider: "local",
  scopes: [],
  groups: [],
  can_modify_servers: true,
  ui_permissions: {},
  is_admin: true,
  csrf_token: "csrf-1",
};

/** Opens the application at an address, with a user at the keyboard. */
export function open(address: string) {
  const client = createQueryClient();
  client.setDefaultOptions({ queries: { retry: false, staleTime: 10_000 } });
  const router = createAppRouter(createMemoryHistory({ initialEntries: [address] }));
  const view = render(<App router={router} client={client} />);
  return { router, client, view, user: userEvent.setup() };
}
