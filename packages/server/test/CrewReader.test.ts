import * as Tenant from "@crewline/core/Tenant"
import * as Database from "@crewline/memory-pg/Database"
import * as CrewReader from "@crewline/server/CrewReader"
import * as Migrations from "@crewline/server/Migrations"
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CrewBody } from "../src/Api/Crews.ts"
import * as AgentStore from "../src/ResourceStore/Agents.ts"
import * as CrewStore from "../src/ResourceStore/Crews.ts"
import * as EmptyDatabase from "../../memory-pg/test/EmptyDatabase.ts"
import * as Server from "./fake/Server.ts"
import { Statements } from "./fake/Statements.ts"

const database = Layer.unwrap(
  Effect.map(
    Effect.promise(() => EmptyDatabase.dump()),
    (loadDataDir) => Database.layer({ kind: "memory", loadDataDir })
  )
)
const stores = Layer.mergeAll(CrewStore.layer, AgentStore.layer).pipe(
  Layer.provide(Migrations.layer.pipe(Layer.provideMerge(database)))
)
const layer = CrewReader.layer.pipe(Layer.provide(Server.toolbox), Layer.provideMerge(stores))

const body = (agentId: string): CrewBody => ({
  name: "stored",
  agents: { r: { agentId } },
  tasks: { write: { description: "Write about {topic}", expectedOutput: "A text", agent: "r" } }
})

it.layer(layer, { timeout: 60_000 })("a stored crew", (it) => {
  it.effect("is read and validated once per version of it and of its agents, in each tenant", () =>
    Effect.gen(function* () {
      const agents = yield* AgentStore.AgentStore
      const crews = yield* CrewStore.CrewStore
      const reader = yield* CrewReader.CrewReader
      const agent = yield* agents.create({ name: "r", role: "R", goal: "g" })
      const { id } = yield* crews.create(body(agent.id))

      const first = yield* reader.stored(id)
      expect(first.definition.agents["r"]).toMatchObject({ role: "R" })
      expect(yield* reader.stored(id)).toBe(first)

      yield* agents.replace(agent.id, { name: "r", role: "Another", goal: "g" })
      const second = yield* reader.stored(id)
      expect(second.definition.agents["r"]).toMatchObject({ role: "Another" })
      expect(yield* reader.stored(id)).toBe(second)

      yield* crews.replace(id, { ...body(agent.id), description: "changed" })
      const third = yield* reader.stored(id)
      expect(third.definition.description).toBe("changed")

      const elsewhere = Effect.provideService(Effect.flip(reader.stored(id)), Tenant.Current, "another")
      expect(yield* elsewhere).toMatchObject({ reason: { _tag: "UnknownResource" } })
      yield* agents.remove(agent.id)
      expect(yield* Effect.flip(reader.stored(id))).toMatchObject({ problems: [{ code: "unknown-agent" }] })
    })
  )

  it.effect("is read by two statements, however many ask for it at once", () =>
    Effect.gen(function* () {
      const crews = yield* CrewStore.CrewStore
      const agent = yield* (yield* AgentStore.AgentStore).create({ name: "shared", role: "R", goal: "g" })
      const { id } = yield* crews.create(body(agent.id))
      const statements = new Statements()
      const reads = Effect.replicateEffect(crews.get(id), 10, { concurrency: "unbounded" })
      const read = yield* Effect.provide(reads, statements.layer)
      expect(read.map((stored) => stored.id)).toEqual(Array.from({ length: 10 }, () => id))
      expect(statements.take()).toEqual({ crewline_crew: 2 })
    })
  )

  it.effect("may be managed by a stored agent, which stays a reference", () =>
    Effect.gen(function* () {
      const agents = yield* AgentStore.AgentStore
      const reader = yield* CrewReader.CrewReader
      const boss = yield* agents.create({ name: "boss", role: "Boss", goal: "g" })
      const crew = {
        name: "managed",
        manager: { agentId: boss.id, review: "final" },
        agents: { manager: { role: "R", goal: "g" }, other: { role: "O", goal: "g" } },
        tasks: { write: { description: "Write", expectedOutput: "A text" } }
      }
      const { body, crew: made } = yield* reader.read({ value: crew, problems: [], more: 0 })
      expect(made.definition.manager).toEqual({ agent: "crew_manager", review: "final" })
      expect(made.definition.agents["crew_manager"]).toMatchObject({ role: "Boss" })
      expect(body).toEqual(crew)

      const { id } = yield* (yield* CrewStore.CrewStore).create(body)
      const first = yield* reader.stored(id)
      expect(first.definition.agents["crew_manager"]).toMatchObject({ role: "Boss" })
      yield* agents.replace(boss.id, { name: "boss", role: "Chief", goal: "g" })
      expect((yield* reader.stored(id)).definition.agents["crew_manager"]).toMatchObject({ role: "Chief" })

      const read = (manager: object) => reader.read({ value: { ...crew, manager }, problems: [], more: 0 })
      expect(yield* Effect.flip(read({ agentId: "agent_nobody" }))).toMatchObject({
        problems: [{ code: "unknown-agent", path: ["manager", "agentId"] }]
      })
      expect(yield* Effect.flip(read({ agentId: 7 }))).toMatchObject({ problems: [{ code: "wrong-type" }] })
      const both = yield* Effect.flip(read({ agentId: boss.id, model: "scripted/demo" }))
      expect(both).toMatchObject({
        problems: [{ code: "invalid-value", path: ["manager"] }, { code: "unknown-agent" }]
      })
    })
  )

  it.effect("is not read again from the database if it is cached", () =>
    Effect.gen(function* () {
      const crews = yield* CrewStore.CrewStore
      const stored = yield* crews.create(body("none"))
      const known = yield* crews.get(stored.id)
      expect(yield* crews.get(stored.id, known)).toBe(known)
      yield* crews.replace(stored.id, body("other"))
      expect(yield* crews.get(stored.id, known)).toMatchObject({ version: 2, body: body("other") })
    })
  )
})
