// A real OpenID provider (npm oidc-provider) that starts before it is configured, so that everybody's
// port is the kernel's choice, and whose keys can be replaced while it runs.
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

export const WEB = "mcp-gateway-web";
export const M2M = "mcp-gateway-m2m";
export const AUDIENCE = "mcp-gateway";
export const SECRET = "the-secret-of-both-clients";
export const GROUPS = { admin: ["mcp-registry-admin"], reader: ["readers"] };

const newKey = () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };
};

export class Idp {
  static async start() {
    const idp = new Idp();
    idp.keys = [newKey()];
    idp.cookieKey = randomBytes(16).toString("hex");
    idp.keySetReads = 0;
    idp.server = createServer((request, response) => {
      if (request.url.endsWith("/jwks")) idp.keySetReads += 1;
      if (idp.handle) idp.handle(request, response);
      else response.writeHead(503).end();
    });
    idp.server.listen(0, "127.0.0.1");
    await once(idp.server, "listening");
    idp.issuer = `http://127.0.0.1:${idp.server.address().port}`;
    return idp;
  }

  /** Serves from now on, for a gateway at this address. */
  configure(base) {
    this.base = base;
    const provider = new Provider(this.issuer, this.#settings(base));
    for (const trouble of ["backchannel.error", "end_session.error", "server_error"])
      provider.on(trouble, (_, error) => console.error(`${trouble}: ${error?.error_description ?? error?.message ?? error}`));
    this.handle = provider.callback();
  }

  /** A new key signs from now on; the old ones are still published. */
  rotate() {
    this.keys = [newKey(), ...this.keys];
    this.configure(this.base);
  }

  async token(scope = "mcp-registry-admin", resource = undefined) {
    const form = new URLSearchParams({ grant_type: "client_credentials", scope });
    if (resource) form.set("resource", resource);
    const answer = await fetch(`${this.issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${M2M}:${SECRET}`)}` },
      body: form,
    });
    const body = await answer.json();
    if (!body.access_token) throw new Error(`no token: ${JSON.stringify(body)}`);
    return body.access_token;
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  #settings(base) {
    return {
      jwks: { keys: this.keys },
      cookies: { keys: [this.cookieKey] },
      clients: [
        {
          client_id: WEB,
          client_secret: SECRET,
          redirect_uris: [`${base}/oauth2/callback/oidc`],
          post_logout_redirect_uris: [`${base}/login`],
          backchannel_logout_uri: `${base}/oauth2/backchannel-logout/oidc`,
          backchannel_logout_session_required: true,
        },
        {
          client_id: M2M,
          client_secret: SECRET,
          grant_types: ["client_credentials"],
          redirect_uris: [],
          response_types: [],
        },
      ],
      scopes: ["openid", "profile", "email", "mcp-registry-admin"],
      claims: { openid: ["sub", "preferred_username", "groups"] },
      conformIdTokenClaims: false,
      // Its own way refuses this machine's addresses, which is where all of this runs.
      fetch: (url, { method, headers, body, signal }) => fetch(url, { method, headers, body, signal }),
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, preferred_username: id, groups: GROUPS[id] ?? [] }),
      }),
      features: {
        devInteractions: { enabled: true },
        clientCredentials: { enabled: true },
        backchannelLogout: { enabled: true },
        rpInitiatedLogout: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: (_, client) => (client.clientId === M2M ? "urn:mcp-gateway" : undefined),
          useGrantedResource: () => true,
          getResourceServerInfo: (_, resource) => ({
            scope: "mcp-registry-admin",
            audience: resource === "urn:mcp-gateway" ? AUDIENCE : resource,
            accessTokenFormat: "jwt",
            accessTokenTTL: 300,
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
    };
  }
}
