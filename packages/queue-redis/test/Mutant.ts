/**
 * The scripts with one guard removed, to see that a test notices. A guard is marked at the end of
 * its line:
 *
 * - `-- guard(false): name` (or `true`): the condition of the line's `if` is replaced by that;
 * - `-- guard: name`: the line is left out.
 */
import { known, overview, stage, step, submit, turn, workers } from "../src/RedisTaskQueue/Scripts.ts"
import type { Script } from "../src/RedisTransport.ts"

const scripts: ReadonlyArray<Script> = [step, turn, stage, submit, known, overview, workers]

const mark = /^.*-- guard(?:\((true|false)\))?: ([\w-]+)$/gm

/** Their names, in the order of the sources. */
export const guards: ReadonlyArray<string> = [
  ...new Set(scripts.flatMap(({ source }) => Array.from(source.matchAll(mark), ([, , name]) => name!)))
]

/** The source without this guard. */
const without = (source: string, guard: string): string =>
  source.replace(mark, (line, value: string | undefined, name: string) => {
    if (name !== guard) return line
    if (value === undefined) return ""
    const changed = line.replace(/\bif .+? then\b/, `if ${value} then`)
    if (changed === line) throw new Error(`The guard ${name} has no condition on its line`)
    return changed
  })

const guard = process.env["CREWLINE_QUEUE_MUTANT"]
if (guard !== undefined && !guards.includes(guard)) throw new Error(`There is no guard ${guard}`)

const mutants = new Map<Script, Script>()

/** The script under test: without the guard named in `CREWLINE_QUEUE_MUTANT`. */
export const mutate = (script: Script): Script => {
  if (guard === undefined) return script
  const mutant = mutants.get(script) ?? { ...script, source: without(script.source, guard) }
  mutants.set(script, mutant)
  return mutant
}
