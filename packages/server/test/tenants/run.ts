/**
 * Runs parts of the scenario on a separate database, once with the role of connections and once as
 * the owner, to whom no policy applies; prints both results: `node run.ts words files`, all of them
 * without arguments. `CREWLINE_TENANT_MUTANT=3` removes the predicate with that number.
 */
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { registerHooks, stripTypeScriptTypes } from "node:module"
import { pathToFileURL } from "node:url"
import * as Mutants from "./Mutants.ts"

const number = process.env["CREWLINE_TENANT_MUTANT"]
const mutant = number === undefined ? undefined : Mutants.all[Number(number)]!
if (mutant !== undefined) {
  const url = pathToFileURL(mutant.file).href
  registerHooks({
    load: (asked, context, next) =>
      asked === url
        ? {
            format: "module",
            shortCircuit: true,
            source: stripTypeScriptTypes(Mutants.without(mutant, readFileSync(mutant.file, "utf8")))
          }
        : next(asked, context)
  })
}

// The rest is loaded with the predicate removed.
const Scenario = await import("./Scenario.ts")
const asked = process.argv.slice(2)
const parts = Scenario.parts.filter((part) => asked.length === 0 || asked.includes(part))
for (const asOwner of [false, true]) {
  // Without policies, an append may find the row of the other tenant and wait forever.
  const outcome = Effect.timeoutOrElse(Scenario.onDatabase(parts, asOwner), {
    duration: asOwner && mutant !== undefined ? "1 minute" : "5 minutes",
    orElse: () => Effect.succeed('[["timed out"]]')
  })
  process.stdout.write(`${await Effect.runPromise(outcome)}\n`)
}
