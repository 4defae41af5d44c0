/**
 * The scripts, whole. Each is written in `Lua/`, with its keys and arguments in its header; what
 * scripts share is included there by name.
 */
import type { Script } from "../RedisTransport.ts"
import * as Lua from "./Lua.ts"

export const step: Script = { name: "step", source: Lua.step, flags: ["allow-oom"] }
export const turn: Script = { name: "turn", source: Lua.turn, flags: ["allow-oom"] }
export const stage: Script = { name: "stage", source: Lua.stage, flags: [] }
export const submit: Script = { name: "submit", source: Lua.submit, flags: [] }
export const outbox: Script = { name: "outbox", source: Lua.outbox, flags: ["no-writes"] }
export const rung: Script = { name: "rung", source: Lua.rung, flags: ["allow-oom"] }
export const known: Script = { name: "known", source: Lua.known, flags: ["no-writes"] }
export const enlisted: Script = { name: "enlisted", source: Lua.enlisted, flags: ["no-writes"] }
export const workers: Script = { name: "workers", source: Lua.workers, flags: ["allow-oom"] }
export const overview: Script = { name: "overview", source: Lua.overview, flags: ["allow-oom"] }
