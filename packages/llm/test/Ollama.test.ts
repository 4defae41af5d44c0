/** Features of Ollama only; the rest is in the conformance suite. */
import type * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { vi } from "vitest"
import * as AddressGuard from "../src/AddressGuard.ts"
import * as Ollama from "../src/Ollama.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { request } from "./fake/Request.ts"

const done = (message: object = {}) =>
  FakeProvider.json({
    model: "m",
    message: { role: "assistant", content: "Hello.", ...message },
    done: true,
    done_reason: "stop",
    prompt_eval_count: 10,
    eval_count: 5
  })

const tool: Llm.ToolDefinition = { name: "look", description: "Looks", parameters: { type: "object", properties: {} } }
const output = { name: "rating", schema: { type: "object", properties: { score: { type: "integer" } } } }

const ask = (
  fields: Partial<Llm.Request> = {},
  options: Ollama.Options & { readonly id?: string; readonly handler?: FakeProvider.Handler } = {}
) =>
  Effect.gen(function* () {
    const { handler = done(), id = "m", ...rest } = options
    const provider = yield* Scoped.start(handler)
    const model = Ollama.make({ host: new URL(provider.baseURL).origin, ...rest }).model(id)
    const messages = [{ role: "user" as const, content: "Hi" }]
    const answer = yield* model.generate({ messages, tools: [], toolChoice: "auto", ...fields })
    return { answer, body: provider.received[0]!.body }
  }).pipe(Effect.scoped)

describe("Ollama", () => {
  it("parses a host of very many slashes in linear time", () => {
    // Rescanning from each of them would take a hundred thousand million steps.
    assert.strictEqual(Ollama.addressOf(`http://x${"/".repeat(500_000)}`), "http://x")
    assert.isTrue(Ollama.addressOf(`http://x${"/".repeat(500_000)}y`).endsWith("/y"))
  })

  it("parses hosts in Ollama's notation", () => {
    const addresses = ["", ":8080", "machine", "0.0.0.0", "0.0.0.0:1234", "https://ollama.com/", "http://[::1]:11434"]
    assert.deepStrictEqual(addresses.map(Ollama.addressOf), [
      "http://127.0.0.1:11434",
      "http://127.0.0.1:8080",
      "http://machine:11434",
      "http://127.0.0.1:11434",
      "http://127.0.0.1:1234",
      "https://ollama.com",
      "http://[::1]:11434"
    ])
  })

  it.live("sends ollama.com no key from the environment", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "crewline-ollama-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
      )
      const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")]
      const subject = ["-subj", "/CN=ollama.com", "-addext", "subjectAltName=DNS:ollama.com"]
      const certificate = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout", key, "-out", cert]
      execFileSync("openssl", [...certificate, ...subject], { stdio: "ignore" })
      const received: Array<string | undefined> = []
      const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
        received.push(request.headers.authorization)
        response.end(JSON.stringify({ message: { role: "assistant", content: "Hello." }, done: true }))
      })
      yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      vi.stubEnv("OLLAMA_API_KEY", "of-the-environment")
      vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0")
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.unstubAllEnvs()))

      const { port } = server.address() as AddressInfo
      const addressGuard = AddressGuard.make({
        allow: ["127.0.0.1"],
        lookup: (_, options, done) =>
          options.all === true ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4)
      })
      for (const apiKey of [undefined, Redacted.make("its-own")]) {
        const host = `https://ollama.com:${port}`
        const model = Ollama.make({ host, addressGuard, ...(apiKey !== undefined && { apiKey }) }).model("m")
        for (const stream of [false, true]) {
          const onDelta = () => {}
          yield* model.generate({
            messages: [{ role: "user", content: "Hi" }],
            tools: [],
            toolChoice: "auto",
            ...(stream && { onDelta })
          })
        }
      }
      assert.deepStrictEqual(received, [undefined, undefined, "Bearer its-own", "Bearer its-own"])
    }).pipe(Effect.scoped)
  )

  it.live("sends the parameters of the model and the size of its window", () =>
    Effect.gen(function* () {
      const { body } = yield* ask(
        { options: { temperature: 0.2, topP: 0.9, maxOutputTokens: 50, seed: 7, stop: ["END"] } },
        { contextTokens: 32_000, keepAlive: "5m" }
      )
      assert.deepStrictEqual(body, {
        model: "m",
        messages: [{ role: "user", content: "Hi" }],
        options: { num_ctx: 32_000, temperature: 0.2, top_p: 0.9, num_predict: 50, seed: 7, stop: ["END"] },
        keep_alive: "5m",
        stream: false
      })
    })
  )

  it.live("streams if the caller listens, and reads lines even if it did not ask for them", () =>
    Effect.gen(function* () {
      const line = (content: string, rest: object = {}) =>
        `${JSON.stringify({ model: "m", message: { role: "assistant", content }, done: false, ...rest })}\n`
      const handler = FakeProvider.stream([line("Hel"), line("lo."), line("", { done: true, done_reason: "stop" })])
      const deltas: Array<string> = []
      const streamed = yield* ask({ onDelta: (delta) => void deltas.push(delta) }, { handler })
      assert.isTrue(streamed.body["stream"])
      assert.strictEqual(deltas.join(""), "Hello.")
      const whole = yield* ask({}, { handler })
      assert.isFalse(whole.body["stream"])
      assert.deepStrictEqual(whole.answer.parts, streamed.answer.parts)
    })
  )

  it.live("sends the schema only if no tool can be called, and no tools if none are allowed", () =>
    Effect.gen(function* () {
      const free = yield* ask({ tools: [tool], output })
      assert.isUndefined(free.body["format"])
      assert.isDefined(free.body["tools"])
      const last = yield* ask({ tools: [tool], toolChoice: "none", output })
      assert.deepStrictEqual(last.body["format"], output.schema)
      assert.isUndefined(last.body["tools"])
    })
  )

  it.live("generates ids for calls without one, and parses arguments sent as text", () =>
    Effect.gen(function* () {
      const call = (args: unknown) => ({ function: { name: "look", arguments: args } })
      const handler = done({ content: "", tool_calls: [call({ at: 1 }), call('{"at":2}'), call('{"at')] })
      const { answer } = yield* ask({ tools: [tool] }, { handler })
      const calls = answer.parts.flatMap((part) => (part.type === "tool-call" ? [part] : []))
      assert.deepStrictEqual(
        calls.map(({ params }) => params),
        [{ at: 1 }, { at: 2 }, '{"at']
      )
      assert.strictEqual(new Set(calls.map(({ id }) => id)).size, 3)
      assert.strictEqual(answer.finishReason, "tool-calls")
    })
  )

  it.live("is free locally, and has an unknown cost in the cloud", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask()).answer.usage.costUsd, 0)
      assert.isNull((yield* ask({}, { id: "gpt-oss:120b-cloud" })).answer.usage.costUsd)
      const priced = yield* ask({}, { prices: { m: { input: 1, output: 2 } } })
      assert.strictEqual(priced.answer.usage.costUsd, 20 / 1_000_000)
    })
  )

  it.live("explains how to get a missing model", () =>
    Effect.gen(function* () {
      const handler = FakeProvider.json({ error: "model 'qwen3:8b' not found" }, 404)
      const error = yield* Effect.flip(ask({}, { handler, id: "qwen3:8b" }))
      assert.include(error.message, "ollama pull qwen3:8b")
    })
  )
})

describe("a prompt truncated by the server", () => {
  const words = (count: number) => "The quick brown fox jumps. ".repeat(Math.ceil(count / 5))
  const told = (count: number, prompt: string, streamed = false) =>
    Effect.gen(function* () {
      const line = { model: "m", message: { role: "assistant", content: "ok" }, done: true, done_reason: "stop" }
      const body = `${JSON.stringify({ ...line, prompt_eval_count: count, eval_count: 2 })}\n`
      const server = yield* Scoped.start(
        FakeProvider.json(body, 200, { "content-type": streamed ? "application/x-ndjson" : "application/json" })
      )
      const notices: Array<string> = []
      const model = Ollama.make({ host: server.origin }).model("m")
      yield* model.generate(
        request({
          messages: [{ role: "user", content: prompt }],
          onNotice: ({ kind, message }) => void notices.push(`${kind}: ${message}`),
          ...(streamed && { onDelta: () => {} })
        })
      )
      return notices
    }).pipe(Effect.scoped)

  it.live("is detected by the server's token count, and the notice says what to do", () =>
    Effect.gen(function* () {
      for (const [count, streamed] of [
        [2_051, false],
        [4_096, true],
        [4_096, false]
      ] as const) {
        const [notice, ...others] = yield* told(count, words(6_000), streamed)
        assert.match(
          notice ?? "",
          new RegExp(`^context-trimmed: The server has read ${count} tokens of a prompt of about \\d{4}:`)
        )
        assert.include(notice, "OLLAMA_CONTEXT_LENGTH")
        assert.lengthOf(others, 0)
      }
    })
  )

  it.live("is not reported if it was read, was short, or was cached", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* told(7_300, words(6_000)), [])
      assert.deepStrictEqual(yield* told(6_000, words(6_000)), [])
      assert.deepStrictEqual(yield* told(300, words(400)), [])
      assert.deepStrictEqual(yield* told(0, words(6_000)), [])
      assert.deepStrictEqual(yield* told(12, words(6_000)), [])
    })
  )
})
