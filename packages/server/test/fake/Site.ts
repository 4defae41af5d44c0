/**
 * Many processes, as deployed: servers and `crewline worker` processes over PostgreSQL and Redis,
 * with a model that answers on request. With leases of ten minutes, anything that reaches a worker
 * was sent by a notification.
 */
import * as Gates from "@crewline/fake-provider/Gates"
import * as Process from "../Cli/Process.ts"
import * as Storage from "../crash/Storage.ts"
import * as Redis from "./Redis.ts"
import * as Server from "./Server.ts"

/** The missing server, as a message. */
export const missing = Storage.postgresMissing ?? Redis.missing

/** For a port of 0, the process reports the actual one. */
const urlOf = async (running: Process.Running) => (await running.said(/Crewline listens on (\S+)/))[1]!
const nameOf = async (running: Process.Running) => (await running.said(/Worker (\S+) runs/))[1]!

export interface Site {
  readonly env: Record<string, string>
  readonly gates: Gates.Gates
  readonly serve: (...flags: ReadonlyArray<string>) => Promise<string>
  readonly work: (...flags: ReadonlyArray<string>) => Promise<Process.Running & { readonly name: string }>
  readonly close: () => Promise<void>
}

export const open = async (more: Record<string, string> = {}): Promise<Site> => {
  const storage = await Storage.postgres()
  const gates = await Gates.start()
  const prefix = `test-${process.pid}-${Math.random().toString(36).slice(2)}`
  const running: Array<Process.Running> = []
  const env = {
    ...storage.env,
    CREWLINE_QUEUE: "redis",
    CREWLINE_REDIS_PREFIX: prefix,
    CREWLINE_LEASE: "10 minutes",
    REDIS_URL: Redis.url,
    OPENAI_API_KEY: "sk-test",
    OPENAI_BASE_URL: gates.baseURL,
    ...more
  }
  const start = (...args: ReadonlyArray<string>) => {
    const begun = Process.start(args, { env })
    running.push(begun)
    return begun
  }
  return {
    env,
    gates,
    serve: (...flags) => urlOf(start("serve", "--port", "0", ...flags)),
    work: async (...flags) => {
      const begun = start("worker", ...flags)
      return { ...begun, name: await nameOf(begun) }
    },
    close: async () => {
      for (const { child } of running) child.kill("SIGKILL")
      await Promise.all(running.map(({ ended }) => ended))
      await gates.stop()
      await storage.dispose()
      await Redis.clear(prefix)
    }
  }
}

export const get = async (url: string, path: string) => (await Server.request(`${url}/api/v1/${path}`)).body
export const post = (url: string, path: string) => Server.request(`${url}/api/v1/${path}`, { method: "POST" })

/** Repeats the check until it holds. */
export const eventually = async <A>(ask: () => Promise<A>, holds: (answer: A) => boolean): Promise<A> => {
  for (;;) {
    const answer = await ask()
    if (holds(answer)) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const ended = (url: string, id: string) =>
  eventually(
    () => get(url, `executions/${id}`),
    ({ endedAt }) => endedAt !== undefined
  )

export const typesOf = async (url: string, id: string) => {
  const { items } = await get(url, `executions/${id}/events?limit=1000`)
  return (items as ReadonlyArray<{ readonly type: string; readonly taskId?: string }>).map(({ taskId, type }) =>
    taskId === undefined ? type : `${type} ${taskId}`
  )
}
