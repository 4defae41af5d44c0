import * as TaskQueueModel from "../src/testing/TaskQueueModel.ts"

const number = (text: string | undefined) => (text === undefined ? undefined : Number(text))

TaskQueueModel.suiteLocal({
  runs: number(process.env["CREWLINE_QUEUE_RUNS"]) ?? 300,
  seed: number(process.env["CREWLINE_QUEUE_SEED"]),
  path: process.env["CREWLINE_QUEUE_PATH"],
  replayPath: process.env["CREWLINE_QUEUE_REPLAY"],
  timeoutMillis: 3_600_000
})
