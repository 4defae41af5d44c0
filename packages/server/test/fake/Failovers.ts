/** Executions that are started while Redis changes its primary, and their expected results. */
import * as Effect from "effect/Effect"
import { setTimeout as sleep } from "node:timers/promises"
import { expect } from "vitest"
import { until } from "./Database.ts"
import type * as Model from "./Model.ts"
import { start } from "./Chain.ts"
import * as Server from "./Server.ts"

/** The status of an execution. */
export const outcome = async ({ url }: Server.Running, id: string): Promise<string> =>
  (await Server.request(`${url}/api/v1/executions/${id}`)).body.status

/** A model whose calls are counted. */
export const counted = () => {
  const counts = { calls: 0, inFlight: 0 }
  const answer: Model.Answer = (request) =>
    Effect.gen(function* () {
      counts.calls++
      counts.inFlight++
      yield* Effect.sleep(150)
      counts.inFlight--
      return `Done: ${request.caller?.taskId}.`
    })
  return { counts, answer }
}

/** Starts 20 executions on two servers while the primary changes three times. */
export const survive = async (options: {
  readonly servers: ReadonlyArray<Server.Running>
  readonly counts: { calls: number; inFlight: number }
  /** Changes the primary, for the first, second or third time. */
  readonly failOver: (time: number) => Promise<void>
}) => {
  const { counts, failOver, servers } = options
  const [server, other] = servers as [Server.Running, Server.Running]
  counts.calls = 0
  let lost = 0
  const ids: Array<string> = []
  for (let n = 0; n < 20; n++) {
    const { body, status } = await start(n % 2 === 0 ? server : other)
    expect(status).toBe(202)
    ids.push(body.id)
    if (n % 6 === 5) {
      lost += counts.inFlight
      await failOver((n - 5) / 6)
    }
    await sleep(50)
  }
  const outcomes = () => Promise.all(ids.map((id) => outcome(server, id)))
  await until(
    "all have ended",
    async () => (await outcomes()).every((status) => status !== "running" && status !== "pending"),
    90
  )
  expect(new Set(await outcomes())).toEqual(new Set(["completed"]))
  for (const id of ids) {
    const { body } = await Server.request(`${other.url}/api/v1/executions/${id}/events?limit=1000`)
    const settled = body.items
      .filter(({ type }: { type: string }) => type === "TaskCompleted")
      .map(({ taskId }: { taskId: string }) => taskId)
    expect(settled.toSorted()).toEqual(["first", "second", "third"])
  }
  // A call in flight during a failover may be repeated, once for each worker that loses it.
  expect(counts.calls).toBeGreaterThanOrEqual(60)
  expect(counts.calls).toBeLessThanOrEqual(60 + 2 * lost)
}
