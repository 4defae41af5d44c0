/**
 * Waits, checked on a model: `waits/Model.ts` runs the real `decide` and `apply` among workers that
 * die and freeze, a queue that loses data, a database whose replies are lost and people who answer
 * late, twice or never, in an order chosen by a seed. A witness checks the invariants.
 *
 * With all rules on, no violation occurs; with any single rule off, one occurs soon. A failure
 * contains the command that repeats the schedule.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Model from "./waits/Model.ts"
import * as Rules from "./waits/Rules.ts"
import { names, type ScenarioName, scenarios } from "./waits/Scenario.ts"

/** Schedules of each scenario. */
const count = 240

const again = (seed: number, scenario: ScenarioName): string =>
  `node packages/core/test/waits/run.ts --seeds 1 --from ${seed} --scenario "${scenario}" --trace`

describe("with all rules on", () => {
  it.each(names)("no violation occurs in schedules that are %s", { timeout: 60_000 }, (name) => {
    for (let seed = 1; seed <= count; seed++) {
      const { violation } = Model.run(seed, Rules.all, scenarios[name])
      if (violation !== undefined) expect.fail(`${violation.message}\n${again(seed, name)}`)
    }
  })

  it("every outcome of a wait occurs", { timeout: 60_000 }, () => {
    const seen = new Set<string>()
    for (const name of names)
      for (let seed = 1; seed <= 40; seed++)
        for (const what of Object.keys(Model.run(seed, Rules.all, scenarios[name]).counts)) seen.add(what)
    expect([...seen]).toEqual(
      expect.arrayContaining([
        ...["accept", "approve", "deny", "edit", "raise", "reply", "revise"].map((answer) => `answered ${answer}`),
        ...["calls", "review"].flatMap((kind) => [
          `suspended ${kind}`,
          `woke satisfied ${kind}`,
          `woke timeout ${kind}`
        ]),
        "suspended budget",
        "woke satisfied budget",
        "failed model-budget-exceeded",
        ...["denied", "done", "interrupted", "refused", "silence"].map((kind) => `result ${kind}`),
        ...["crashed", "max-turns", "model-error", "review-refused", "timeout"].map((code) => `failed ${code}`),
        ...["execution-cancelled", "execution-failed", "execution-timeout", "not-needed", "parent-ended"].map(
          (reason) => `cancelled ${reason}`
        ),
        ...["assignment", "recovery", "replacement", "work"].flatMap((kind) => [
          `suspended ${kind}`,
          `woke satisfied ${kind}`
        ]),
        ...["manager", "matcher"].map((by) => `assigned by ${by}`),
        "accept by manager",
        "accept by policy",
        "reject by policy",
        "revise by manager",
        ...["retry", "rewrite", "reassign", "replace", "continue", "skip", "abort"].map(
          (choice) => `recovery ${choice}`
        ),
        ...["completed", "failed", "cancelled"].map((status) => `ended ${status}`)
      ])
    )
  })
})

describe("without the rule", () => {
  it.each(Rules.names)("%s it goes wrong soon", { timeout: 60_000 }, (rule) => {
    const { says, scenario, violates, within } = Rules.table[rule]
    for (let seed = 1; seed <= within; seed++) {
      const { violation } = Model.run(seed, Rules.without(rule), scenarios[scenario])
      if (violation !== undefined && violates.includes(violation.kind)) return
    }
    expect.fail(`Without "${says}" nothing went wrong in ${within} schedules that are ${scenario}.`)
  })
})
