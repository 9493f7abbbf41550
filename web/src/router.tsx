import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  type RouterHistory,
} from "@tanstack/react-router";
import { AppLayout } from "./components/layout/app-layout";
import { NotFound, PageError } from "./components/layout/fallbacks";
import { auditSearch } from "./features/audit/search";
import { LoginPage } from "./features/login/login-page";
import { listSearch } from "./features/servers/list-search";
import { ServersPage } from "./features/servers/servers-page";

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (search: Record<string, unknown>): { next?: string; error?: string } => ({
    ...(typeof search.next === "string" ? { next: search.next } : {}),
    ...(search.error === undefined ? {} : { error: String(search.error) }),
  }),
  component: LoginPage,
});

const app = createRoute({ getParentRoute: () => root, id: "app", component: AppLayout });

const servers = createRoute({
  getParentRoute: () => app,
  path: "/",
  validateSearch: listSearch,
  component: ServersPage,
});

const server = createRoute({
  getParentRoute: () => app,
  path: "/servers/$",
  component: lazyRouteComponent(() => import("./features/servers/detail-page"), "DetailPage"),
});

const add = createRoute({
  getParentRoute: () => app,
  path: "/new",
  component: lazyRouteComponent(() => import("./features/servers/form/add-page"), "AddPage"),
});

const edit = createRoute({
  getParentRoute: () => app,
  path: "/edit/$",
  component: lazyRouteComponent(() => import("./features/servers/form/edit-page"), "EditPage"),
});

const tokens = createRoute({
  getParentRoute: () => app,
  path: "/tokens",
  component: lazyRouteComponent(() => import("./features/tokens/tokens-page"), "TokensPage"),
});

const access = createRoute({
  getParentRoute: () => app,
  path: "/access",
  component: lazyRouteComponent(() => import("./features/access/access-page"), "AccessPage"),
});

const users = createRoute({
  getParentRoute: () => app,
  path: "/users",
  component: lazyRouteComponent(() => import("./features/users/users-page"), "UsersPage"),
});

const gateways = createRoute({
  getParentRoute: () => app,
  path: "/gateways",
  component: lazyRouteComponent(() => import("./features/gateways/gateways-page"), "GatewaysPage"),
});

const audit = createRoute({
  getParentRoute: () => app,
  path: "/audit",
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("./features/audit/audit-page"), "AuditPage"),
});

const api = createRoute({
  getParentRoute: () => app,
  path: "/api",
  component: lazyRouteComponent(() => import("./features/api-docs/api-page"), "ApiPage"),
});

const routeTree = root.addChildren([
  login,
  app.addChildren([servers, server, add, edit, tokens, users, access, gateways, audit, api]),
]);

export function createAppRouter(history?: RouterHistory) {
  return createRouter({
    routeTree,
    basepath: "/ui",
    trailingSlash: "preserve",
    scrollRestoration: true,
    defaultPreload: "intent",
    defaultErrorComponent: PageError,
    defaultNotFoundComponent: NotFound,
    ...(history ? { history } : {}),
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
