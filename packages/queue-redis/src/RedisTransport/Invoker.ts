/**
 * Calls scripts: as functions of the server, which are made once and stay, or, where it has none (before Redis 7, some that speak its
 * protocol, users who may not), by their hash, where the functions that a script consists of are made anew for every call.
 *
 * A function is called by a name that its text gives, so that processes of different versions do not get in each other's way.
 */
import { createHash } from "node:crypto"
import { type Client, masters } from "../RedisConnection/Client.ts"
import type { Script } from "../RedisTaskQueue/Scripts.ts"

interface Callable {
  readonly name: string
  readonly library: string
  readonly text: string
  readonly hash: string
}

const callables = new WeakMap<Script, Callable>()
const callableOf = (script: Script): Callable => {
  let callable = callables.get(script)
  if (callable === undefined) {
    const name = `crewline_${script.name}_${hashOf(script.source).slice(0, 16)}`
    const text = evaluated(script)
    callable = {
      name,
      library: `#!lua name=${name}
${script.source}
redis.register_function{function_name = '${name}', callback = run, flags = {${script.isFilling ? "" : "'allow-oom'"}}}`,
      text,
      hash: hashOf(text)
    }
    callables.set(script, callable)
  }
  return callable
}

const hashOf = (text: string): string => createHash("sha1").update(text).digest("hex")

/** As a script of its own. */
export const evaluated = ({ source }: Script): string => `${source}\nreturn run(KEYS, ARGV)`

const says = (error: unknown, pattern: RegExp): boolean => error instanceof Error && pattern.test(error.message)

export type Invoke = (script: Script, keys: ReadonlyArray<string>, args: ReadonlyArray<string>) => Promise<unknown>

export const make = (client: Client): Invoke => {
  let hasFunctions = true

  const evaluate: Invoke = (script, keys, args) => {
    const { hash, text } = callableOf(script)
    return client.evalsha(hash, keys.length, ...keys, ...args).catch((error: unknown) => {
      if (!says(error, /^NOSCRIPT/)) throw error
      return client.eval(text, keys.length, ...keys, ...args)
    })
  }

  /** False: the server keeps no functions, or not for us. A node that does not answer may not be the one that is asked next. */
  const load = async ({ library }: Callable): Promise<boolean> => {
    const answers = await Promise.allSettled(
      masters(client).map((node) => node.call("FUNCTION", "LOAD", "REPLACE", library))
    )
    // Other codes than these pass: it has no memory left, or is only starting.
    return !answers.some((answer) => answer.status === "rejected" && says(answer.reason, /^(NOPERM|ERR) /))
  }

  return (script, keys, args) => {
    if (!hasFunctions) return evaluate(script, keys, args)
    const callable = callableOf(script)
    const call = () => client.fcall(callable.name, keys.length, ...keys, ...args)
    return call().catch(async (error: unknown) => {
      if (says(error, /function not found/i)) {
        // A server that was restarted, or never saw it.
        if (await load(callable)) return call()
      } else if (!says(error, /^NOPERM|unknown command/i)) {
        throw error
      }
      hasFunctions = false
      return evaluate(script, keys, args)
    })
  }
}
