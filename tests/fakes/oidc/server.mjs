// A real OpenID provider on loopback, for tests: `node server.mjs '{"audience": …, "clients": {"id": {claims}}, …}'`.
// It prints one line of JSON when it listens. Lines on its standard input: {"rotate": true} gives it a new signing key;
// {"sign": {"header": …, "claims": …}} answers a token signed by the present key, whatever it says.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { Provider } from "oidc-provider";

const asked = { algorithm: "RS256", life_s: 600, ...JSON.parse(process.argv[2]) };
const SECRET = "a-secret-of-the-tests-only";
let handler = (_request, response) => response.writeHead(503).end();
let present;
let serial = 0;

async function renew(issuer) {
  const { publicKey, privateKey } = await generateKeyPair(asked.algorithm, { extractable: true });
  serial += 1;
  const jwk = { ...(await exportJWK(privateKey)), kid: `key-${serial}`, use: "sig", alg: asked.algorithm };
  present = { kid: jwk.kid, privateKey, publicKey };
  const provider = new Provider(issuer, {
    jwks: { keys: [jwk] },
    clients: Object.keys(asked.clients).map((id) => ({
      client_id: id,
      client_secret: SECRET,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: asked.algorithm,
    })),
    enabledJWA: { idTokenSigningAlgValues: [asked.algorithm] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, audience) => ({
          scope: "",
          audience,
          accessTokenTTL: asked.life_s,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: asked.algorithm } },
        }),
      },
    },
    ttl: { ClientCredentials: asked.life_s },
    extraTokenClaims: (_ctx, token) => asked.clients[token.clientId],
  });
  handler = provider.callback();
}

const server = createServer((request, response) => handler(request, response));
server.listen(0, "127.0.0.1", async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  await renew(issuer);
  console.log(JSON.stringify({ issuer, secret: SECRET }));
  for await (const line of createInterface({ input: process.stdin })) {
    const said = JSON.parse(line);
    if (said.rotate) {
      await renew(issuer);
      console.log(JSON.stringify({ kid: present.kid }));
    } else {
      const header = { alg: asked.algorithm, kid: present.kid, typ: "at+jwt", ...said.sign.header };
      const token = await new SignJWT(said.sign.claims).setProtectedHeader(header).sign(present.privateKey);
      console.log(JSON.stringify({ token }));
    }
  }
  server.close();
  server.closeAllConnections();
});
