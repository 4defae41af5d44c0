/**
 * A real server with an in-memory database, called with every operation of its OpenAPI document and
 * with WebSocket upgrades. It must answer each request with anything but 500, and stay alive.
 */
import { connect } from "node:net"
import * as Server from "../packages/server/test/fake/Server.ts"
import type { Random } from "../packages/core/test/simulation/Random.ts"
import * as HostileValue from "./HostileValue.ts"
import type { Target } from "./Target.ts"

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: ReadonlyArray<unknown>
  readonly anyOf?: ReadonlyArray<Schema>
  readonly oneOf?: ReadonlyArray<Schema>
  readonly allOf?: ReadonlyArray<Schema>
  readonly items?: Schema
  readonly properties?: { readonly [name: string]: Schema }
  readonly required?: ReadonlyArray<string>
}

interface Parameter {
  readonly name: string
  readonly in: string
  readonly schema: Schema
}

interface Operation {
  readonly method: string
  readonly path: string
  readonly parameters: ReadonlyArray<Parameter>
  readonly bodies: { readonly [type: string]: { readonly schema?: Schema } }
}

/** Of an operation, or by the name of one that several share. */
type Declared = Parameter | { readonly $ref: string }

interface Document {
  readonly paths: { readonly [path: string]: { readonly [method: string]: Described } }
  readonly components: {
    readonly schemas: { readonly [name: string]: Schema }
    readonly parameters?: { readonly [name: string]: Parameter }
  }
}

interface Described {
  readonly parameters?: ReadonlyArray<Declared>
  readonly requestBody?: { readonly content: Operation["bodies"] }
}

interface Request {
  readonly head: string
  readonly body: string
}

/** An answer has to begin within this time, in milliseconds. */
const maxMillis = 9_000
/** Ids from earlier answers, to be requested again. */
const maxIds = 50

const targets = [
  "//",
  "http://[",
  "//:0",
  "*",
  "/",
  "http://localhost:99999/",
  "/%",
  "/api/v1/executions/%00/ws",
  "/\ud800",
  "?",
  "#"
]
const types = [
  "application/json",
  "application/yaml",
  "text/plain",
  "application/json; charset=utf-16",
  "multipart/form-data",
  "",
  "/"
]

export const make = async (): Promise<ReadonlyArray<Target>> => {
  const server = await Server.start()
  const document: Document = (await Server.request(`${server.url}/openapi.json`)).body
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]): Operation => ({
      method: method.toUpperCase(),
      path,
      parameters: parameters.map((declared) =>
        "$ref" in declared ? document.components.parameters![declared.$ref.split("/").at(-1)!]! : declared
      ),
      bodies: requestBody?.content ?? {}
    }))
  )
  const port = Number(new URL(server.url).port)
  const ids: Array<string> = ["agents", "default"]

  const ask = async (request: Request, frames?: Buffer): Promise<void> => {
    const answer = await send(port, request, frames)
    const [, status] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? []
    if (status === undefined && answer !== "") throw new Error(`no HTTP: ${answer.slice(0, 200)}`)
    if (status === "500") throw new Error(answer.slice(0, 2_000))
    for (const [, id] of answer.matchAll(/"id":"([^"]{1,200})"/g)) if (!ids.includes(id!)) ids.push(id!)
    ids.splice(2, ids.length - 2 - maxIds)
    const { status: alive } = await Server.request(`${server.url}/health/live`)
    if (alive !== 200) throw new Error(`/health/live answers ${alive}`)
  }

  return [
    {
      name: "HTTP",
      run: (chance) => {
        const input = requestOf(chance, chance.pick(operations), document, ids)
        return { input, work: () => ask(input) }
      }
    },
    {
      name: "WebSocket",
      run: (chance) => {
        const id = encodeURIComponent(chance.pick(ids))
        const after = encodeURIComponent(HostileValue.text(chance).slice(0, 50).toWellFormed())
        const target = chance.below(2) === 0 ? `/api/v1/executions/${id}/ws?after=${after}` : chance.pick(targets)
        const protocol = chance.pick(["websocket", "websocket", "h2c", "WebSocket, h2c", "\u0080"])
        const key = chance.pick(["AAAAAAAAAAAAAAAAAAAAAA==", "x", ""])
        const head =
          `GET ${target} HTTP/1.1\r\nhost: ${chance.pick(["localhost", "localhost", "", "[", "a b"])}\r\nconnection: upgrade\r\n` +
          `upgrade: ${protocol}\r\nsec-websocket-version: ${chance.pick(["13", "13", "99"])}\r\nsec-websocket-key: ${key}\r\n` +
          `${chance.pick(["", "", "origin: null\r\n", "origin: http://[\r\n"])}\r\n`
        const frames = framesOf(chance)
        return { input: { head, frames: frames.toString("hex") }, work: () => ask({ head, body: "" }, frames) }
      }
    }
  ]
}

const requestOf = (chance: Random, operation: Operation, document: Document, ids: ReadonlyArray<string>): Request => {
  const word = () => (chance.below(2) === 0 ? chance.pick(ids) : HostileValue.text(chance))
  const query: Array<string> = []
  let headers = ""
  let path = operation.path
  for (const { in: place, name, schema } of operation.parameters) {
    const value = chance.below(3) === 0 ? String(valueOf(chance, schema, document)) : word()
    if (place === "path") path = path.replace(`{${name}}`, () => escaped(chance, value))
    else if (chance.below(2) === 0 && place === "query") query.push(`${name}=${escaped(chance, value)}`)
    else if (chance.below(2) === 0 && place === "header") headers += `${name}: ${value.replaceAll(/[\r\n]/g, "")}\r\n`
  }
  if (chance.below(5) === 0) query.push(`${escaped(chance, word())}=${escaped(chance, word())}`)
  const [type, described] = chance.pick([...Object.entries(operation.bodies), ["application/json", {}] as const])
  const isValid = chance.below(3) > 0 && described.schema !== undefined
  const body =
    operation.method === "GET"
      ? ""
      : isValid
        ? stringOf(valueOf(chance, described.schema!, document))
        : HostileValue.body(chance)
  const sent = chance.below(6) === 0 ? chance.pick(types) : type
  const target = `${path}${query.length === 0 ? "" : `?${query.join("&")}`}`
  return {
    head:
      `${operation.method} ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${headers}` +
      `${body === "" ? "" : `content-type: ${sent}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`}\r\n`,
    body
  }
}

const stringOf = (value: unknown): string => JSON.stringify(value) ?? ""

/** Percent-encoded, sometimes wrongly: invalid UTF-8, half of an escape. */
const escaped = (chance: Random, value: string): string => {
  const kind = chance.below(12)
  if (kind === 0) return "%ED%A0%80"
  if (kind === 1) return "%"
  if (kind === 2) return "%00"
  return encodeURIComponent(value.toWellFormed())
}

/** A value of the schema, in which a part may be something else. */
const valueOf = (chance: Random, schema: Schema, document: Document, depth = 0): unknown => {
  if (depth > 8 || chance.below(12) === 0) return HostileValue.json(chance)
  const next = (inner: Schema) => valueOf(chance, inner, document, depth + 1)
  if (schema.$ref !== undefined) return next(document.components.schemas[schema.$ref.split("/").at(-1)!] ?? {})
  const forms = schema.anyOf ?? schema.oneOf
  if (forms !== undefined) return next(chance.pick(forms))
  if (schema.enum !== undefined) return chance.pick(schema.enum)
  if (schema.properties !== undefined) {
    const required = new Set(schema.required)
    const some = Object.entries(schema.properties).filter(([name]) => required.has(name) || chance.below(3) === 0)
    return Object.fromEntries(some.map(([name, inner]) => [name, next(inner)]))
  }
  if (schema.type === "array") return Array.from({ length: chance.below(4) }, () => next(schema.items ?? {}))
  if (schema.type === "integer" || schema.type === "number") return chance.pick([0, 1, 10, -1, 1e9, 1e308, 0.5])
  if (schema.type === "boolean") return chance.below(2) === 0
  if (schema.type === "object") return { [chance.pick(["a", "x", "topic"])]: HostileValue.json(chance) }
  return chance.pick(["a", "fuzz", "Write.", "fake/model", "http://127.0.0.1:1/", HostileValue.text(chance)])
}

/**
 * Data that a client sends once the connection is a WebSocket: frames of any kind, and bytes that
 * are not frames.
 */
const framesOf = (chance: Random): Buffer => {
  const frame = (): Buffer => {
    const size = chance.below(126)
    const mask = chance.below(4) === 0 ? 0 : 0x80
    const bytes = Buffer.from(Array.from({ length: size + (mask === 0 ? 0 : 4) }, () => chance.below(256)))
    const length = chance.below(6) === 0 ? chance.pick([126, 127]) : size
    return Buffer.concat([
      Buffer.from([
        chance.pick([0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8a, 0x83, 0xf1, chance.below(256)]),
        mask | length
      ]),
      bytes
    ])
  }
  return Buffer.concat(Array.from({ length: chance.below(6) }, frame))
}

/**
 * The answer as text: all of it when it ends, or for one that stays open, what arrived soon after
 * it began.
 */
const send = (port: number, { body, head }: Request, frames?: Buffer): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    let answer = ""
    const timer = setTimeout(() => {
      reject(new Error(`no answer within ${maxMillis} ms: ${answer.slice(0, 200)}`))
      socket.destroy()
    }, maxMillis)
    socket.on("data", (data) => {
      const isFirst = answer === ""
      if (answer.length < 100_000) answer += String(data)
      if (!isFirst) return
      const isUpgraded = answer.startsWith("HTTP/1.1 101")
      if (isUpgraded && frames !== undefined) socket.write(frames)
      // These stay open, and so does a connection of which an upgrade was refused or ignored.
      if (isUpgraded || frames !== undefined || /text\/event-stream/.test(answer))
        setTimeout(() => socket.destroy(), 20)
    })
    // A server may close a connection before it has read all.
    socket.on("error", () => socket.destroy())
    socket.on("close", () => {
      clearTimeout(timer)
      resolve(answer)
    })
    socket.write(head, "latin1")
    socket.write(body)
  })
