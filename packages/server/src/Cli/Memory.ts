/** `crewline memory`: access to the memories of crews. */
import * as CoreMemory from "@crewline/core/Memory"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { createReadStream, statSync } from "node:fs"
import { createInterface } from "node:readline"
import * as Api from "../Api/Memories.ts"
import * as AskText from "./AskText.ts"
import * as Failure from "./Failure.ts"
import * as Output from "./Output.ts"
import * as ProgressBar from "./ProgressBar.ts"
import * as Resources from "./Resources.ts"
import { type Options, tenantOf, valid } from "./TenantOptions.ts"
import * as Layout from "./View/Layout.ts"

type Optional<A> = { readonly [K in keyof A]: Option.Option<A[K]> }

interface Whose {
  readonly user: Option.Option<string>
  readonly allUsers: boolean
}
type Place = Optional<{ crew: string; agent: string; session: string; execution: string }>
type Stored = Optional<{ since: string; before: string }>
type Kind = Optional<{ kind: CoreMemory.Kind }>
type Traits = Kind & Optional<{ subject: string; origin: CoreMemory.Origin }>

const open = Effect.fnUntraced(function* (options: Omit<Options, "json">) {
  return yield* Resources.memories(options.data, yield* tenantOf({ ...options, json: false }))
})

/** An object with the option, if it is given. */
const given = <const Name extends string, A>(name: Name, value: Option.Option<A>) =>
  // The type of a computed key is `string`, whatever the name is.
  (Option.isSome(value) ? { [name]: value.value } : {}) as { readonly [N in Name]?: A }

const whoseOf = ({ allUsers, user }: Whose): Effect.Effect<Api.Whose, Failure.Failure> => {
  if (allUsers && Option.isSome(user))
    return Effect.fail(Failure.invalid("Set either --user or --all-users, not both."))
  return Effect.succeed({ ...given("onBehalfOf", user), ...(allUsers && { users: "all" as const }) })
}

const placeOf = ({ agent, crew, execution, session }: Place): CoreMemory.Scope => ({
  ...given("crew", crew),
  ...given("agent", agent),
  ...given("session", session),
  ...given("execution", execution)
})

const time = (flag: string, value: Option.Option<string>) =>
  Option.isSome(value) && Number.isNaN(Date.parse(value.value))
    ? Effect.fail(
        Failure.invalid(
          `Invalid --${flag} ${JSON.stringify(value.value)}: expected a date or a time, such as 2026-11-30.`
        )
      )
    : Effect.void

const times = (options: Partial<Stored> & Partial<Optional<{ asOf: string }>>) =>
  Effect.all([
    time("since", options.since ?? Option.none()),
    time("before", options.before ?? Option.none()),
    time("as-of", options.asOf ?? Option.none())
  ])

export const list = Effect.fn("Memory.list")(function* (
  options: Options &
    Whose &
    Place &
    Traits &
    Stored &
    Optional<{ asOf: string }> & { readonly limit: number; readonly superseded: boolean; readonly quarantined: boolean }
) {
  const output = yield* Output.Output
  yield* times(options)
  const items = yield* (yield* open(options)).list(options.limit, {
    ...(yield* whoseOf(options)),
    ...placeOf(options),
    ...given("kind", options.kind),
    ...given("subject", options.subject),
    ...given("origin", options.origin),
    ...given("since", options.since),
    ...given("before", options.before),
    ...given("asOf", options.asOf),
    ...(options.superseded && { superseded: "true" }),
    ...(options.quarantined && { quarantined: "true" })
  })
  if (options.json) return yield* output.result(JSON.stringify({ items }))
  if (items.length === 0) return yield* output.result("No memories.")
  for (const entry of items) yield* output.result([...brief(entry), ""].join("\n"))
}, Effect.scoped)

export const search = Effect.fn("Memory.search")(function* (
  options: Options &
    Whose &
    Place &
    Kind &
    Optional<{ minTrust: CoreMemory.Origin; asOf: string }> & {
      readonly query: string
      readonly limit: number
      readonly explain: boolean
    }
) {
  const output = yield* Output.Output
  yield* times(options)
  const memories = yield* open(options)
  const body: Api.SearchBody = {
    query: options.query,
    limit: Math.min(options.limit, Api.maxFound),
    scope: placeOf(options),
    ...(Option.isSome(options.kind) && { kinds: [options.kind.value] }),
    ...given("minTrust", options.minTrust),
    ...given("asOf", options.asOf),
    ...(yield* whoseOf(options))
  }
  const items = yield* memories.search(body)
  const explained = options.explain ? yield* Effect.forEach(items, ({ id }) => memories.explain(id, body)) : []
  if (options.json)
    return yield* output.result(JSON.stringify({ items, ...(options.explain && { explanations: explained }) }))
  if (items.length === 0) return yield* output.result("No memory matches the query.")
  for (const [index, entry] of items.entries()) {
    const explanation = explained[index]
    const why = explanation === undefined ? [] : partsOf(explanation)
    const lines = [...brief(entry), ...AskText.field("score", `${entry.score.toFixed(3)}: ${entry.why}`), ...why, ""]
    yield* output.result(lines.join("\n"))
  }
}, Effect.scoped)

export const add = Effect.fn("Memory.add")(function* (
  options: Options &
    Place &
    Traits &
    Optional<{ importance: number; key: string; user: string }> & { readonly text: string; readonly shared: boolean }
) {
  const output = yield* Output.Output
  const entry = yield* (yield* open(options)).remember({
    text: options.text,
    scope: placeOf(options),
    ...given("kind", options.kind),
    ...given("subject", options.subject),
    ...given("origin", options.origin),
    ...given("importance", options.importance),
    ...given("key", options.key),
    ...given("onBehalfOf", options.user),
    ...(options.shared && { shared: true })
  })
  yield* output.result(options.json ? JSON.stringify(entry) : `Remembered as ${entry.id}.`)
}, Effect.scoped)

interface One extends Options, Whose {
  readonly id: string
}

const show = (entry: CoreMemory.Entry, json: boolean) =>
  Effect.flatMap(Output.Output, ({ result }) => result(json ? JSON.stringify(entry) : whole(entry).join("\n")))

export const get = Effect.fn("Memory.get")(function* (options: One) {
  yield* show(yield* (yield* open(options)).get(options.id, yield* whoseOf(options)), options.json)
}, Effect.scoped)

export const change = Effect.fn("Memory.change")(function* (options: One & { readonly patch: Api.Patch }) {
  const memories = yield* open(options)
  yield* show(yield* memories.change(options.id, options.patch, yield* whoseOf(options)), options.json)
}, Effect.scoped)

export const forget = Effect.fn("Memory.forget")(function* (
  options: Options &
    Whose &
    Place &
    Traits &
    Stored & { readonly ids: ReadonlyArray<string>; readonly everything: boolean }
) {
  const output = yield* Output.Output
  yield* times(options)
  const place = placeOf(options)
  const filter = {
    ...(options.ids.length > 0 && { ids: options.ids }),
    ...((options.everything || Object.keys(place).length > 0) && { scope: place }),
    ...(Option.isSome(options.kind) && { kinds: [options.kind.value] }),
    ...given("subject", options.subject),
    ...given("origin", options.origin),
    ...given("since", options.since),
    ...given("before", options.before)
  }
  if (Object.keys(filter).length === 0)
    return yield* Failure.invalid(
      "Specify which memories to erase: by id, --crew, --subject, --origin …, or --everything."
    )
  const forgotten = yield* (yield* open(options)).forget({ ...filter, ...(yield* whoseOf(options)) })
  if (options.json) return yield* output.result(JSON.stringify(forgotten))
  yield* output.result(`Erased ${forgotten.count} ${forgotten.count === 1 ? "memory" : "memories"}.`)
  if (forgotten.executions.length > 0)
    yield* output.say(
      [
        "Events of these executions may still quote the erased memories; to erase the events too, delete the executions:",
        ...forgotten.executions
      ].join("\n  ")
    )
}, Effect.scoped)

export const entities = Effect.fn("Memory.entities")(function* (
  options: Options & Whose & Place & Optional<{ name: string }> & { readonly limit: number }
) {
  const output = yield* Output.Output
  const items = yield* (yield* open(options)).entities({
    ...(yield* whoseOf(options)),
    ...placeOf(options),
    ...given("name", options.name),
    limit: options.limit
  })
  if (options.json) return yield* output.result(JSON.stringify({ items }))
  if (items.length === 0) return yield* output.result("No memory mentions a person, place or thing by name.")
  for (const { aliases, description, mentions, name, type } of items) {
    const also = aliases.length === 0 ? "" : `, also ${aliases.join(", ")}`
    const what = description === undefined ? "" : `: ${description}`
    yield* output.result(Layout.oneLine(`${name} (${type}${also})${what}, mentioned ${mentions} times`))
  }
}, Effect.scoped)

type Connected = Omit<Options, "json">

export const exported = Effect.fn("Memory.export")(function* (options: Connected & Whose & Place) {
  const output = yield* Output.Output
  const memories = yield* open(options)
  const bar = yield* ProgressBar.make("Exported")
  let count = 0
  yield* Stream.runForEach(memories.export({ ...(yield* whoseOf(options)), ...placeOf(options) }), (line) =>
    Effect.andThen(output.result(line), ++count % 500 === 0 ? bar.show(count) : Effect.void)
  )
  yield* output.say(`Exported ${count} ${count === 1 ? "memory" : "memories"}.`)
}, Effect.scoped)

/** Lines of one request. */
const batchSize = 500

const linesOf = (file: string) =>
  Stream.fromAsyncIterable(createInterface({ input: createReadStream(file), crlfDelay: Infinity }), (error) =>
    Failure.because(error instanceof Error ? error : new Error(String(error)))
  )

export const imported = Effect.fn("Memory.import")(function* (options: Options & Whose & { readonly file: string }) {
  const output = yield* Output.Output
  const size = yield* Effect.try({
    try: () => statSync(options.file).size,
    catch: (error) => Failure.because(error instanceof Error ? error : new Error(String(error)))
  })
  const memories = yield* open(options)
  const whose = yield* whoseOf(options)
  const bar = yield* ProgressBar.make("Imported")
  const sum = { lines: 0, stored: 0, known: 0 }
  let bytes = 0
  const send = Effect.fnUntraced(function* (batch: ReadonlyArray<string>) {
    let rest = batch
    while (rest.length > 0) {
      const { complete, known, lines, stored } = yield* memories.import(rest, whose)
      sum.stored += stored
      sum.known += known
      if (!complete && lines === 0)
        return yield* Failure.failed("The import makes no progress on the server: try again later.")
      rest = complete ? [] : rest.slice(lines)
    }
    sum.lines += batch.length
    for (const line of batch) bytes += Buffer.byteLength(line) + 1
    yield* bar.show(Math.min(bytes, size), size)
  })
  yield* linesOf(options.file).pipe(
    Stream.filter((line) => line.trim() !== ""),
    Stream.grouped(batchSize),
    Stream.runForEach((batch) =>
      Effect.mapError(
        send(batch),
        (failure) =>
          new Failure.Failure({
            code: failure.code,
            message: `${failure.message}\nThe failure is in lines ${sum.lines + 1} to ${sum.lines + batch.length} of ${options.file}. The lines before are stored: run the command again to continue.`
          })
      )
    )
  )
  yield* output.result(
    options.json
      ? JSON.stringify(sum)
      : `Imported ${sum.stored} of ${sum.lines} memories; ${sum.known} already existed.`
  )
}, Effect.scoped)

export const statistics = Effect.fn("Memory.statistics")(function* (options: Options) {
  const output = yield* Output.Output
  const found = yield* (yield* open(options)).statistics
  if (options.json) return yield* output.result(JSON.stringify(found))
  const { embedder, live, offered, pinned, quarantined, refused, refusedShare, superseded } = found
  const lines = [
    ...Object.entries(live).map(([kind, count]) => `${kind}: ${count}`),
    `superseded: ${superseded}`,
    `pinned: ${pinned}`,
    `quarantined: ${quarantined}`,
    `rejected as not worth remembering: ${(100 * refusedShare).toFixed(1)} % of ${offered}`,
    ...Object.entries(refused).map(([reason, count]) => `  ${reason}: ${count}`),
    `recalled by ${embedder === undefined ? "words only" : `words and by meaning, with ${embedder}`}`
  ]
  yield* output.result(lines.join("\n"))
}, Effect.scoped)

const decodeRetention = Schema.decodeUnknownResult(Api.RetentionBody)

export const retention = Effect.fn("Memory.retention")(function* (
  options: Options & { readonly set: ReadonlyArray<string> }
) {
  const output = yield* Output.Output
  const memories = yield* open(options)
  if (options.set.length > 0) {
    const items = options.set.map((text) => {
      const [kind, days] = text.split(":")
      return { kind, maxAgeDays: Number(days) }
    })
    const { items: decoded } = yield* valid("The retention", decodeRetention({ items }))
    yield* memories.retain(decoded)
  }
  const items = yield* memories.retention
  if (options.json) return yield* output.result(JSON.stringify({ items }))
  if (items.length === 0) return yield* output.result("All memories are kept indefinitely.")
  for (const { kind, maxAgeDays, maxCount } of items) {
    const age = maxAgeDays === undefined ? [] : [`${maxAgeDays} days`]
    const count = maxCount === undefined ? [] : [`the newest ${maxCount}`]
    yield* output.result(`${kind}: ${[...age, ...count].join(", ") || "indefinitely"}`)
  }
}, Effect.scoped)

const scopeText = (scope: CoreMemory.Scope): string =>
  CoreMemory.Visibility.parts
    .flatMap((part) => (scope[part] === undefined ? [] : [`${part} ${scope[part]}`]))
    .join(", ")

const maxShown = 400

/** The lines about a memory in a list. */
const brief = (entry: CoreMemory.Entry): ReadonlyArray<string> => {
  const shown = entry.text.length > maxShown ? `${entry.text.slice(0, maxShown)} …` : entry.text
  const marks = [
    ...(entry.validTo === undefined ? [] : ["superseded"]),
    ...(entry.pinned ? ["pinned"] : []),
    ...(entry.quarantined ? ["quarantined"] : [])
  ]
  const from = entry.trust === entry.origin ? entry.origin : `${entry.origin}, derived from ${entry.trust}`
  return [
    `${entry.id}  ${entry.kind}, from ${from}${marks.map((mark) => `, ${mark}`).join("")}`,
    ...AskText.field("text", shown),
    ...AskText.field("of", scopeText(entry.scope) || "everyone"),
    ...AskText.field("said", entry.saidAt)
  ].map((line) => Layout.oneLine(line))
}

const whole = (entry: CoreMemory.Entry): ReadonlyArray<string> => [
  ...brief({ ...entry, text: "" }).filter((line) => !line.trimStart().startsWith("text")),
  ...(entry.subject === undefined ? [] : AskText.field("subject", entry.subject)),
  ...(entry.outcome?.score === undefined ? [] : AskText.field("score", String(entry.outcome.score))),
  ...(entry.outcome?.lesson === undefined ? [] : AskText.field("lesson", entry.outcome.lesson)),
  ...(entry.source === undefined ? [] : AskText.field("source", `execution ${entry.source.execution}`)),
  ...(entry.supersededBy === undefined ? [] : AskText.field("superseded by", entry.supersededBy)),
  ...AskText.field("remembered", `${entry.corroborations + 1} times`),
  ...AskText.field("mentions", entry.mentions.map(({ name }) => name).join(", ") || "no names"),
  "",
  entry.text
]

const partsOf = ({ parts, rank, terms }: CoreMemory.Explanation): ReadonlyArray<string> => [
  ...AskText.field("rank", rank === undefined ? "not found" : String(rank)),
  ...AskText.field(
    "parts",
    Object.entries(parts)
      .map(([name, value]) => `${name} ${value.toFixed(3)}`)
      .join(", ")
  ),
  ...AskText.field("terms", terms.map(({ term, weight }) => `${term} ${weight.toFixed(2)}`).join(", "))
]
