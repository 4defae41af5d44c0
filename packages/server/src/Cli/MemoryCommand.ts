/**
 * The command line of `crewline memory`. Does not load the implementation, because most command
 * lines do not need it.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { common, text } from "./TenantFlags.ts"

const load = Effect.promise(() => import("./Memory.ts"))
const loadMigration = Effect.promise(() => import("./MemoryMigration.ts"))
const loadSpaces = Effect.promise(() => import("./MemorySpaces.ts"))

const whose = {
  user: text("user", "name", "The user who owns the memories; with an API key, requires the scope users:act-for").pipe(
    Flag.optional
  ),
  allUsers: Flag.Boolean("all-users").pipe(
    Flag.withDescription("Memories of all users; with an API key, requires the scope users:act-for"),
    Flag.withDefault(false)
  )
}

const place = {
  crew: text("crew", "name", "Memories of this crew").pipe(Flag.optional),
  agent: text("agent", "name", "Memories of this agent").pipe(Flag.optional),
  session: text("session", "id", "Memories of this conversation").pipe(Flag.optional),
  execution: text("execution", "id", "Memories of this execution").pipe(Flag.optional)
}

const kinds = ["short-term", "long-term", "entity"] as const
const origins = ["user", "agent", "tool", "document", "web"] as const

const kind = Flag.Literals("kind", kinds).pipe(Flag.withDescription("Kind of memory"), Flag.optional)
const origin = Flag.Literals("origin", origins).pipe(Flag.withDescription("Origin of the text"), Flag.optional)
const subject = text(
  "subject",
  "name",
  "The fact that the memory states a value for, such as customer/42/address"
).pipe(Flag.optional)
const stored = {
  since: text("since", "time", "Stored at this time or later, such as 2026-11-30").pipe(Flag.optional),
  before: text("before", "time", "Stored before this time").pipe(Flag.optional)
}

const flag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

const number = (name: string, standard: number, description: string) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (value) => value >= 1,
      () => "a whole number, 1 or more"
    ),
    Flag.withDescription(`${description}. Default: ${standard}`),
    Flag.withDefault(standard)
  )

const share = (name: string, description: string) =>
  Flag.Finite(name).pipe(
    Flag.filter(
      (value) => value >= 0 && value <= 1,
      () => "a number from 0 to 1"
    ),
    Flag.withDescription(description),
    Flag.optional
  )

const id = Argument.String("id").pipe(Argument.withDescription("The id of a memory, as listed"))

const list = Command.make(
  "list",
  {
    ...place,
    kind,
    subject,
    origin,
    ...stored,
    asOf: text("as-of", "time", "The memories as they were at this time").pipe(Flag.optional),
    superseded: flag("superseded", "Include memories whose subject has a newer value"),
    quarantined: flag("quarantined", "Only quarantined memories"),
    limit: number("limit", 50, "Maximum number of memories"),
    ...whose,
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).list(options)
  })
).pipe(Command.withDescription("List memories, newest first"))

const search = Command.make(
  "search",
  {
    query: Argument.String("query").pipe(Argument.withDescription("What to look for")),
    ...place,
    kind,
    limit: number("limit", 5, "Maximum number of memories"),
    minTrust: Flag.Literals("min-trust", origins).pipe(
      Flag.withDescription("The least trusted origin to include"),
      Flag.optional
    ),
    asOf: text("as-of", "time", "The memories as they were at this time").pipe(Flag.optional),
    explain: flag("explain", "Show the parts of each score and the shared terms"),
    ...whose,
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).search(options)
  })
).pipe(Command.withDescription("Find memories that answer a query, best first"))

const add = Command.make(
  "add",
  {
    text: Argument.String("text").pipe(Argument.withDescription("What to remember")),
    ...place,
    kind,
    subject,
    origin,
    importance: share("importance", "How important it is, from 0 to 1. Default: 0.5"),
    key: text("key", "key", "A memory with the same key is stored only once").pipe(Flag.optional),
    shared: flag("shared", "For every user of the tenant; with an API key, requires the scope users:act-for"),
    user: whose.user,
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).add(options)
  })
).pipe(Command.withDescription("Remember something"))

const get = Command.make(
  "get",
  { id, ...whose, ...common },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).get(options)
  })
).pipe(Command.withDescription("Show all details of a memory"))

const pin = Command.make(
  "pin",
  { id, off: flag("off", "Undo it"), ...whose, ...common },
  Effect.fnUntraced(function* ({ off, ...options }) {
    return yield* (yield* load).change({ ...options, patch: { pinned: !off } })
  })
).pipe(Command.withDescription("Exempt a memory from retention"))

const quarantine = Command.make(
  "quarantine",
  { id, off: flag("off", "Show it again"), ...whose, ...common },
  Effect.fnUntraced(function* ({ off, ...options }) {
    return yield* (yield* load).change({ ...options, patch: { quarantined: !off } })
  })
).pipe(Command.withDescription("Hide a memory without erasing it"))

const forget = Command.make(
  "forget",
  {
    ids: Argument.String("id").pipe(Argument.withDescription("Ids of memories, as listed"), Argument.variadic()),
    ...place,
    kind,
    subject,
    origin,
    ...stored,
    everything: flag("everything", "All memories of the user or, with --all-users, of the tenant"),
    ...whose,
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).forget(options)
  })
).pipe(Command.withDescription("Erase the memories that match all given flags, permanently"))

const entities = Command.make(
  "entities",
  {
    name: text("name", "name", "Only the one with this name or alias").pipe(Flag.optional),
    limit: number("limit", 50, "Maximum number of entities"),
    ...place,
    ...whose,
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).entities(options)
  })
).pipe(Command.withDescription("List the people, places and things that memories mention"))

const { json: _, ...connection } = common

const exported = Command.make(
  "export",
  { ...place, ...whose, ...connection },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).exported(options)
  })
).pipe(Command.withDescription("Write memories to standard output, one JSON object per line"))

const imported = Command.make(
  "import",
  {
    file: Argument.String("file").pipe(Argument.withDescription("A file written by `memory export`")),
    ...whose,
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).imported(options)
  })
).pipe(Command.withDescription("Import exported memories; run it again if it was interrupted"))

const statistics = Command.make(
  "statistics",
  common,
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).statistics(options)
  })
).pipe(Command.withDescription("Count the memories of the tenant and the rejected texts"))

const retention = Command.make(
  "retention",
  {
    set: Argument.String("kind:days").pipe(
      Argument.withDescription(
        "A kind and the days to keep its memories, such as short-term:30; without it, shows the setting"
      ),
      Argument.variadic()
    ),
    ...common
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* load).retention(options)
  })
).pipe(
  Command.withDescription("Show or set how long memories are kept; kinds that are not named are kept indefinitely")
)

const migrate = Command.make(
  "migrate",
  {
    to: text("to", "embedder", "The embedder: openai/<model>, ollama/<model> or builtin/words"),
    data: common.data,
    json: common.json
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* loadMigration).migrate(options)
  })
).pipe(
  Command.withDescription(
    "Create vectors of another embedder for all memories in the database, while servers keep running; run it again if it was interrupted"
  )
)

const spaces = Command.make(
  "spaces",
  {
    drop: text("drop", "embedder", "Delete the vectors of this embedder, once no server or worker uses it").pipe(
      Flag.optional
    ),
    data: common.data,
    json: common.json
  },
  Effect.fnUntraced(function* (options) {
    return yield* (yield* loadSpaces).spaces(options)
  })
).pipe(Command.withDescription("List the embedders whose vectors are in the database, or delete those of one"))

export const memory = Command.make("memory").pipe(
  Command.withDescription("See, search, correct and erase what crews remember"),
  Command.withSubcommands([
    list,
    search,
    add,
    get,
    pin,
    quarantine,
    forget,
    entities,
    exported,
    imported,
    statistics,
    retention,
    migrate,
    spaces
  ]),
  Command.withExamples([
    { command: "crewline memory search 'What does Ada eat?' --explain", description: "Show what is found, and why" },
    { command: "crewline memory forget --subject ada/diet", description: "Erase it permanently" },
    { command: "crewline memory export --all-users > memories.ndjson", description: "Back up all memories" }
  ])
)
