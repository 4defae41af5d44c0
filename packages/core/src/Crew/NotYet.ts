/** What a crew may declare already, and what does not run yet. */
import type * as Schema from "effect/Schema"
import type { Entry } from "./Graph.ts"
import { isObject, type Path } from "./PlainJson.ts"
import type { Problem } from "./Problem.ts"
import * as Wording from "./Wording.ts"

/** Each says whether a declared value asks for what does not run yet. */
type Table = { readonly [key: string]: (value: Schema.Json) => boolean }

const always = () => true

const ofCrew: Table = {}
const ofAgent: Table = { policy: always }
const ofTask: Table = { policy: always }

/** Whatever in a crew does not run yet. */
export const problems = (
  crew: Schema.JsonObject,
  agents: ReadonlyArray<Entry>,
  tasks: ReadonlyArray<Entry>
): ReadonlyArray<Problem> => [
  ...found(ofCrew, crew, []),
  ...agents.flatMap(({ declaration, path }) => found(ofAgent, declaration, path)),
  ...tasks.flatMap(({ declaration, path }) => found(ofTask, declaration, path))
]

const found = (table: Table, declaration: Schema.Json, path: Path): ReadonlyArray<Problem> => {
  if (!isObject(declaration)) return []
  return Object.entries(table).flatMap(([key, isNotYet]): ReadonlyArray<Problem> => {
    const value = declaration[key]
    if (value === undefined || !isNotYet(value)) return []
    const at = [...path, key]
    return [
      { code: "not-yet", path: at, message: `${Wording.place(at)} is not supported yet: remove it to run the crew.` }
    ]
  })
}
