// A provider of the test's own: `node oidc_provider.mjs '{"port": …, "client": {…}, "people": {…}}'`.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { Provider } from "oidc-provider";

const told = JSON.parse(process.argv[2]);
if (told.behind) { // a service whose clock is wrong: its tokens have run out when they come
  const { now } = Date;
  Date.now = () => now() - told.behind * 1000;
}
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };

const provider = new Provider(`http://127.0.0.1:${told.port}`, {
  clients: [told.client, ...told.programs],
  jwks: { keys: [key] },
  cookies: { keys: [randomUUID()] },
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "unit_code", "duty"] },
  pkce: { required: () => true },
  scopes: ["openid", "offline_access", "records"],
  features: {
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    clientCredentials: { enabled: true },
    // What a program asks a token for (RFC 8707) is its audience; such tokens are JWT (RFC 9068).
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: "records", audience: resource, accessTokenFormat: "jwt", accessTokenTTL: 600,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...told.people[sub] }) }),
  // Its own refuses addresses of this machine, where the hub of the test is.
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined, redirect: "manual" }),
  // Nobody is asked whether the hub may know who they are.
  async loadExistingGrant(ctx) {
    const { client, session } = ctx.oidc;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile");
    await grant.save();
    return grant;
  },
});
provider.on("server_error", (ctx, error) => console.error("server_error", error));
provider.on("backchannel.error", (ctx, error) => console.error("backchannel.error", error));
provider.use(async (ctx, next) => { console.log(ctx.method, ctx.path); await next(); });
provider.listen(told.port, "127.0.0.1", () => console.log("ready"));
