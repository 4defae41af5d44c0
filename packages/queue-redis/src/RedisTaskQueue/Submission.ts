/**
 * Submits an execution: a large one in parts, which are staged first and activated in one script.
 * There is never half an execution.
 */
import type { Facts } from "@crewline/core/TaskQueue"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Client } from "./Client.ts"
import type { Keys } from "./Keys.ts"
import { encode } from "./Names.ts"
import * as Scripts from "./Scripts.ts"
import * as Staging from "./Staging.ts"

/** Fields that go with one call; more of them are staged before, in parts. */
const fieldsPerCall = 4_000
/** Parts that are under way at the same time. */
const partsAtOnce = 3
/** How long a part of an execution that nobody activates is kept, in milliseconds. */
const stageMillis = 60_000

export const make = (client: Client, keys: Keys) => {
  /**
   * Whether all parts are there, as far as is known. In no order: the next is written while Redis
   * reads the one before.
   */
  const stageParts = (stage: string, fields: ReadonlyArray<string>) =>
    Effect.map(
      Effect.forEach(
        Array.from({ length: Math.ceil(fields.length / fieldsPerCall) }, (_, index) => index * fieldsPerCall),
        (from) => {
          const part = JSON.stringify(fields.slice(from, from + fieldsPerCall))
          return client.callBare(Scripts.stage, [stage], [part, String(stageMillis)])
        },
        { concurrency: partsAtOnce }
      ),
      (answers) => !answers.includes(undefined)
    )

  return Effect.fnUntraced(function* (facts: Facts) {
    const { fields, tier, turns } = Staging.stage(facts)
    const id = encode(facts.executionId)
    const stage = keys.stage(`${client.id}-${(yield* Random.next).toString(36).slice(2)}`)
    const isStaged = fields.length > fieldsPerCall
    const request = JSON.stringify({
      id,
      tier,
      turns,
      tenant: encode(facts.tenant),
      paused: facts.paused,
      staged: isStaged ? new Set(fields.filter((_, index) => index % 2 === 0)).size : 0,
      fields: isStaged ? [] : fields
    })
    for (;;) {
      if (isStaged && !(yield* stageParts(stage, fields))) return
      const answer = yield* client.call(Scripts.submit, [stage, keys.execution(id)], [request])
      client.mustRing()
      // The parts have gone away before they were all there.
      if (answer !== -1) return
    }
  })
}
