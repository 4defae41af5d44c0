/**
 * The protocol of an execution, checked on a model: `protocol/Model.ts` runs the real `decide` and
 * `apply` among workers that die and freeze, queues that lose data and a database whose replies are
 * lost, in an order chosen by a seed.
 *
 * With all rules on, no violation occurs; with any single rule off, one occurs soon. A failure
 * names its seed: repeat it with `PROTOCOL_SEED=46 PROTOCOL_SCENARIO=failover vitest run
 * test/Protocol.test.ts`.
 */
import { describe, expect, it } from "@effect/vitest"
import { print } from "./arbitrary/Story.ts"
import * as Model from "./protocol/Model.ts"
import * as Rules from "./protocol/Rules.ts"
import { scenarios, type ScenarioName } from "./protocol/Scenario.ts"

const only = { seed: process.env["PROTOCOL_SEED"], scenario: process.env["PROTOCOL_SCENARIO"] }

/** The number of schedules of each scenario. */
const counts: { readonly [Name in ScenarioName]: number } = {
  mixed: 3_000,
  careful: 1_000,
  unswept: 500,
  calm: 300,
  waiting: 300,
  unsure: 300,
  unanswered: 200,
  pausing: 300,
  wiped: 300,
  "rolled back": 300,
  poisoned: 300,
  "two servers": 300,
  failover: 400,
  "in process": 200,
  "in process, unsure": 300,
  "in processes": 200
}

const names = Object.keys(scenarios) as ReadonlyArray<ScenarioName>

/** The violation in a schedule, and the command that repeats it. */
const tell = (seed: number, scenario: ScenarioName, { history, violation }: Model.Report): string =>
  [
    `${violation?.message ?? "nothing went wrong"}`,
    `again: PROTOCOL_SEED=${seed} PROTOCOL_SCENARIO="${scenario}" vitest run test/Protocol.test.ts`,
    ...history.map((event) => `  ${Date.parse(event.at)} ${print(event)}`)
  ].join("\n")

describe("with all rules on", () => {
  it.each(names.filter((name) => only.scenario === undefined || only.scenario === name))(
    "no violation occurs in schedules that are %s",
    { timeout: 60_000 },
    (name) => {
      const [from, to] = only.seed === undefined ? [1, counts[name]] : [Number(only.seed), Number(only.seed)]
      for (let seed = from; seed <= to; seed++) {
        const report = Model.run(seed, Rules.all, scenarios[name])
        if (report.violation !== undefined) expect.fail(tell(seed, name, report))
      }
    }
  )
})

describe.skipIf(only.seed !== undefined)("without the rule that", () => {
  for (const name of Rules.names) {
    const { given = [], number, says, scenario, violates, within } = Rules.table[name]
    const isMeant = ({ violation }: Model.Report) =>
      violation !== undefined && (violates === undefined || violates.includes(violation.kind))

    it(`"${says}" (${number}) it goes wrong soon`, { timeout: 60_000 }, () => {
      for (let seed = 1; seed <= within; seed++) {
        if (!isMeant(Model.run(seed, Rules.without(name, ...given), scenarios[scenario]))) continue
        // A redundant rule shows its effect only when the rule that it duplicates is off, too; that
        // one alone being off must not cause a violation.
        for (let again = 1; given.length > 0 && again <= seed; again++) {
          const held = Model.run(again, Rules.without(...given), scenarios[scenario])
          if (isMeant(held)) expect.fail(tell(again, scenario, held))
        }
        return
      }
      expect.fail(`Without "${name}" nothing went wrong in ${within} schedules that are ${scenario}.`)
    })
  }
})
