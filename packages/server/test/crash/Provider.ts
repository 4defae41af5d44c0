/**
 * The fake model provider, in a process that survives all others, and what it was asked.
 */
import { setTimeout as sleep } from "node:timers/promises"
import * as FakeProvider from "../../../../bench/FakeProvider.ts"

/** How often each turn was asked, by `turnKey`. */
export type Asked = ReadonlyMap<string, number>

export interface Provider {
  readonly baseURL: string
  readonly asked: () => Promise<Asked>
  /** How often the answer to each turn was written out whole, whether anybody read it or not. */
  readonly answered: () => Promise<Asked>
  /** What was asked when nobody is connected any more: all that dead processes had sent. */
  readonly askedByTheDead: () => Promise<Asked>
  readonly stop: () => void
}

interface Calls {
  readonly open: number
  readonly turns: ReadonlyArray<{
    readonly prompt: string
    readonly messages: number
    readonly asked: number
    readonly answered: number
  }>
}

/** A turn as the provider sees it: how many messages the request had, and the last one of the user. */
export const turnKey = (messages: number, prompt: string): string => `${messages}: ${prompt}`

export const start = async (...flags: ReadonlyArray<string>): Promise<Provider> => {
  const { baseURL, stop } = await FakeProvider.start(...flags)
  const calls = async () => {
    const response = await fetch(new URL("/calls", baseURL), { headers: { connection: "close" } })
    return (await response.json()) as Calls
  }
  const countsOf = ({ turns }: Calls): Asked =>
    new Map(turns.map(({ asked, messages, prompt }) => [turnKey(messages, prompt), asked]))
  const answersOf = ({ turns }: Calls): Asked =>
    new Map(turns.map(({ answered, messages, prompt }) => [turnKey(messages, prompt), answered]))
  return {
    baseURL,
    stop,
    asked: async () => countsOf(await calls()),
    answered: async () => answersOf(await calls()),
    askedByTheDead: async () => {
      for (let tries = 0; tries < 200; tries++) {
        const now = await calls()
        // One connection is the one that asks.
        if (now.open <= 1) return countsOf(now)
        await sleep(10)
      }
      throw new Error("Somebody is still connected to the provider.")
    }
  }
}
