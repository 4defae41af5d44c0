/**
 * Calls scripts: as functions of the server, which are made once and stay, or, where it has none
 * (before Redis 7, some that speak its protocol, users who may not), by their hash, where the
 * functions that a script consists of are made anew for every call.
 *
 * A function is called by a name that its text gives, so that processes of different versions do
 * not get in each other's way. Nobody waits until it is loaded: until then its script is evaluated.
 */
import { createHash } from "node:crypto"
import { type Client, masters } from "../RedisConnection/Client.ts"
import type { Script } from "./Script.ts"

interface Callable {
  readonly name: string
  readonly library: string
  readonly text: string
  readonly hash: string
}

const hashOf = (text: string): string => createHash("sha1").update(text).digest("hex")

const callables = new WeakMap<Script, Callable>()
const callableOf = (script: Script): Callable => {
  let callable = callables.get(script)
  if (callable === undefined) {
    const flags = `{${script.flags.map((flag) => `'${flag}'`).join(", ")}}`
    const name = `crewline_${script.name}_${hashOf(flags + script.source).slice(0, 16)}`
    const text = `${script.source}\nreturn run(KEYS, ARGV)`
    callable = {
      name,
      library: `#!lua name=${name}
${script.source}
redis.register_function{function_name = '${name}', callback = run, flags = ${flags}}`,
      text,
      hash: hashOf(text)
    }
    callables.set(script, callable)
  }
  return callable
}

const says = (error: unknown, pattern: RegExp): boolean => error instanceof Error && pattern.test(error.message)

export type Invoke = (script: Script, keys: ReadonlyArray<string>, args: ReadonlyArray<string>) => Promise<unknown>

export const make = (client: Client): Invoke => {
  let hasFunctions = true
  const loading = new Set<Callable>()
  /** They have answered before: an error is then one of the script. */
  const answered = new Set<Callable>()

  const evaluate: Invoke = (script, keys, args) => {
    const { hash, text } = callableOf(script)
    return client.evalsha(hash, keys.length, ...keys, ...args).catch((error: unknown) => {
      if (!says(error, /^NOSCRIPT/)) throw error
      return client.eval(text, keys.length, ...keys, ...args)
    })
  }

  const load = async (callable: Callable): Promise<void> => {
    if (loading.has(callable)) return
    loading.add(callable)
    const answers = await Promise.allSettled(
      masters(client).map((node) => node.call("FUNCTION", "LOAD", "REPLACE", callable.library))
    )
    loading.delete(callable)
    // Other codes than these pass: it has no memory left, or is only starting.
    if (answers.some((answer) => answer.status === "rejected" && says(answer.reason, /^(NOPERM|ERR) /)))
      hasFunctions = false
  }

  return (script, keys, args) => {
    if (!hasFunctions) return evaluate(script, keys, args)
    const callable = callableOf(script)
    return client.fcall(callable.name, keys.length, ...keys, ...args).then(
      (answer) => {
        answered.add(callable)
        return answer
      },
      (error: unknown) => {
        if (says(error, /^NOPERM .*'fcall'|unknown command/i)) hasFunctions = false
        // A server that was restarted, or never saw it. Those that know no functions have words of
        // their own for it.
        else if (says(error, answered.has(callable) ? /^ERR .*function not found/i : /^ERR /)) void load(callable)
        else throw error
        return evaluate(script, keys, args)
      }
    )
  }
}
