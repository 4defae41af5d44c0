/**
 * The tenant predicates of the code, and the code without one of them: the mutants of `npm run
 * mutate -- tenants`. In functions across tenants, `tenant = …` is part of how a row is found, and
 * stays.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Part } from "./Scenario.ts"

export interface Mutant {
  /** A readable form of the predicate. */
  readonly name: string
  readonly file: string
  readonly from: number
  readonly to: number
  /** The parts of the scenario that run what it is in. */
  readonly parts: ReadonlyArray<Part>
}

const root = new URL("../../../", import.meta.url)
const files = [
  "memory-pg/src/Migrations/Sql.ts",
  "memory-pg/src/RowSecurity.ts",
  "server/src/Migrations/Sql.ts",
  "server/src/TenantBudgets/Spending.ts",
  "server/src/AuditLog.ts",
  "server/src/Credentials/Tickets.ts",
  "server/src/ResourceStore.ts",
  "server/src/ResourceStore/Keys.ts"
].map((path) => fileURLToPath(new URL(path, root)))

/** `$1`: in statements that functions put together. */
const predicate = /(?:\w+\.)?\btenant(?: collate "\w+")? = (?:in_tenant|\$[12]|\$\{tenant\})/g
const constant = /^(?:export )?const (\w+)/gm

const nameAt = (text: string, at: number) =>
  Array.from(text.matchAll(constant)).findLast(({ index }) => index < at)?.[1] ?? "?"

const partsOf = (folder: string, part: string): ReadonlyArray<Part> => {
  if (part.startsWith("eventLog")) return ["log"]
  if (part.startsWith("memorySpaces")) return ["meaning"]
  if (part.startsWith("memory")) return ["words"]
  return folder === "server" ? ["stored"] : ["log", "files", "stored"]
}

export const all: ReadonlyArray<Mutant> = files.flatMap((file) => {
  const text = readFileSync(file, "utf8")
  const counts = new Map<string, number>()
  return Array.from(text.matchAll(predicate)).flatMap(({ 0: found, index }) => {
    const part = nameAt(text, index)
    if (/allTenants$/i.test(part)) return []
    const count = (counts.get(part) ?? 0) + 1
    counts.set(part, count)
    const folder = file.slice(fileURLToPath(root).length).split("/")[0]!
    return {
      name: `${folder} ${part} ${count}: ${found}`,
      file,
      from: index,
      to: index + found.length,
      parts: partsOf(folder, part)
    }
  })
})

/**
 * The text of a file without the predicate: true for every row, and the parameter is still used.
 */
export const without = ({ from, to }: Mutant, text: string): string => {
  const always = text.slice(from, to).includes("${") ? "${tenant}::text is not null" : "true"
  return text.slice(0, from) + always + text.slice(to)
}
