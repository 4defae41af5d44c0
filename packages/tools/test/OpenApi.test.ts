/**
 * OpenAPI documents as tools: what becomes of operations, what is refused, and what a call sends to
 * a local server.
 */
import type * as Toolbox from "@crewline/core/Toolbox"
import { ToolContext } from "@crewline/core/testing"
import * as Network from "@crewline/tools/Network"
import * as OpenApi from "@crewline/tools/OpenApi"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const hosts = ["api.example.com"]
const servers = [{ url: "https://api.example.com/v1/" }]

const json = (schema: object) => ({ content: { "application/json": { schema } } })
const read = (document: unknown, options: Partial<OpenApi.Options> = {}) =>
  OpenApi.read(document, { hosts, ...options })
const documentOf = (paths: object, more: object = {}) => ({ openapi: "3.1.0", servers, paths, ...more })
/** The operations of a document that is right. */
const operationsOf = (...given: Parameters<typeof read>) =>
  Result.getOrThrowWith(read(...given), (problems) => new Error(JSON.stringify(problems)))
/** Code and place of each problem. */
const problemsOf = (...given: Parameters<typeof read>) => {
  const result = read(...given)
  if (Result.isSuccess(result)) throw new Error(JSON.stringify(result.success))
  return result.failure.map(({ code, path }) => [code, path.join(" ")])
}

const pet = { type: "object", properties: { name: { type: "string" } }, required: ["name"] }
const id = { name: "id", in: "path", required: true, schema: { type: "integer" } }

describe("operations", () => {
  it("have a name, a description, a method, a URL and one schema of all arguments", () => {
    const paths = {
      "/pets/{id}": {
        parameters: [id],
        put: {
          operationId: "replacePet",
          summary: "Replace a pet",
          description: "By its id.",
          parameters: [
            { name: "dry run", in: "query", description: "Change nothing", schema: { type: "boolean" } },
            { name: "X-Reason", in: "header", required: true, schema: { type: "string" } },
            { name: "Authorization", in: "header", required: true, schema: { type: "string" } },
            { name: "session", in: "cookie", schema: { type: "string" } }
          ],
          requestBody: { required: true, ...json(pet) }
        },
        get: { responses: {} }
      }
    }
    expect(operationsOf(documentOf(paths))).toEqual([
      {
        name: "get_pets_id",
        description: "GET /pets/{id}",
        method: "get",
        url: "https://api.example.com/v1/pets/{id}",
        parameters: {
          type: "object",
          properties: { id: { type: "integer" } },
          required: ["id"],
          additionalProperties: false
        },
        inputs: [{ argument: "id", name: "id", in: "path", style: "simple", explode: false }]
      },
      {
        name: "replacePet",
        description: "Replace a pet\nBy its id.",
        method: "put",
        url: "https://api.example.com/v1/pets/{id}",
        parameters: {
          type: "object",
          properties: {
            dry_run: { type: "boolean", description: "Change nothing" },
            "X-Reason": { type: "string" },
            id: { type: "integer" },
            body: pet
          },
          required: ["X-Reason", "id", "body"],
          additionalProperties: false
        },
        inputs: [
          { argument: "dry_run", name: "dry run", in: "query", style: "form", explode: true },
          { argument: "X-Reason", name: "X-Reason", in: "header", style: "simple", explode: false },
          { argument: "id", name: "id", in: "path", style: "simple", explode: false }
        ],
        body: "application/json"
      }
    ])
  })

  it("keep references, with what they lead to, recursive or not", () => {
    const components = {
      schemas: {
        Tree: {
          type: "object",
          properties: {
            kind: { $ref: "#/components/schemas/Kind" },
            parts: { type: "array", items: { $ref: "#/components/schemas/Tree" } }
          }
        },
        Kind: { enum: ["leaf", "branch"] },
        Unused: { $ref: "other.yaml#/X" }
      },
      parameters: { Id: id },
      requestBodies: { Tree: json({ $ref: "#/components/schemas/Tree" }) }
    }
    const paths = {
      "/trees/{id}": {
        parameters: [{ $ref: "#/components/parameters/Id" }],
        post: { operationId: "grow", requestBody: { $ref: "#/components/requestBodies/Tree" } }
      }
    }
    const [grow] = operationsOf(documentOf(paths, { components }))
    expect(Object.keys(Object(grow!.parameters["$defs"])).toSorted()).toEqual(["Kind", "Tree"])
    const tool = OpenApi.make(grow!, { network: Network.make(), hosts })
    expect(JSON.stringify(tool.parameters)).toContain('"#/$defs/Tree"')
  })

  it("of version 3.0 get the schemas of 2020-12", () => {
    const parameters = [{ name: "q", in: "query", schema: { type: "string", nullable: true } }]
    const [search] = operationsOf({
      openapi: "3.0.3",
      servers,
      paths: { "/": { get: { operationId: "search", parameters } } }
    })
    expect(search!.parameters["properties"]).toEqual({ q: { type: ["string", "null"] } })
  })

  it("can be chosen, prefixed and called at another server, also of a server with variables", () => {
    const paths = {
      "/a": { get: { operationId: "getA" }, post: { operationId: "addA" } },
      "/b": { get: { operationId: "getB" } }
    }
    const names = (options: Partial<OpenApi.Options>) =>
      operationsOf(documentOf(paths), options).map(({ name }) => name)
    expect(names({ operations: ["get*"], prefix: "pets_" })).toEqual(["pets_getA", "pets_getB"])
    expect(names({ except: ["getB", "add*"] })).toEqual(["getA"])
    const [other] = operationsOf(documentOf(paths), { server: "https://other.example.com/" })
    expect(other!.url).toBe("https://other.example.com/a")
    const variables = { where: { default: "api" }, version: { default: "v2" } }
    const server = { url: "https://{where}.example.com/{version}", variables }
    expect(operationsOf(documentOf(paths, { servers: [server] }))[0]!.url).toBe("https://api.example.com/v2/a")
  })

  it("rename arguments of the same name", () => {
    const parameters = [id, { name: "id", in: "query", schema: {} }, { name: "body", in: "query", schema: {} }]
    const [made] = operationsOf(documentOf({ "/{id}": { post: { parameters, requestBody: json({}) } } }))
    expect(made!.inputs.map(({ argument }) => argument)).toEqual(["id", "query_id", "query_body"])
  })
})

type Refused = [
  what: string,
  document: unknown,
  problems: ReadonlyArray<readonly [code: string, path: string]>,
  options?: Partial<OpenApi.Options>
]

describe("documents are refused with code and place of every problem", () => {
  const get = (operation: object, more: object = {}) => documentOf({ "/a": { get: operation } }, more)
  const at = "paths /a get"
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`/a${n}`, { get: { operationId: `a${n}` } }]))
  const large = {
    type: "object",
    properties: Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`property${n}`, { type: "string" }]))
  }
  it.each<Refused>([
    ["a text", "openapi: 3.1.0", [["invalid-value", ""]]],
    ["no version", { paths: {} }, [["missing-key", "openapi"]]],
    ["Swagger 2.0", { swagger: "2.0" }, [["unsupported", "swagger"]]],
    ["another version", { openapi: "3.2.0", paths: {} }, [["unsupported", "openapi"]]],
    ["no paths", { openapi: "3.1.0" }, [["missing-key", "paths"]]],
    ["no operation", documentOf({}), [["missing-key", "paths"]]],
    ["none that was chosen", documentOf(many(1)), [["missing-key", "paths"]], { operations: ["b"] }],
    ["too many operations", documentOf(many(201)), [["too-large", "paths"]]],
    ["a path without a slash", documentOf({ a: {} }), [["invalid-value", "paths a"]]],
    ["no server", { openapi: "3.1.0", paths: many(1) }, [["missing-key", "servers"]]],
    [
      "a relative server",
      { openapi: "3.1.0", servers: [{ url: "/v1" }], paths: many(1) },
      [["invalid-value", "servers 0 url"]]
    ],
    [
      "a server variable without a value",
      get({}, { servers: [{ url: "https://api.example.com/{x}" }] }),
      [["invalid-value", "servers 0 url"]]
    ],
    [
      "a server that is not listed",
      get({ servers: [{ url: "https://evil.example" }] }),
      [["unlisted-host", `${at} servers 0 url`]]
    ],
    [
      "one name twice",
      documentOf({ "/a": { get: { operationId: "x" } }, "/b": { get: { operationId: "x" } } }),
      [["name-taken", "paths /b get"]]
    ],
    ["a name that is too long", get({ operationId: "a".repeat(65) }), [["invalid-name", at]]],
    ["parameters that are no list", get({ parameters: {} }), [["invalid-value", `${at} parameters`]]],
    [
      "a parameter without a name",
      get({ parameters: [{ in: "query" }] }),
      [["invalid-value", `${at} parameters 0 name`]]
    ],
    [
      "a required cookie",
      get({ parameters: [{ name: "a", in: "cookie", required: true }] }),
      [["unsupported", `${at} parameters 0 in`]]
    ],
    [
      "a required Host header",
      get({ parameters: [{ name: "Host", in: "header", required: true }] }),
      [["unsupported", `${at} parameters 0 name`]]
    ],
    [
      "a style that is not supported",
      documentOf({ "/{id}": { get: { parameters: [{ ...id, style: "matrix" }] } } }),
      [["unsupported", "paths /{id} get parameters 0 style"]]
    ],
    [
      "a path parameter that is not declared",
      documentOf({ "/{id}": { get: {} } }),
      [["missing-key", "paths /{id} get parameters"]]
    ],
    [
      "a required body that is not JSON",
      get({ requestBody: { required: true, content: { "multipart/form-data": {} } } }),
      [["unsupported-media-type", `${at} requestBody content`]]
    ],
    [
      "a parameter in XML",
      get({ parameters: [{ name: "a", in: "query", content: { "application/xml": {} } }] }),
      [["unsupported-media-type", `${at} parameters 0 content`]]
    ],
    [
      "a remote reference",
      get({ requestBody: json({ $ref: "https://evil.example/a.json" }) }),
      [["remote-reference", at]]
    ],
    ["a remote parameter", get({ parameters: [{ $ref: "a.yaml#/A" }] }), [["remote-reference", `${at} parameters 0`]]],
    [
      "a reference to nothing",
      get({ requestBody: json({ $ref: "#/components/schemas/A" }) }),
      [["unknown-reference", at]]
    ],
    ["a reference into the document", get({ requestBody: json({ $ref: "#/paths" }) }), [["unknown-reference", at]]],
    [
      "parameters that refer to each other",
      get(
        { parameters: [{ $ref: "#/components/parameters/A" }] },
        {
          components: {
            parameters: { A: { $ref: "#/components/parameters/B" }, B: { $ref: "#/components/parameters/A" } }
          }
        }
      ),
      [["circular-reference", `${at} parameters 0`]]
    ],
    [
      "schemas that only refer to each other",
      get(
        { requestBody: json({ $ref: "#/components/schemas/A" }) },
        { components: { schemas: { A: { $ref: "#/components/schemas/B" }, B: { $ref: "#/components/schemas/A" } } } }
      ),
      [["circular-reference", "components schemas A"]]
    ],
    ["an invalid schema", get({ requestBody: json({ type: "text" }) }), [["invalid-value", at]]],
    ["a schema that is too large", get({ requestBody: json(large) }), [["too-large", at]]]
  ])("%s", (_, document, expected, options) => {
    const found = problemsOf(document, options)
    expect(found).toEqual(expected)
  })

  it("however much of them repeats", () => {
    const codes = (document: unknown, options?: Partial<OpenApi.Options>) =>
      new Set(problemsOf(document, options).map(([code]) => code))
    const tooLarge = new Set(["too-large"])
    const times = <A>(count: number, make: (n: number) => A) => Array.from({ length: count }, (_, n) => make(n))
    const paths = (operation: object) => Object.fromEntries(times(200, (n) => [`/a${n}`, { get: operation }]))
    // Each operation refers to all schemas, and each of them to all.
    const all = { properties: Object.fromEntries(times(195, (n) => [`p${n}`, { $ref: `#/components/schemas/s${n}` }])) }
    const schemas = Object.fromEntries(times(195, (n) => [`s${n}`, all]))
    expect(codes(documentOf(paths({ requestBody: json(all) }), { components: { schemas } }))).toEqual(tooLarge)
    // One object in many places, as by aliases of YAML.
    const schema = { enum: times(100_000, (n) => `value ${n}`) }
    const parameters = times(500, (n) => ({ name: `p${n}`, in: "query", schema }))
    expect(codes(get({ parameters }))).toEqual(tooLarge)
    expect(codes(documentOf(paths({ requestBody: json(schema) })))).toEqual(tooLarge)
    // References to references.
    const chain = Object.fromEntries(times(100, (n) => [`c${n}`, { $ref: `#/components/parameters/c${n + 1}` }]))
    const first = get({ parameters: [{ $ref: "#/components/parameters/c0" }] }, { components: { parameters: chain } })
    expect(codes(first)).toEqual(tooLarge)
    // Names and URLs whose end is looked for.
    const underscores = `a${"_".repeat(1_000_000)}b`
    expect(problemsOf(get({ operationId: underscores }))).toEqual([["invalid-name", at]])
    const slashes = `https://api.example.com${"/".repeat(1_000_000)}b`
    const variables = { a: { default: slashes } }
    for (const url of [slashes, "https://{a}", "{a}".repeat(100_000)])
      expect(problemsOf(get({}, { servers: [{ url, variables }] }))).toEqual([["invalid-value", "servers 0 url"]])
    const operations = times(400, (n) => `*a*b*${n}`)
    expect(codes(documentOf(many(100_000)), { operations })).toEqual(tooLarge)
  })
})

interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

describe("calls", () => {
  let server: Server
  let other: Server
  let origin: string
  let received: Array<Received> = []
  const portOf = (each: Server) => (each.address() as AddressInfo).port
  beforeAll(async () => {
    server = createServer((request, response) => {
      const parts: Array<Buffer> = []
      request.on("data", (part: Buffer) => parts.push(part))
      request.on("end", () => {
        const { headers, method = "", url = "" } = request
        received.push({ method, url, headers, body: Buffer.concat(parts).toString() })
        const status = Number(headers["x-status"] ?? 200)
        if (status === 302) response.setHeader("location", `http://localhost:${portOf(other)}/`)
        response.writeHead(status, { "content-type": "application/json" })
        response.end(status === 204 ? undefined : JSON.stringify({ ok: status < 400 }))
      })
    })
    other = createServer((request, response) => {
      received.push({ method: "", url: "other", headers: request.headers, body: "" })
      response.end("{}")
    })
    for (const each of [server, other]) await new Promise<void>((done) => each.listen(0, "127.0.0.1", done))
    origin = `http://127.0.0.1:${portOf(server)}`
  })
  afterAll(() => {
    server.close()
    other.close()
  })

  const call = async (
    operation: object,
    args: Schema.JsonObject,
    { more = {}, path = "/a" }: { readonly more?: Partial<OpenApi.CallOptions>; readonly path?: string } = {}
  ) => {
    const [method, value] = Object.entries(operation)[0]!
    const [made] = operationsOf({ openapi: "3.1.0", paths: { [path]: { [method]: value } } }, { server: origin })
    const options = { network: Network.make({ allow: ["127.0.0.0/8"] }), hosts: ["127.0.0.1"], ...more }
    const tool: Toolbox.Tool = OpenApi.make(made!, options)
    received = []
    const result = await Effect.runPromise(Effect.result(tool.execute(args, ToolContext.make())))
    return {
      result: Result.isSuccess(result) ? result.success : result.failure,
      request: received[0],
      count: received.length
    }
  }

  it("send parameters in their place and style, and the body as JSON", async () => {
    const query = (name: string, more: object = {}) => ({ name, in: "query", schema: {}, ...more })
    const parameters = [
      { name: "id", in: "path", schema: { type: "string" } },
      query("q"),
      query("list"),
      query("plain", { explode: false }),
      query("piped", { style: "pipeDelimited" }),
      query("deep", { style: "deepObject" }),
      query("filter", { content: { "application/json": {} } }),
      { name: "X-List", in: "header", schema: {} }
    ]
    const { request, result } = await call(
      { post: { parameters, requestBody: json({}) } },
      {
        id: "a/b?c#d&e%2f",
        q: "x&y=z'!",
        list: [1, "b c"],
        plain: ["a", "b"],
        piped: ["a", "b"],
        deep: { a: 1, b: true },
        filter: { a: [1] },
        "X-List": [1, 2],
        body: { name: "Ada" }
      },
      { path: "/things/{id}.json" }
    )
    expect(result).toEqual({ ok: true })
    expect(request).toMatchObject({ method: "POST", body: '{"name":"Ada"}' })
    expect(request!.url).toBe(
      "/things/a%2Fb%3Fc%23d%26e%252f.json?q=x%26y%3Dz%27%21&list=1&list=b%20c&plain=a,b&piped=a%7Cb&deep[a]=1&deep[b]=true&filter=%7B%22a%22%3A%5B1%5D%7D"
    )
    expect(request!.headers).toMatchObject({ "x-list": "1,2", "content-type": "application/json" })
  })

  it("never leave their path or their header", async () => {
    const get = {
      get: {
        parameters: [
          { name: "id", in: "path", schema: {} },
          { name: "X-A", in: "header", schema: {} }
        ]
      }
    }
    for (const args of [
      { id: ".." },
      { id: "." },
      { id: "" },
      { id: "a", "X-A": "b\r\nhost: evil" },
      { id: "a", "X-A": "é" },
      {},
      { id: 1, x: 2 }
    ]) {
      const { count, result } = await call(get, args, { path: "/secret/{id}" })
      expect([args, count, result]).toMatchObject([args, 0, { code: "arguments-invalid" }])
    }
    expect((await call(get, { id: "..a" }, { path: "/x/{id}" })).request!.url).toBe("/x/..a")
  })

  it("never leave a path that ends in a query, a fragment or what URLs leave out", async () => {
    const get = { get: { parameters: [{ name: "id", in: "path", schema: {} }] } }
    for (const end of ["?x=1", "#part", "\\x", "\t", " "]) {
      const path = `/secret/{id}${end}`
      const { count, result } = await call(get, { id: ".." }, { path })
      expect([path, count, result]).toMatchObject([path, 0, { code: "arguments-invalid" }])
    }
    expect((await call(get, { id: ".." }, { path: "/secret\\{id}" })).count).toBe(0)
    expect((await call(get, { id: "a" }, { path: "/x/{id}?y=1" })).request!.url).toBe("/x/a?y=1")
    expect((await call(get, { id: "a" }, { path: "/x/{id}#part" })).request!.url).toBe("/x/a")
  })

  it("carry the credential, in place of what a model says", async () => {
    const credential = { headers: { "x-key": "the key" }, query: "key=a%26b" }
    const parameters = [
      { name: "X-Key", in: "header", schema: {} },
      { name: "q", in: "query", schema: {} }
    ]
    const { request } = await call(
      { get: { parameters } },
      { "X-Key": "mine", q: "1" },
      { more: { credential: Effect.succeed(credential) } }
    )
    expect(request).toMatchObject({ url: "/a?q=1&key=a%26b", headers: { "x-key": "the key" } })
  })

  it("go to listed hosts only, also by redirects, and to addresses that are allowed", async () => {
    const status = { get: { parameters: [{ name: "X-Status", in: "header", schema: {} }] } }
    expect((await call(status, {}, { more: { hosts: ["example.com"] } })).result).toMatchObject({
      code: "policy-denied"
    })
    expect((await call(status, {}, { more: { network: Network.make() } })).result).toMatchObject({
      code: "address-refused"
    })
    const redirected = await call(status, { "X-Status": 302 })
    expect([redirected.result, redirected.count]).toMatchObject([{ code: "policy-denied" }, 1])
    const credential = Effect.succeed({ headers: { "x-key": "secret" } })
    await call(status, { "X-Status": 302 }, { more: { hosts: ["127.0.0.1", "localhost"], credential } })
    expect(received[1]).toMatchObject({ url: "other" })
    expect(received[1]!.headers).not.toHaveProperty("x-key")
  })

  it("answer with the body, or fail with the status", async () => {
    const status = { get: { parameters: [{ name: "X-Status", in: "header", schema: {} }] } }
    expect((await call(status, { "X-Status": 204 })).result).toEqual({ status: 204 })
    expect((await call(status, { "X-Status": 422 })).result).toMatchObject({ _tag: "ToolRetry", code: "http-error" })
    expect((await call(status, { "X-Status": 500 })).result).toMatchObject({
      _tag: "ToolFailed",
      message: `GET ${origin}/a answered with status 500: {"ok":false}`
    })
    const cut = await call(status, {}, { more: { maxBytes: 5 } })
    expect(cut.result).toMatchObject({ body: '{"ok"', note: expect.stringContaining("5 bytes") })
  })
})
