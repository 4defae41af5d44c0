/** Attacks on the guard of addresses, each with its mechanism; and bodies that do not end well. */
import type { Lookup } from "@crewline/core/AddressGuard"
import * as Effect from "effect/Effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Network from "../src/Network.ts"

let port = 0
const received: Array<IncomingMessage> = []
const megabyte = Buffer.alloc(1024 * 1024, "x")

const routes: { readonly [path: string]: (response: ServerResponse, request: IncomingMessage) => void } = {
  "/": (response) => response.end("hello"),
  "/to-private": (response) => response.writeHead(302, { location: `http://127.0.0.2:${port}/` }).end(),
  "/to-metadata": (response) => response.writeHead(307, { location: "http://169.254.169.254/latest" }).end(),
  "/to-rebound": (response) => response.writeHead(302, { location: `http://rebound.test:${port}/` }).end(),
  "/to-file": (response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
  "/to-userinfo": (response) => response.writeHead(302, { location: `http://a.test@127.0.0.2:${port}/` }).end(),
  "/to-decimal": (response) => response.writeHead(302, { location: `//2130706434:${port}/` }).end(),
  "/to-other": (response) => response.writeHead(302, { location: `http://other.test:${port}/echo` }).end(),
  "/to-post": (response) => response.writeHead(303, { location: "/echo" }).end(),
  "/circle": (response) => response.writeHead(302, { location: "/circle" }).end(),
  "/echo": (response, { headers, method }) => response.end(JSON.stringify({ method, headers })),
  "/gigabyte": (response) => {
    response.writeHead(200, { "content-length": String(1024 ** 3) })
    pour(response, 1_024)
  },
  "/endless": (response) => pour(response, Infinity),
  "/bomb": (response) => {
    // A megabyte for each kilobyte that is sent.
    response.writeHead(200, { "content-encoding": "gzip" })
    response.end(bomb)
  },
  "/silent": () => {},
  "/drip": (response) => {
    const timer = setInterval(() => response.write("."), 20)
    response.on("close", () => clearInterval(timer))
  },
  "/headers": (response) => response.writeHead(200, { "x-long": "h".repeat(64 * 1024) }).end("x")
}
const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024))

const pour = (response: ServerResponse, times: number): void => {
  let left = times
  const more = (): void => {
    while (left-- > 0) if (!response.write(megabyte)) return void response.once("drain", more)
    response.end()
  }
  response.on("error", () => {})
  more()
}

const server = createServer((request, response) => {
  received.push(request)
  ;(routes[request.url ?? ""] ?? routes["/"]!)(response, request)
})

beforeAll(
  () =>
    new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", () => {
        port = (server.address() as AddressInfo).port
        resolve()
      })
    )
)
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/**
 * Of `public.test` an address that is allowed here, of `rebound.test` first that and then another.
 */
let rebound = 0
const lookup: Lookup = (host, _options, done) => {
  const addresses: { readonly [host: string]: ReadonlyArray<string> } = {
    "public.test": ["127.0.0.1"],
    "other.test": ["127.0.0.1"],
    "private.test": ["10.0.0.1"],
    "mixed.test": ["127.0.0.1", "10.0.0.1"],
    "six.test": ["fd00::1"],
    "mapped.test": ["::ffff:10.0.0.1"],
    "rebound.test": rebound++ === 0 ? ["127.0.0.1"] : ["127.0.0.2"],
    "none.test": []
  }
  done(
    null,
    (addresses[host] ?? []).map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
  )
}
/** As for the public internet, which 127.0.0.1 stands for here. */
const network = Network.make({ allow: ["127.0.0.1"], lookup })

const ask = (url: string, more: Partial<Network.Request> = {}) =>
  Effect.runPromise(
    Effect.match(network.request({ url, maxBytes: 100_000, timeoutMillis: 2_000, ...more }), {
      onSuccess: ({ body, isCut, status }) =>
        `${status} ${isCut ? `cut at ${body.length}` : Buffer.from(body).toString()}`,
      onFailure: ({ _tag, code, message }) => `${_tag} ${code}: ${message}`
    })
  )

const attacks: { readonly [mechanism: string]: ReadonlyArray<string> } = {
  loopback: ["http://127.0.0.2:PORT/"],
  "private range": ["http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/"],
  "cloud metadata": ["http://169.254.169.254/latest/meta-data/", "http://100.100.100.200/", "http://168.63.129.16/"],
  "decimal host": ["http://2130706434:PORT/"],
  "octal host": ["http://0177.0.0.2:PORT/"],
  "hexadecimal host": ["http://0x7f000002:PORT/"],
  "short host": ["http://127.2:PORT/", "http://0/"],
  "full-width digits": ["http://１２７.0.0.2:PORT/"],
  "circled digits": ["http://①②⑦.0.0.2:PORT/"],
  "percent-encoded host": ["http://%31%32%37.0.0.2:PORT/"],
  "trailing dot": ["http://127.0.0.2.:PORT/", "http://localhost.:PORT/"],
  "IPv6 loopback": ["http://[::1]:PORT/", "http://[0:0:0:0:0:0:0:1]:PORT/"],
  "IPv4-mapped": ["http://[::ffff:127.0.0.2]:PORT/", "http://[::ffff:7f00:2]:PORT/"],
  "IPv4-compatible": ["http://[::127.0.0.2]:PORT/"],
  NAT64: ["http://[64:ff9b::10.0.0.1]/", "http://[64:ff9b:1::1]/"],
  "6to4": ["http://[2002:0a00:0001::1]/"],
  Teredo: ["http://[2001:0:7f00:1::1]/"],
  "unique local and link-local": ["http://[fd00:ec2::254]/", "http://[fe80::1]/"],
  "user information": [
    "http://public.test@127.0.0.2:PORT/",
    "http://public.test:80@10.0.0.1/",
    "http://a:b@private.test/"
  ],
  "backslash before the host": ["http:\\\\127.0.0.2:PORT\\"],
  "name of this machine": ["http://localhost:PORT/", "http://a.localhost:PORT/"],
  "name of a private address": ["http://private.test:PORT/", "http://six.test/", "http://mapped.test/"],
  "one private address among others": ["http://mixed.test:PORT/"],
  "name without an address": ["http://none.test/"],
  "redirect to a private address": ["http://public.test:PORT/to-private"],
  "redirect to cloud metadata": ["http://public.test:PORT/to-metadata"],
  "redirect with user information": ["http://public.test:PORT/to-userinfo"],
  "relative redirect to a decimal host": ["http://public.test:PORT/to-decimal"],
  "redirect to a file": ["http://public.test:PORT/to-file"],
  "other schemes": ["file:///etc/passwd", "ftp://public.test/", "gopher://127.0.0.1/", "data:text/plain,x"],
  "port of another service": ["http://public.test:25/", "http://public.test:6667/"]
}

describe("addresses", () => {
  it.each(Object.entries(attacks))("refuses: %s", async (_, urls) => {
    for (const url of urls) {
      expect(await ask(url.replace("PORT", String(port))), url).toMatch(/^ToolRetry address-refused: /)
    }
  })

  it("allows the same request to a public address, by name, by address and by redirect", async () => {
    expect(await ask(`http://public.test:${port}/`)).toBe("200 hello")
    expect(await ask(`http://127.0.0.1:${port}/`)).toBe("200 hello")
    expect(await ask(`http://public.test:${port}/to-other`)).toMatch(/^200 /)
  })

  it("refuses a name whose next look-up returns another address: connections use the checked address", async () => {
    rebound = 0
    expect(await ask(`http://rebound.test:${port}/`)).toBe("200 hello")
    // The connection is kept; a new one looks the name up again.
    const fresh = Network.make({ allow: ["127.0.0.1"], lookup })
    const again = Effect.flip(
      fresh.request({ url: `http://rebound.test:${port}/`, maxBytes: 10, timeoutMillis: 1_000 })
    )
    expect(await Effect.runPromise(again)).toMatchObject({ code: "address-refused" })
    rebound = 1
    const other = Network.make({ allow: ["127.0.0.1"], lookup })
    const redirected = Effect.flip(
      other.request({ url: `http://public.test:${port}/to-rebound`, maxBytes: 10, timeoutMillis: 1_000 })
    )
    expect(await Effect.runPromise(redirected)).toMatchObject({ code: "address-refused" })
  })

  it("refuses user information even for an allowed address, as an invalid argument", async () => {
    expect(await ask(`http://user:secret@public.test:${port}/`)).toMatch(/^ToolRetry arguments-invalid: .*"@"/)
    expect(await ask("not a url")).toMatch(/^ToolRetry arguments-invalid: Invalid URL/)
  })

  it("drops headers with keys when a redirect changes the origin, and the body for 303", async () => {
    const headers = { authorization: "Bearer k", "x-api-key": "k", cookie: "a=b", accept: "text/html" }
    const away = await ask(`http://public.test:${port}/to-other`, { headers })
    expect(away).toContain("text/html")
    expect(away).not.toMatch(/Bearer|x-api-key|cookie/)
    const same = await ask(`http://public.test:${port}/to-post`, { method: "POST", body: "b", headers })
    expect(same).toContain('"method":"GET"')
    expect(same).toContain("Bearer k")
  })

  it("checks the permission at every hop", async () => {
    const asked: Array<string> = []
    await ask(`http://public.test:${port}/to-other`, {
      permit: ({ host }) => Effect.sync(() => void asked.push(host))
    })
    expect(asked).toEqual([`public.test:${port}`, `other.test:${port}`])
  })

  it("names an invalid entry of allow", () => {
    expect(() => Network.make({ allow: ["10.0.0.0/33"] })).toThrow("Invalid address or address range")
  })
})

describe("bodies", () => {
  it.each([
    ["a gigabyte", "/gigabyte"],
    ["an endless stream", "/endless"],
    ["a compressed bomb", "/bomb"]
  ])("truncates %s, with bounded memory", async (_, path) => {
    const before = process.memoryUsage().rss
    expect(await ask(`http://public.test:${port}${path}`)).toBe("200 cut at 100000")
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
  })

  it.each([
    ["that never come", "/silent"],
    ["that come drop by drop", "/drip"]
  ])("are aborted at the time limit: %s", async (_, path) => {
    expect(await ask(`http://public.test:${port}${path}`, { timeoutMillis: 150 })).toMatch(/^ToolFailed timeout: /)
  })

  it("fail for circular redirects and for endless headers", async () => {
    expect(await ask(`http://public.test:${port}/circle`)).toMatch(/redirects more than 5 times/)
    expect(await ask(`http://public.test:${port}/headers`)).toMatch(/^ToolFailed .*cannot be reached/)
  })

  it("explain why a host cannot be reached", async () => {
    expect(await ask("http://public.test:47993/")).toMatch(
      /^ToolFailed undefined: public\.test:47993 cannot be reached: .+/
    )
  })
})
