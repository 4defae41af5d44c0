/**
 * Starts a scripted fake provider as a separate process (`main.ts` has its flags), and queries the
 * requests that it received.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import type { Calls } from "./Scripted.ts"

/** How often each turn was asked, by `turnKey`. */
export type Asked = ReadonlyMap<string, number>

export interface Process {
  /** Base URL of the API, `http://127.0.0.1:port/v1`. */
  readonly baseURL: string
  readonly asked: () => Promise<Asked>
  /** How often the answer to each turn was written out whole, whether anyone read it or not. */
  readonly answered: () => Promise<Asked>
  /**
   * The turns asked, once no client is connected any more: includes everything that dead processes
   * had sent.
   */
  readonly askedByTheDead: () => Promise<Asked>
  readonly stop: () => void
}

/**
 * A turn as the provider sees it: how many messages the request had, and the last one of the user.
 */
export const turnKey = (messages: number, prompt: string): string => `${messages}: ${prompt}`

export const start = async (...flags: ReadonlyArray<string>): Promise<Process> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...flags], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string]
  const { url: baseURL } = JSON.parse(line) as { readonly url: string }
  const calls = async (): Promise<Calls> => {
    const response = await fetch(new URL("/calls", baseURL), { headers: { connection: "close" } })
    return (await response.json()) as Calls
  }
  const counts = ({ turns }: Calls, of: "asked" | "answered"): Asked =>
    new Map(turns.map((turn) => [turnKey(turn.messages, turn.prompt), turn[of]]))
  return {
    baseURL,
    asked: async () => counts(await calls(), "asked"),
    answered: async () => counts(await calls(), "answered"),
    askedByTheDead: async () => {
      for (let tries = 0; tries < 200; tries++) {
        const now = await calls()
        // One connection is the query itself.
        if (now.open <= 1) return counts(now, "asked")
        await sleep(10)
      }
      throw new Error("A client is still connected to the fake provider.")
    },
    stop: () => child.kill()
  }
}
