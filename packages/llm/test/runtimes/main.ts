/**
 * A crew with a tool and typed output on each provider, in the current runtime: `npm run check --
 * runtimes` runs it in Bun and in Deno. The argument is the address of a fake provider.
 */
import * as Crew from "@crewline/core/Crew"
import * as Crewline from "@crewline/core/Crewline"
import * as Tool from "@crewline/core/Tool"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Anthropic from "../../src/Anthropic.ts"
import * as Ollama from "../../src/Ollama.ts"
import * as OpenAi from "../../src/OpenAi.ts"
import type { Provider } from "../../src/Provider.ts"
import * as Providers from "../../src/Providers.ts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

const origin = new URL(process.argv[2] ?? "").origin
const apiKey = Redacted.make("k")

const stock = Tool.make({
  name: "stock",
  description: "Counts an article.",
  parameters: Schema.Struct({ article: Schema.String }),
  idempotent: true,
  execute: ({ article }) => `${article}: 7`
})

const providers = [
  OpenAi.make({ apiKey, baseURL: `${origin}/v1` }),
  OpenAi.make({ name: "responses", apiKey, baseURL: `${origin}/v1`, api: "responses" }),
  Anthropic.make({ apiKey, baseURL: origin }),
  Ollama.make({ host: origin })
]

/** The provider, called with streaming. */
const streamed = (provider: Provider): Provider => ({
  ...provider,
  model: (id) => {
    const model = provider.model(id)
    return { ...model, generate: (request) => model.generate({ ...request, onDelta: () => {} }) }
  }
})

const crewOn = (model: string) =>
  Crew.make({
    name: "one",
    model,
    agents: { clerk: { role: "Clerk", goal: "Answer" } },
    tasks: {
      count: {
        description: 'How many teapots are there? [[tool:stock {"article":"teapot"}]]',
        expectedOutput: "A sentence.",
        tools: ["stock"]
      },
      decide: {
        description: "Decide.",
        context: ["count"],
        expectedOutput: "A number.",
        output: Schema.Struct({ count: Schema.Int })
      }
    }
  })

/** Each model. */
const run = (way: string, all: ReadonlyArray<Provider>) =>
  Effect.gen(function* () {
    const { start } = yield* Crewline.Crewline
    for (const { name } of all) {
      const { output } = yield* (yield* start(crewOn(`${name}/m`))).result
      if (JSON.stringify(output) !== '{"count":1}') return yield* Effect.die(`${name}: ${JSON.stringify(output)}`)
      console.log(`${name} ${way}: good`)
    }
  }).pipe(
    Effect.provide(
      Crewline.layerLocal().pipe(
        Layer.provide([Providers.layer({ providers: all, defaultModel: "none/none" }), Toolbox.layer([stock])])
      )
    )
  )

await Effect.runPromise(Effect.andThen(run("whole", providers), run("streamed", providers.map(streamed))))
