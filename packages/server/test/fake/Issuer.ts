/** An OpenID provider for one test, which can change its keys and withhold responses. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import * as Jose from "jose"

export interface Issuer {
  readonly url: string
  /** The number of requests for its keys. */
  readonly asked: () => number
  /** Returns after the given number of failed requests, and time for the clients to notice. */
  readonly refused: (count: number) => Promise<void>
  /**
   * A token signed with its current key; claims and header replace the standard ones, `undefined`
   * omits one.
   */
  readonly token: (claims?: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>
  /** Its current key, for forgeries. */
  readonly publicKey: () => Promise<string>
  /** From now on, signs with another key. */
  readonly rotate: () => Promise<void>
  /** How it handles requests. */
  behaviour: "answers" | "hangs" | "fails"
  readonly stop: () => Promise<void>
}

export const audience = "crewline"

export const start = async (): Promise<Issuer> => {
  let count = 0
  let asked = 0
  let failed = 0
  let pair = await Jose.generateKeyPair("RS256", { extractable: true })
  let kid = `k${++count}`
  const server = createServer((request, response) => {
    const { behaviour, url } = issuer
    if (behaviour === "hangs") return
    if (behaviour === "fails") {
      failed++
      return response.writeHead(500).end()
    }
    const answer = async () => {
      if (request.url === "/.well-known/openid-configuration") return { issuer: url, jwks_uri: `${url}/keys` }
      asked++
      return { keys: [{ ...(await Jose.exportJWK(pair.publicKey)), kid, alg: "RS256", use: "sig" }] }
    }
    return void answer().then((body) => response.end(JSON.stringify(body)))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const issuer: Issuer = {
    url,
    asked: () => asked,
    refused: async (count) => {
      while (failed < count) await sleep(5)
      await sleep(50)
    },
    token: (claims = {}, header = {}) => {
      const critical = Array.isArray(header["crit"]) ? header["crit"] : []
      const now = Math.floor(Date.now() / 1_000)
      const standard = { iss: url, aud: audience, sub: "ada", exp: now + 300, tenant: "acme", role: "operator" }
      const payload = Object.entries({ ...standard, ...claims }).filter(([, value]) => value !== undefined)
      return new Jose.SignJWT(Object.fromEntries(payload))
        .setProtectedHeader({ alg: "RS256", kid, ...header })
        .sign(pair.privateKey, { crit: Object.fromEntries(critical.map((name) => [name, true])) })
    },
    publicKey: () => Jose.exportSPKI(pair.publicKey),
    rotate: async () => {
      pair = await Jose.generateKeyPair("RS256", { extractable: true })
      kid = `k${++count}`
    },
    behaviour: "answers",
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
  return issuer
}
