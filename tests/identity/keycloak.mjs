// A Keycloak with the realm of docker/keycloak, on a port that was free, its data in memory.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const REALM = "mcp-gateway";
export const WEB = "mcp-gateway-web";
export const M2M = "mcp-gateway-m2m";

async function freePort() {
  const socket = createServer().listen(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

const json = async (answer) => {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`Keycloak answers ${answer.status}: ${text}`);
  return text ? JSON.parse(text) : null;
};

export class Keycloak {
  /** Knows its address; nothing runs yet. */
  static async prepare() {
    const keycloak = new Keycloak();
    keycloak.url = `http://127.0.0.1:${await freePort()}`;
    keycloak.issuer = `${keycloak.url}/realms/${REALM}`;
    keycloak.secrets = {
      KEYCLOAK_CLIENT_SECRET: `web-${randomUUID()}`,
      KEYCLOAK_M2M_CLIENT_SECRET: `m2m-${randomUUID()}`,
      INITIAL_ADMIN_PASSWORD: `admin-${randomUUID()}`,
      INITIAL_USER_PASSWORD: `user-${randomUUID()}`,
      KC_BOOTSTRAP_ADMIN_PASSWORD: `root-${randomUUID()}`,
    };
    return keycloak;
  }

  /** The gateway's settings, as existing installations name them. */
  settings() {
    return {
      AUTH_PROVIDER: "keycloak",
      KEYCLOAK_ENABLED: "true",
      KEYCLOAK_URL: this.url,
      KEYCLOAK_REALM: REALM,
      KEYCLOAK_CLIENT_ID: WEB,
      KEYCLOAK_CLIENT_SECRET: this.secrets.KEYCLOAK_CLIENT_SECRET,
      KEYCLOAK_M2M_CLIENT_ID: M2M,
    };
  }

  /** Runs, for a gateway at this address. */
  async start(base) {
    const home = process.env.KEYCLOAK_HOME;
    if (!home) throw new Error("KEYCLOAK_HOME names no Keycloak; run tests/identity/keycloak.sh");
    const port = new URL(this.url).port;
    const options = ["--import-realm", "--db=dev-mem", "--http-host=127.0.0.1", `--http-port=${port}`];
    this.child = spawn(join(home, "bin", "kc.sh"), ["start-dev", ...options], {
      env: {
        PATH: process.env.PATH,
        HOME: home,
        ...(process.env.JAVA_HOME ? { JAVA_HOME: process.env.JAVA_HOME } : {}),
        JAVA_OPTS_KC_HEAP: "-Xms64m -Xmx512m",
        ...this.secrets,
        KC_BOOTSTRAP_ADMIN_USERNAME: "root",
        MCP_PUBLIC_URL: base,
        MCP_BACKCHANNEL_URL: base,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.ended = once(this.child, "exit");
    let log = "";
    const end = Date.now() + 180_000;
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (data) => (log += data));
    while (!log.includes("Listening on:")) {
      if (this.child.exitCode !== null || Date.now() > end) throw new Error(`Keycloak does not start\n${log}`);
      await wait(100);
    }
  }

  async stop() {
    if (this.child?.exitCode === null) this.child.kill("SIGTERM");
    await this.ended;
  }

  async #grant(realm, form, basic) {
    const answer = await fetch(`${this.url}/realms/${realm}/protocol/openid-connect/token`, {
      method: "POST",
      headers: basic ? { authorization: `Basic ${btoa(basic.join(":"))}` } : {},
      body: new URLSearchParams(form),
    });
    return (await json(answer)).access_token;
  }

  /** A program's. */
  token() {
    return this.#grant(REALM, { grant_type: "client_credentials" }, [M2M, this.secrets.KEYCLOAK_M2M_CLIENT_SECRET]);
  }

  /** A person's own, by the resource owner's password. */
  tokenOf(username, password) {
    const form = { grant_type: "password", username, password, scope: "openid" };
    return this.#grant(REALM, form, [WEB, this.secrets.KEYCLOAK_CLIENT_SECRET]);
  }

  async #admin(method, path, body) {
    const password = this.secrets.KC_BOOTSTRAP_ADMIN_PASSWORD;
    const form = { grant_type: "password", client_id: "admin-cli", username: "root", password };
    const token = await this.#grant("master", form);
    return json(
      await fetch(`${this.url}/admin/realms/${REALM}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: body && JSON.stringify(body),
      }),
    );
  }

  async #id(username) {
    const [user] = await this.#admin("GET", `/users?exact=true&username=${username}`);
    return user.id;
  }

  /** A user in no group. */
  async addUser(username) {
    await this.#admin("POST", "/users", {
      username,
      enabled: true,
      email: `${username}@example.com`,
      emailVerified: true,
      firstName: "No",
      lastName: "Group",
      credentials: [{ type: "password", value: this.secrets.INITIAL_USER_PASSWORD, temporary: false }],
    });
  }

  /** Takes a user out of a group. */
  async leaveGroup(username, name) {
    const id = await this.#id(username);
    const groups = await this.#admin("GET", `/users/${id}/groups`);
    const group = groups.find((group) => group.name === name);
    await this.#admin("DELETE", `/users/${id}/groups/${group.id}`);
  }

  /** Ends all sessions of a user, as an administrator of Keycloak does. */
  async logOut(username) {
    await this.#admin("POST", `/users/${await this.#id(username)}/logout`);
  }

  /** A new key signs from now on; the old ones are still published. */
  async rotate() {
    const { id } = await this.#admin("GET", "");
    this.rotations = (this.rotations ?? 0) + 1;
    await this.#admin("POST", "/components", {
      name: `key ${this.rotations}`,
      providerId: "rsa-generated",
      providerType: "org.keycloak.keys.KeyProvider",
      parentId: id,
      config: {
        priority: [`${1000 + this.rotations}`],
        enabled: ["true"],
        active: ["true"],
        algorithm: ["RS256"],
        keySize: ["2048"],
      },
    });
  }
}
