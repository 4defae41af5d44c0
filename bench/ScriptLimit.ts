/**
 * How many scripts per second one client can run on one Redis, regardless of their work: the
 * ceiling of every queue that needs a script per task. `commit` reads and writes the minimum that
 * settles a task: its lease goes, its state is written, a dependent loses a dependency, becomes
 * ready, and is leased.
 */
import { createHash } from "node:crypto"
import { Redis } from "ioredis"

const scripts = {
  empty: "return 1",
  commit: `
local call = redis.call
if call('HDEL', KEYS[1], ARGV[1]) == 0 then call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
call('ZREM', KEYS[2], ARGV[1])
call('HSET', KEYS[3], 's' .. ARGV[1], 'x')
call('HINCRBY', KEYS[3], 'r' .. ARGV[1], -1)
call('ZADD', KEYS[4], 0, ARGV[1])
call('ZPOPMIN', KEYS[4])
call('HSET', KEYS[1], ARGV[1], ARGV[2])
call('ZADD', KEYS[2], 1, ARGV[1])
return ARGV[1]`
}

export interface Limit {
  readonly script: keyof typeof scripts
  /** The number in flight. */
  readonly pipelined: number
  readonly perSecond: number
}

const keys = ["leased", "leases", "execution", "ready"].map((name) => `{bench-limit}:${name}`)

/** Scripts per second by script and number in flight. */
export const measure = async (port: number, calls: number): Promise<ReadonlyArray<Limit>> => {
  const redis = new Redis({ host: "127.0.0.1", port })
  const limits: Array<Limit> = []
  for (const script of ["empty", "commit"] as const) {
    const hash = createHash("sha1").update(scripts[script]).digest("hex")
    await redis.script("LOAD", scripts[script])
    for (const pipelined of [1, 50]) {
      const from = performance.now()
      for (let sent = 0; sent < calls; sent += pipelined) {
        const batch = Array.from({ length: pipelined }, (_, n) =>
          redis.evalsha(hash, keys.length, ...keys, `task-${(sent + n) % 1_000}`, "nonce-worker-client-member")
        )
        await Promise.all(batch)
      }
      limits.push({ script, pipelined, perSecond: (calls * 1_000) / (performance.now() - from) })
    }
  }
  await redis.del(...keys)
  redis.disconnect()
  return limits
}
