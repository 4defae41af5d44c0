/** Around a run of vitest: names the database that `fake/FreshDatabase.ts` copies, and drops it. */
import * as Effect from "effect/Effect"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"

export default () => {
  const template = `crewline_test_template_${process.pid}`
  process.env["CREWLINE_TEST_TEMPLATE"] = template
  return async () => {
    if (PostgresServer.missing !== undefined) return
    for (const name of [template, `${template}_unfinished`]) {
      await Effect.runPromise(PostgresServer.administer(`drop database if exists ${name} with (force)`))
    }
  }
}
