import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import * as Jose from "jose"
import { afterAll, assert, beforeAll, describe, expect, it, vi } from "@effect/vitest"
import * as Credentials from "../../src/Credentials.ts"
import * as Tokens from "../../src/Credentials/Tokens.ts"
import * as Issuer from "../fake/Issuer.ts"
import * as Server from "../fake/Server.ts"
import * as Socket from "../fake/Socket.ts"

// Every tenant of this test runs crews on the model shared by all servers here.
vi.stubEnv("CREWLINE_SHARED_PROVIDERS", "*")
afterAll(() => vi.unstubAllEnvs())

const claims = { tenant: "tenant", role: "role", user: "sub" }

let issuer: Issuer.Issuer
let server: Server.Running
beforeAll(async () => {
  issuer = await Issuer.start()
  server = await Server.start({
    // Requires no key, because tokens identify callers.
    listen: { host: "0.0.0.0", port: 0, allowedHosts: [] },
    credentials: { oidc: { issuer: issuer.url, audience: Issuer.audience, claims } },
    worker: { graceMillis: 0 }
  })
}, 60_000)
afterAll(async () => {
  await server.stop()
  await issuer.stop()
})

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
const me = (token: string) => Server.request(`${server.url}/api/v1/me`, bearer(token))
const seconds = () => Math.floor(Date.now() / 1_000)

describe("tokens", { timeout: 60_000 }, () => {
  it("identify the caller", async () => {
    expect((await me(await issuer.token())).body).toMatchObject({
      tenant: "acme",
      name: "ada",
      role: "operator",
      credential: "token"
    })
    expect((await Server.request(`${server.url}/api/v1/me`)).status).toBe(401)
    const viewer = await issuer.token({ role: ["other", "viewer"] })
    expect((await Server.request(`${server.url}/api/v1/keys`, bearer(viewer))).status).toBe(403)
  })

  it("that are forged are all refused", async () => {
    const other = await Jose.generateKeyPair("RS256")
    const payload = {
      iss: issuer.url,
      aud: Issuer.audience,
      sub: "eve",
      exp: seconds() + 300,
      tenant: "acme",
      role: "admin"
    }
    const secret = new TextEncoder().encode(await issuer.publicKey())
    const good = await issuer.token()
    const [header, body, signature] = good.split(".")
    const forged = {
      "alg none": new Jose.UnsecuredJWT(payload).encode(),
      "HS256 with the public key": await new Jose.SignJWT(payload)
        .setProtectedHeader({ alg: "HS256", kid: "k1" })
        .sign(secret),
      "another key": await new Jose.SignJWT(payload)
        .setProtectedHeader({ alg: "RS256", kid: "k1" })
        .sign(other.privateKey),
      "a key in the header": await new Jose.SignJWT(payload)
        .setProtectedHeader({ alg: "RS256", jwk: await Jose.exportJWK(other.publicKey) })
        .sign(other.privateKey),
      "a key and its address in the header": await new Jose.SignJWT(payload)
        .setProtectedHeader({
          alg: "RS256",
          kid: "k1",
          jwk: await Jose.exportJWK(other.publicKey),
          jku: `${issuer.url}/keys`,
          x5u: `${issuer.url}/keys`
        })
        .sign(other.privateKey),
      "a kid that is a path": await issuer.token({}, { kid: "../../k1" }),
      "an extension that is critical": await issuer.token(
        {},
        { crit: ["https://example.com/x"], "https://example.com/x": 1 }
      ),
      "another audience, too long a list": await issuer.token({
        aud: Array.from({ length: 100 }, (_, n) => `other-${n}`)
      }),
      "an expiry that is text": await issuer.token({ exp: `${seconds() + 300}` }),
      "a token in a token": await issuer.token({}, { cty: "JWT", kid: "k0" }),
      "wrong issuer": await issuer.token({ iss: "https://elsewhere.example" }),
      "wrong audience": await issuer.token({ aud: "other" }),
      "no audience": await issuer.token({ aud: undefined }),
      "wrong kid": await issuer.token({}, { kid: "k0" }),
      "not yet valid": await issuer.token({ nbf: seconds() + 600 }),
      expired: await issuer.token({ exp: seconds() - 60 }),
      "without expiry": await issuer.token({ exp: undefined }),
      "other claims": `${header}.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.${signature}`,
      "no signature": `${header}.${body}.`,
      "no token": "a.b.c"
    }
    for (const [what, token] of Object.entries(forged)) {
      const { body, status } = await me(token)
      expect({ what, status, code: body.code }).toEqual({ what, status: 401, code: "unauthenticated" })
      expect(JSON.stringify(body)).not.toContain(token)
      expect(await Socket.outcome(server.url, "none", bearer(token)), what).toBe(401)
    }
    expect((await me(good)).status).toBe(200)
    // The audience may include others besides this server.
    expect((await me(await issuer.token({ aud: ["other", Issuer.audience] }))).status).toBe(200)
  })

  it("need a tenant, a role and a name", async () => {
    for (const [name, values] of [
      ["tenant", [undefined, "", "A B", 7, ["acme"]]],
      ["role", [undefined, "owner", ["owner"], { admin: true }]],
      ["sub", [undefined, "", " ", 7, "a\u0000b", "a".repeat(201)]]
    ] as const)
      for (const value of values) {
        const { body, status } = await me(await issuer.token({ [name]: value }))
        expect(status).toBe(401)
        expect(body.detail).toContain(`The claim ${name} `)
      }
  })

  it("end their connections when they expire", async () => {
    const { body } = await Server.request(`${server.url}/api/v1/executions`, {
      ...bearer(await issuer.token()),
      body: {
        crew: {
          name: "c",
          agents: { a: { role: "r", goal: "g" } },
          tasks: { t: { description: "d", expectedOutput: "e", humanInput: true } }
        }
      }
    })
    const brief = await issuer.token({ exp: seconds() + 2 })
    const client = Socket.open(server.url, body.id, 0, bearer(brief).headers)
    expect((await client.closed).code).toBe(4401)
    expect(client.messages.length).toBeGreaterThan(0)
  })
})

describe("the keys of an issuer", { timeout: 60_000 }, () => {
  const withIssuer = <A, E>(
    use: (issuer: Issuer.Issuer, identify: (token: string) => Effect.Effect<string>) => Effect.Effect<A, E>
  ) =>
    Effect.scoped(
      Effect.gen(function* () {
        const own = yield* Effect.acquireRelease(Effect.promise(Issuer.start), (own) => Effect.promise(own.stop))
        const tokens = yield* Tokens.make({ issuer: own.url, audience: Issuer.audience, claims })
        const identify = (token: string) =>
          Effect.match(tokens.identify(Redacted.make(token)), {
            onSuccess: ({ name }) => name,
            onFailure: ({ code }): string => code
          })
        return yield* use(own, identify)
      })
    )

  it.effect("are fetched once, and again for an unknown key, at most once in half a minute", () =>
    withIssuer((own, identify) =>
      Effect.gen(function* () {
        const token = yield* Effect.promise(() => own.token())
        for (let n = 0; n < 3; n++) assert.strictEqual(yield* identify(token), "ada")
        assert.strictEqual(own.asked(), 1)
        yield* Effect.promise(own.rotate)
        const rotated = yield* Effect.promise(() => own.token({ sub: "grace" }))
        assert.strictEqual(yield* identify(rotated), "unauthenticated")
        assert.strictEqual(own.asked(), 1)
        yield* TestClock.adjust("31 seconds")
        assert.strictEqual(yield* identify(rotated), "grace")
        assert.strictEqual(yield* identify(token), "unauthenticated")
        const unknown = yield* Effect.promise(() => own.token({}, { kid: "k0" }))
        for (let n = 0; n < 3; n++) assert.strictEqual(yield* identify(unknown), "unauthenticated")
        assert.strictEqual(own.asked(), 2)
      })
    )
  )

  it.effect("remain valid for an hour while the issuer hangs, and requests do not wait for it", () =>
    withIssuer((own, identify) =>
      Effect.gen(function* () {
        const far = yield* Effect.promise(() => own.token({ exp: seconds() + 9_000 }))
        assert.strictEqual(yield* identify(far), "ada")
        own.behaviour = "hangs"
        yield* TestClock.adjust("11 minutes")
        // Answered although the clock is stopped.
        assert.strictEqual(yield* identify(far), "ada")
        yield* TestClock.adjust("50 minutes")
        assert.strictEqual(yield* identify(far), "ada")
        yield* TestClock.adjust("20 minutes")
        const waiting = yield* Effect.forkChild(identify(far))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(waiting), "unavailable")
        // From now on, no request waits until the next attempt.
        for (let n = 0; n < 3; n++) assert.strictEqual(yield* identify(far), "unavailable")
        own.behaviour = "answers"
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* identify(far), "ada")
      })
    )
  )

  it.effect("that could not be fetched at the start are fetched for the first token", () =>
    Effect.gen(function* () {
      const own = yield* Effect.acquireRelease(
        Effect.promise(() => Issuer.start()),
        (own) => Effect.promise(() => own.stop())
      )
      own.behaviour = "fails"
      const tokens = yield* Tokens.make({ issuer: own.url, audience: Issuer.audience, claims })
      yield* Effect.promise(() => own.refused(1))
      own.behaviour = "answers"
      const token = yield* Effect.promise(() => own.token())
      assert.strictEqual((yield* tokens.identify(Redacted.make(token))).name, "ada")
    })
  )

  it.effect("are not required for a server to start", () =>
    Effect.gen(function* () {
      const gone = { issuer: "http://127.0.0.1:9", audience: "crewline", claims }
      const tokens = yield* Tokens.make(gone)
      const { code } = yield* Effect.flip(tokens.identify(Redacted.make("a.b.c")))
      assert.strictEqual(code, "unavailable")
    })
  )
})

describe("the configuration", () => {
  const read = (env: Record<string, string>) =>
    Effect.runPromise(
      Effect.result(Credentials.config.pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))))
    )
  const issuer = { CREWLINE_OIDC_ISSUER: "https://id.example/", CREWLINE_OIDC_AUDIENCE: "crewline" }

  it("names the issuer, the audience and the claims", async () => {
    expect(await read({})).toMatchObject({ success: { mode: "automatic", oidc: undefined } })
    expect(await read({ ...issuer, CREWLINE_OIDC_ROLE_CLAIM: "realm_access.roles" })).toMatchObject({
      success: {
        oidc: { issuer: "https://id.example/", audience: "crewline", claims: { ...claims, role: "realm_access.roles" } }
      }
    })
  })

  it.each([
    [{ ...issuer, CREWLINE_OIDC_ISSUER: "http://id.example" }, "https"],
    [{ ...issuer, CREWLINE_OIDC_ISSUER: "id.example" }, "https"],
    [{ CREWLINE_OIDC_ISSUER: "https://id.example" }, "CREWLINE_OIDC_AUDIENCE"],
    [{ CREWLINE_AUTH: "maybe" }, "CREWLINE_AUTH"]
  ])("refuses %j", async (env, word) => {
    const result = await read(env)
    expect(result._tag === "Failure" ? String(result.failure) : "").toContain(word)
  })

  it("finds claims by name, otherwise by path", async () => {
    const principal = (payload: object, names: Tokens.Options["claims"]) =>
      Effect.runPromise(Tokens.principalOf({ exp: 1, ...payload }, names))
    const keycloak = { tenant: "org.id", role: "realm_access.roles", user: "preferred_username" }
    const payload = {
      org: { id: "acme" },
      realm_access: { roles: ["x", "viewer", "admin"] },
      preferred_username: "ada"
    }
    expect(await principal(payload, keycloak)).toMatchObject({ tenant: "acme", role: "admin", name: "ada" })
    const auth0 = { tenant: "https://a.example/tenant", role: "https://a.example/role", user: "sub" }
    const named = { "https://a.example/tenant": "acme", "https://a.example/role": "viewer", sub: "x|1" }
    expect(await principal(named, auth0)).toMatchObject({ tenant: "acme", role: "viewer", name: "x|1" })
  })
})
