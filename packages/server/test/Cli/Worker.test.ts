/**
 * Messages of `crewline worker` and `crewline serve` when they cannot work together. Their
 * behaviour is tested in `Workers.integration.test.ts`.
 */
import { describe, expect, it } from "@effect/vitest"
import * as InProcess from "./InProcess.ts"

const shared = { CREWLINE_QUEUE: "redis", REDIS_URL: "redis://127.0.0.1:1" }
const database = { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" }

describe("crewline worker", { timeout: 60_000 }, () => {
  it.each([
    [["worker"], {}, 2, /A worker needs a shared queue: set CREWLINE_QUEUE=redis and REDIS_URL/],
    [["worker"], shared, 2, /set DATABASE_URL to their PostgreSQL server/],
    [["worker"], { ...shared, REDIS_URL: "" }, 2, /CREWLINE_QUEUE=redis needs REDIS_URL/],
    [["worker"], { ...shared, ...database }, 1, /Redis at 127\.0\.0\.1:1|ECONNREFUSED/],
    [["worker", "--lanes", "openai"], shared, 2, /--lanes[^]*openai:4,default:16/],
    [["worker", "--concurrency", "0"], shared, 2, /--concurrency[^]*from 1 to 100000/],
    [["worker", "--grace=-1"], shared, 2, /--grace[^]*seconds/],
    [["worker", "--name", "a b"], shared, 2, /--name[^]*letters, digits/],
    [["serve", "--no-worker"], {}, 2, /Tasks of a local queue need a worker in this process/],
    [["serve"], { CREWLINE_WORKER: "false" }, 2, /Tasks of a local queue need a worker/],
    [["serve"], shared, 2, /an embedded database supports only one: set DATABASE_URL/],
    [["serve"], { CREWLINE_RETENTION: "10 millis" }, 2, /at least 1 second, such as 30 days for CREWLINE_RETENTION/],
    [["serve"], { CREWLINE_QUEUE: "radis" }, 2, /Invalid environment: CREWLINE_QUEUE must be/]
  ])("%j in %j ends with %i", async (args, env, code, words) => {
    const ended = await InProcess.run(args, { env })
    expect(ended).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(words) })
    expect(ended.stderr).not.toMatch(/^ {4}at |Stopped/m)
  })
})
