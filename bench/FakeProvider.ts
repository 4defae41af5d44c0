/** Starts `bench/fake-provider.ts` as a process of its own, so that its work is not counted as the caller's. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"

export interface FakeProvider {
  /** Base URL of the API, `http://127.0.0.1:port/v1`. */
  readonly baseURL: string
  readonly stop: () => void
}

export const start = async (...flags: ReadonlyArray<string>): Promise<FakeProvider> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "fake-provider.ts"), "--port", "0", ...flags], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string]
  const { port } = JSON.parse(line) as { port: number }
  return { baseURL: `http://127.0.0.1:${port}/v1`, stop: () => child.kill() }
}
