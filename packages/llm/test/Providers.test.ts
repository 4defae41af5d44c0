import * as Llm from "@crewline/core/Llm"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Demo from "../src/Demo.ts"
import * as OpenAi from "../src/OpenAi.ts"
import * as Providers from "../src/Providers.ts"
import * as FakeProvider from "@crewline/fake-provider"
import * as OpenAiChat from "@crewline/fake-provider/Dialect/OpenAiChat"
import * as Scoped from "@crewline/fake-provider/Scoped"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

const environment = (variables: { readonly [name: string]: string }) =>
  Providers.layerConfig.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(variables))))

const resolve = (reference?: string) => Effect.flatMap(Llm.Llm, (llm) => llm.resolve(reference))

const referenceWith = (variables: { readonly [name: string]: string }, reference?: string) =>
  resolve(reference).pipe(
    Effect.map((model) => model.reference),
    Effect.catch((error) => Effect.succeed(`${error.reason._tag}: ${error.reason.description}`)),
    Effect.provide(environment(variables))
  )

describe("Providers", () => {
  it.effect("resolves references, equal ones to the same model", () =>
    Effect.gen(function* () {
      const openAi = OpenAi.make({ apiKey: Redacted.make("k"), baseURL: "http://127.0.0.1:1" })
      const llm = Providers.make({ providers: [openAi, Demo.make()], defaultModel: "scripted/demo" })
      assert.strictEqual((yield* llm.resolve("openai/gpt-5.2")).reference, "openai/gpt-5.2")
      assert.strictEqual((yield* llm.resolve("openai/org/model:7b")).reference, "openai/org/model:7b")
      assert.strictEqual((yield* llm.resolve(undefined)).reference, "scripted/demo")
      assert.strictEqual(yield* llm.resolve("openai/gpt-5.2"), yield* llm.resolve("openai/gpt-5.2"))
    })
  )

  it.effect("reports the configured providers and how to configure the others", () =>
    Effect.gen(function* () {
      const llm = Providers.make({ providers: [Demo.make()], defaultModel: "scripted/demo" })
      const refusal = (reference: string) => Effect.map(Effect.flip(llm.resolve(reference)), (error) => error)
      const openai = yield* refusal("openai/gpt-5.2")
      assert.strictEqual(openai.reason._tag, "UnknownModel")
      assert.isFalse(openai.reason.isRetryable)
      assert.strictEqual(openai.model, "openai/gpt-5.2")
      assert.strictEqual(
        openai.reason.description,
        'There is no provider "openai". Configured: scripted/demo. To use openai/…, set OPENAI_API_KEY (and OPENAI_BASE_URL for a compatible server).'
      )
      assert.include((yield* refusal("scripted/other")).message, 'The provider "scripted" has no model "other".')
      for (const reference of ["gpt-5.2", "openai/", "/gpt", ""]) {
        assert.include((yield* refusal(reference)).message, "expected provider/model")
      }
    })
  )

  it.effect("uses the configuration of the environment", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* referenceWith({}), "scripted/demo")
      assert.strictEqual(yield* referenceWith({ OPENAI_API_KEY: " ", CREWLINE_MODEL: "" }), "scripted/demo")
      assert.strictEqual(yield* referenceWith({ OPENAI_API_KEY: "k" }), "openai/gpt-5.6-luna")
      assert.strictEqual(
        yield* referenceWith({ OPENAI_API_KEY: "k", CREWLINE_MODEL: "scripted/demo" }),
        "scripted/demo"
      )
      assert.strictEqual(yield* referenceWith({ OPENAI_BASE_URL: "http://localhost:11434/v1" }), "scripted/demo")
      assert.strictEqual(
        yield* referenceWith({ OPENAI_BASE_URL: "http://localhost:1/v1" }, "openai/qwen"),
        "openai/qwen"
      )
      assert.include(yield* referenceWith({ CREWLINE_MODEL: "openai/gpt-5.2" }), "UnknownModel: There is no provider")
    })
  )

  it.live("uses the OpenAI API named by the environment", () =>
    Effect.gen(function* () {
      const server = yield* Scoped.start(FakeProvider.json({ error: { message: "no" } }, 400))
      const asked = (variables: { readonly [name: string]: string }) =>
        resolve("openai/m").pipe(
          Effect.flatMap((model) =>
            Effect.flip(model.generate({ messages: [{ role: "user", content: "Hi" }], tools: [], toolChoice: "auto" }))
          ),
          Effect.provide(environment({ OPENAI_BASE_URL: server.baseURL, ...variables })),
          Effect.map(() => server.received.at(-1)!.path)
        )
      assert.strictEqual(yield* asked({ CREWLINE_OPENAI_API: "responses" }), "/v1/responses")
      for (const variables of [{ CREWLINE_OPENAI_API: "chat" }, { CREWLINE_OPENAI_API: " " }, {}]) {
        assert.strictEqual(yield* asked(variables), "/v1/chat/completions")
      }
      const wrong = environment({ OPENAI_API_KEY: "k", CREWLINE_OPENAI_API: "completions" })
      const error = yield* Effect.flip(Effect.provide(resolve(), wrong))
      assert.include(error.message, 'CREWLINE_OPENAI_API: unknown API "completions", expected chat or responses.')
    }).pipe(Effect.scoped)
  )

  it.effect("chooses the default model in the documented order", () =>
    Effect.gen(function* () {
      const all = { OPENAI_API_KEY: "k", ANTHROPIC_API_KEY: "k", OLLAMA_HOST: "127.0.0.1" }
      const { OPENAI_API_KEY: _openAi, ...withoutOpenAi } = all
      const { ANTHROPIC_API_KEY: _anthropic, ...onlyOllama } = withoutOpenAi
      assert.strictEqual(yield* referenceWith(all), Providers.defaultOpenAiModel)
      assert.strictEqual(yield* referenceWith(withoutOpenAi), Providers.defaultAnthropicModel)
      assert.strictEqual(yield* referenceWith(onlyOllama), Providers.defaultOllamaModel)
      assert.strictEqual(yield* referenceWith({ ...onlyOllama, ANTHROPIC_API_KEY: " " }), Providers.defaultOllamaModel)
      assert.strictEqual(yield* referenceWith({ ANTHROPIC_BASE_URL: "http://localhost:1" }), "scripted/demo")
      assert.strictEqual(yield* referenceWith({ ...all, CREWLINE_MODEL: "ollama/qwen3:8b" }), "ollama/qwen3:8b")
    })
  )

  it.effect("explains how to configure the named provider, or all if it is unknown", () =>
    Effect.gen(function* () {
      const anthropic = yield* referenceWith({}, "anthropic/claude-haiku-4-5")
      assert.include(anthropic, "To use anthropic/…, set ANTHROPIC_API_KEY.")
      assert.notInclude(anthropic, "OPENAI")
      const mistral = yield* referenceWith({ OPENAI_API_KEY: "k" }, "mistral/large")
      assert.include(mistral, "To use anthropic/…, set ANTHROPIC_API_KEY.")
      assert.include(mistral, "To use ollama/…, set OLLAMA_HOST")
      assert.notInclude(mistral, "OPENAI_API_KEY")
    })
  )

  it.live("reads the capabilities of a server, and the window of Ollama, or reports invalid ones", () =>
    Effect.gen(function* () {
      const read = (env: Record<string, string>) =>
        Effect.provideService(Providers.config, ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
      const lacking = {
        OPENAI_BASE_URL: "http://localhost:1/v1",
        CREWLINE_OPENAI_CAPABILITIES: "json_schema=false, tools=true"
      }
      yield* read({ ...lacking, OLLAMA_HOST: "127.0.0.1", OLLAMA_CONTEXT_LENGTH: "32768" })
      for (const [name, value] of [
        ["CREWLINE_OPENAI_CAPABILITIES", "json_schema=maybe"],
        ["CREWLINE_OPENAI_CAPABILITIES", "telepathy=false"],
        ["OLLAMA_CONTEXT_LENGTH", "much"],
        ["OLLAMA_CONTEXT_LENGTH", "-1"]
      ] as const) {
        const error = yield* Effect.flip(read({ [name]: value }))
        assert.include(error.cause.message, `Invalid ${name} "${value}"`)
      }
      const { origin, received } = yield* Scoped.start(FakeProvider.answer({ text: "Hi" }))
      const { providers } = yield* read({ OLLAMA_HOST: origin, OLLAMA_CONTEXT_LENGTH: "32768" })
      const messages = [{ role: "user", content: "Hi" }] as const
      yield* providers[0]!.model("m").generate({ messages, tools: [], toolChoice: "auto" })
      assert.deepStrictEqual(received[0]!.body["options"], { num_ctx: 32_768 })
    }).pipe(Effect.scoped)
  )

  it.live("calls the servers at ANTHROPIC_BASE_URL and OLLAMA_HOST, with their keys", () =>
    Effect.gen(function* () {
      const request: Llm.Request = { messages: [{ role: "user", content: "Hi" }], tools: [], toolChoice: "auto" }
      for (const { model, variables } of [
        {
          model: "anthropic/m",
          variables: (origin: string) => ({ ANTHROPIC_BASE_URL: `${origin}/v1`, ANTHROPIC_API_KEY: "key-1" })
        },
        { model: "ollama/m", variables: (origin: string) => ({ OLLAMA_HOST: origin, OLLAMA_API_KEY: "key-1" }) }
      ]) {
        const provider = yield* Scoped.start(FakeProvider.json({ error: { message: "no" } }, 400))
        const { origin } = new URL(provider.baseURL)
        const error = yield* resolve(model).pipe(
          Effect.flatMap(({ generate }) => generate(request)),
          Effect.flip,
          Effect.provide(environment(variables(origin)))
        )
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        assert.include(["/v1/messages", "/api/chat"], provider.received[0]?.path)
        assert.include(JSON.stringify(provider.received[0]?.headers), "key-1")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("calls the server at OPENAI_BASE_URL, with the key", () =>
    Effect.gen(function* () {
      const provider = yield* Scoped.start(FakeProvider.json(OpenAiChat.completion({ content: "Hi." })))
      const ask = resolve("openai/m").pipe(
        Effect.flatMap((model) =>
          model.generate({ messages: [{ role: "user", content: "Hi" }], tools: [], toolChoice: "auto" })
        ),
        Effect.provide(environment({ OPENAI_BASE_URL: provider.baseURL, OPENAI_API_KEY: "key-1" }))
      )
      assert.strictEqual((yield* ask).model, "model-2026")
      assert.strictEqual(provider.received[0]?.headers.authorization, "Bearer key-1")
    }).pipe(Effect.scoped)
  )

  it.live("loads no SDK before a model is called", () =>
    Effect.gen(function* () {
      const program = `
        import { registerHooks } from "node:module"
        const seen = []
        registerHooks({ resolve: (name, context, next) => (seen.push(name), next(name, context)) })
        const { Ollama } = await import("./src/index.ts")
        const sdks = () => seen.filter((name) => /^(openai|ollama|@anthropic-ai)/.test(name)).length
        const before = sdks()
        const { runPromiseExit } = await import("effect/Effect")
        const model = Ollama.make({ host: "http://127.0.0.1:9" }).model("m")
        await runPromiseExit(model.generate({ messages: [], tools: [], toolChoice: "auto" }))
        console.log(before, sdks() > 0)
      `
      const output = yield* Effect.promise(() =>
        promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
          cwd: join(import.meta.dirname, "..")
        })
      )
      assert.strictEqual(output.stdout.trim(), "0 true")
    })
  )
})
