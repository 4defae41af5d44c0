/**
 * Tools that tenants registered: the operations of an OpenAPI document, as tools of the tenant.
 * They stand in its toolbox after the tools of the application, whose names they never take.
 *
 * - Each call reads its secret by name, for its tenant, and goes through the guards of tools to the
 *   hosts of its registration.
 * - A change holds in this process at once, in others within two seconds.
 */
import * as AddressGuard from "@crewline/core/AddressGuard"
import * as MemoryOptions from "@crewline/core/MemoryOptions"
import * as Secrets from "@crewline/core/Secrets"
import * as Tenant from "@crewline/core/Tenant"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Network from "@crewline/tools/Network"
import * as OpenApi from "@crewline/tools/OpenApi"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { type StoreError } from "./ResourceStore.ts"
import { type Stored, type ToolApi, ToolApiStore } from "./ResourceStore/ToolApis.ts"
import * as Credential from "./ToolRegistry/Credential.ts"
import * as KnownApis from "./ToolRegistry/KnownApis.ts"
import { ToolPolicies } from "./ToolPolicies.ts"

/** The most APIs of a tenant, and tools of all of them. */
export const maxApis = 16
export const maxTools = 400

/** Why an API cannot be registered; `path`: in the list of its tools, or none. */
export class NotRegistered extends Schema.TaggedError<NotRegistered>()("NotRegistered", {
  code: Schema.String,
  /** The tool that it is about. */
  tool: Schema.optionalKey(Schema.String),
  message: Schema.String
}) {}

/** A tool, and the name of its API. */
export interface Registered {
  readonly tool: Toolbox.Tool
  readonly api: string
}

export class ToolRegistry extends Context.Service<
  ToolRegistry,
  {
    /** The tools of the current tenant, at most two seconds old. */
    readonly tools: Effect.Effect<ReadonlyArray<Registered>, Toolbox.ToolsUnavailable>
    /**
     * Registers an API, in place of the one of its name. `taken`: names of the tools of the
     * application.
     */
    readonly register: (
      api: ToolApi,
      taken: ReadonlyArray<string>
    ) => Effect.Effect<
      { readonly stored: Stored; readonly isNew: boolean; readonly tools: ReadonlyArray<Toolbox.Tool> },
      NotRegistered | StoreError
    >
    /** Removes the API of this name; false: there is none. */
    readonly remove: (name: string) => Effect.Effect<boolean, StoreError>
  }
>()("@crewline/server/ToolRegistry") {}

/** How long what was read is good, in milliseconds. */
const freshMillis = 2_000

const make = Effect.gen(function* () {
  const store = yield* ToolApiStore
  const secrets = yield* Secrets.Secrets
  const network = Network.make({ allow: yield* AddressGuard.allowConfig })
  const known = new KnownApis.KnownApis()

  const toolsOf = ({ body }: Stored): ReadonlyArray<Toolbox.Tool> =>
    body.operations.map((operation) => {
      const { auth, hosts, maxResult, timeoutMillis } = body
      const tool = OpenApi.make(operation, {
        network,
        hosts,
        ...(auth !== undefined && { credential: Credential.of(auth, secrets), definition: { auth: { ...auth } } }),
        ...(timeoutMillis !== undefined && { timeoutMillis })
      })
      return maxResult === undefined ? tool : { ...tool, maxResult }
    })

  /** All that is stored; what has not changed is not read again. */
  const read = Effect.gen(function* () {
    const tenant = yield* Tenant.Current
    const now = yield* Clock.currentTimeMillis
    const entry = known.get(tenant)
    if (entry !== undefined && entry.until > now) return entry.apis
    const listed = yield* store.list({ limit: maxApis })
    // Where two registrations at once gave two tools one name, the older one counts.
    const apis: Array<KnownApis.Api> = []
    for (const { id, version } of listed.toReversed()) {
      const before = entry?.apis.find(({ stored }) => stored.id === id && stored.version === version)
      const stored = before === undefined ? yield* unlessRemoved(store.get(id)) : undefined
      if (before !== undefined) apis.push(before)
      if (stored !== undefined) apis.push({ stored, tools: toolsOf(stored) })
    }
    known.set(tenant, { apis, until: now + freshMillis })
    return apis
  })

  const forget = Effect.map(Tenant.Current, (tenant) => known.expire(tenant))

  const tools = read.pipe(
    Effect.map((apis) => apis.flatMap(({ stored, tools }) => tools.map((tool) => ({ tool, api: stored.body.name })))),
    Effect.mapError(({ reason }) => new Toolbox.ToolsUnavailable({ description: reason.message }))
  )

  const register: ToolRegistry["Service"]["register"] = Effect.fn("ToolRegistry.register")(function* (api, taken) {
    yield* forget
    const apis = yield* read
    const others = apis.filter(({ stored }) => stored.body.name !== api.name)
    yield* checkNames(api, others, taken)
    const before = apis.find(({ stored }) => stored.body.name === api.name)
    const stored = yield* before === undefined ? store.create(api) : store.replace(before.stored.id, api)
    yield* forget
    return { stored, isNew: before === undefined, tools: toolsOf(stored) }
  })

  return ToolRegistry.of({
    tools,
    register,
    remove: Effect.fn("ToolRegistry.remove")(function* (name) {
      const stored = yield* store.find(name)
      if (stored === undefined) return false
      yield* store.remove(stored.id)
      yield* forget
      return true
    })
  })
})

/** An API may be removed between the list and its reading. */
const unlessRemoved = (effect: Effect.Effect<Stored, StoreError>): Effect.Effect<Stored | undefined, StoreError> =>
  Effect.catch(effect, (error) =>
    error.reason._tag === "UnknownResource" ? Effect.succeed(undefined) : Effect.fail(error)
  )

const checkNames = (
  api: ToolApi,
  others: ReadonlyArray<KnownApis.Api>,
  taken: ReadonlyArray<string>
): Effect.Effect<void, NotRegistered> => {
  const refused = (code: string, message: string, tool?: string) =>
    Effect.fail(new NotRegistered({ code, message, ...(tool !== undefined && { tool }) }))
  if (others.length >= maxApis)
    return refused("too-large", `The tenant has ${others.length} APIs, and may have ${maxApis}: remove one.`)
  const count = others.reduce((sum, { tools }) => sum + tools.length, api.operations.length)
  if (count > maxTools)
    return refused(
      "too-large",
      `The tenant would have ${count} registered tools, and may have ${maxTools}: choose some with "operations" or "except".`
    )
  const owners = new Map([
    ...[...taken, ...MemoryOptions.tools].map((name) => [name, "the application"] as const),
    ...others.flatMap(({ stored, tools }) => tools.map(({ name }) => [name, `the API "${stored.body.name}"`] as const))
  ])
  for (const { name } of api.operations) {
    const owner = owners.get(name)
    if (owner === undefined) continue
    const message = `The name ${JSON.stringify(name)} is that of a tool of ${owner}: set a "prefix", or leave the operation out with "except".`
    return refused("name-taken", message, name)
  }
  return Effect.void
}

export const layer: Layer.Layer<ToolRegistry, Config.ConfigError, ToolApiStore | Secrets.Secrets> = Layer.effect(
  ToolRegistry,
  make
)

/** The toolbox of the application, with the tools and the policy of the current tenant. */
export const toolbox = <E, R>(
  application: Layer.Layer<Toolbox.Toolbox, E, R>
): Layer.Layer<Toolbox.Toolbox, E, R | ToolRegistry | ToolPolicies> =>
  Layer.effect(
    Toolbox.Toolbox,
    Effect.gen(function* () {
      const own = yield* Toolbox.Toolbox
      const registry = yield* ToolRegistry
      const policies = yield* ToolPolicies
      const all = Effect.map(Effect.all([own.list, registry.tools]), ([tools, registered]) => {
        const byName = new Map(tools.map((tool) => [tool.name, tool]))
        for (const { tool } of registered) if (!byName.has(tool.name)) byName.set(tool.name, tool)
        return byName
      })
      const stored = Effect.mapError(
        policies.recent,
        ({ reason }) => new Toolbox.PolicyUnavailable({ description: reason.message })
      )
      return Toolbox.Toolbox.of({
        list: Effect.map(all, (tools) => [...tools.values()]),
        get: (name) =>
          Effect.catchTag(own.get(name), "UnknownTool", () =>
            Effect.flatMap(all, (tools) => {
              const tool = tools.get(name)
              return tool === undefined
                ? Effect.fail(new Toolbox.UnknownTool({ tool: name, known: [...tools.keys()] }))
                : Effect.succeed(tool)
            })
          ),
        policy: Effect.zipWith(Toolbox.policies(own), stored, (given, policy) => [...given, policy])
      })
    })
  ).pipe(Layer.provide(application))
