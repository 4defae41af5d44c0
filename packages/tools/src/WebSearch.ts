/** The tool `web_search`: results of a search engine that the operator has configured. */
import { ToolFailed } from "@crewline/core/Toolbox"
import type * as Toolbox from "@crewline/core/Toolbox"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as BuiltIn from "./BuiltIn.ts"
import type { Network } from "./Network.ts"
import * as Engines from "./WebSearch/Engines.ts"

export type { Engine } from "./WebSearch/Engines.ts"

export interface Options {
  readonly network: Network
  /** Absent: calls fail, and the error explains how to configure an engine. */
  readonly engine?: Engines.Engine | undefined
}

const key = (variable: string) => Config.option(Config.Redacted(variable))

/**
 * The first of `TAVILY_API_KEY`, `SERPER_API_KEY`, `BRAVE_API_KEY` and `SEARXNG_URL` that is set.
 */
export const config: Config.Config<Engines.Engine | undefined> = Config.all({
  tavily: key("TAVILY_API_KEY"),
  serper: key("SERPER_API_KEY"),
  brave: key("BRAVE_API_KEY"),
  searxng: Config.option(Config.NonEmptyString("SEARXNG_URL"))
}).pipe(
  Config.map(({ searxng, ...keys }) => {
    for (const name of ["tavily", "serper", "brave"] as const) {
      if (Option.isSome(keys[name])) return { name, apiKey: keys[name].value }
    }
    return Option.isSome(searxng) ? { name: "searxng", url: searxng.value } : undefined
  })
)

const Parameters = Schema.Struct({
  query: Schema.NonEmptyString,
  limit: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)))
})

/** Engines return no more at once. */
const maxLimit = 20

const absent =
  "No search engine is configured: the operator must set TAVILY_API_KEY, SERPER_API_KEY, BRAVE_API_KEY or SEARXNG_URL."

export const make = ({ engine, network }: Options): Toolbox.Tool =>
  BuiltIn.make({
    name: "web_search",
    description: "Searches the web.",
    parameters: Parameters,
    aliases: { search_query: "query", q: "query", n_results: "limit", max_results: "limit" },
    kind: "network",
    idempotent: true,
    cacheable: true,
    origin: "web",
    execute: ({ limit = 8, query }) =>
      engine === undefined
        ? Effect.fail(new ToolFailed({ message: absent, code: "not-configured" }))
        : Effect.map(Engines.search(network, engine, { query, limit: Math.min(limit, maxLimit) }), (results) =>
            results.length === 0
              ? `Nothing was found for ${JSON.stringify(query)}.`
              : results.map(({ snippet, title, url }) => `${title}\n${url}\n${snippet}`).join("\n\n")
          )
  })
