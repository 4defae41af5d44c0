/**
 * Memory of `crewline serve` on the embedded database: on a new directory, on an existing one, and
 * after many executions of one task, 20 at once; each at its peak and after five idle seconds.
 */
import * as FakeProvider from "@crewline/fake-provider/Process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as Client from "./Client.ts"
import * as CpuTime from "./CpuTime.ts"
import * as InlineCrew from "./InlineCrew.ts"
import * as ServeProcess from "./ServeProcess.ts"

export interface Figures {
  readonly case: string
  readonly peakMegabytes: number
  readonly idleMegabytes: number
  /** Until it listened. */
  readonly seconds?: number
  readonly cpuMillisPerExecution?: number
}

const atOnce = 20
const idleMillis = 5_000

const idle = async ({ pid }: ServeProcess.ServeProcess) => {
  await sleep(idleMillis)
  const { megabytes, peakMegabytes } = ServeProcess.memoryOf(pid)
  return { peakMegabytes, idleMegabytes: megabytes }
}

const runMany = async ({ pid, url }: ServeProcess.ServeProcess, executions: number): Promise<number> => {
  const client = Client.make(url)
  const before = CpuTime.ofProcess(pid)
  const body = { crew: InlineCrew.make("one", 1) }
  let left = executions
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await client.post("/api/v1/executions", body)
    })
  )
  await Client.untilQuiet(client)
  client.close()
  return (CpuTime.ofProcess(pid) - before) / 1_000 / executions
}

export async function* measure(executions: number): AsyncGenerator<Figures> {
  const directory = mkdtempSync(join(tmpdir(), "crewline-bench-"))
  const provider = await FakeProvider.start()
  const env = { OPENAI_API_KEY: "none", OPENAI_BASE_URL: provider.baseURL }
  try {
    for (const start of ["first start", "later start"]) {
      const server = await ServeProcess.start({ directory, env })
      try {
        yield { case: `serve, ${start}`, seconds: server.seconds, ...(await idle(server)) }
        if (start === "first start") continue
        const cpuMillisPerExecution = await runMany(server, executions)
        yield { case: `serve, after ${executions} executions`, cpuMillisPerExecution, ...(await idle(server)) }
      } finally {
        await server.stop()
      }
    }
  } finally {
    provider.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
