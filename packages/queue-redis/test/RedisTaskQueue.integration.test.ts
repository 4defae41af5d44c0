import { TaskQueueContract } from "@crewline/core/testing"
import { describe } from "vitest"
import * as QueueServer from "./QueueServer.ts"
import * as RedisServer from "./RedisServer.ts"

const { missing } = RedisServer
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

describe.skipIf(missing !== undefined)(missing ?? "on a server", () => {
  TaskQueueContract.suite("Redis", QueueServer.layer, QueueServer)
})
