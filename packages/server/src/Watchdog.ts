/**
 * Ends the process if its event loop is blocked for longer than its leases last: others have then
 * taken over its work, and a hanging process would take it over again. A thread monitors the event
 * loop, prints the blocked stack, and ends the process with code 70; also as PID 1 of a container,
 * where a process cannot kill itself. It ignores a process or machine that was stopped as a whole,
 * and is off while a debugger is attached.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { url as inspectorUrl } from "node:inspector"
import { Worker } from "node:worker_threads"

/** Of a process that the watchdog ended (EX_SOFTWARE). */
export const exitCode = 70

/** The event of `process` before the watchdog ends it, so that collected lines can be written. */
export const blocked = "crewline.blocked"

/** Both cells of the memory that the threads share. */
const beats = 0
const isPaused = 1

interface Settings {
  readonly cells: Int32Array
  readonly maxMillis: number
  readonly every: number
  readonly code: number
  readonly event: string
}

/** As long as leases last when nothing else is said. */
const defaultLease = Duration.seconds(15)
/** A start or a collection of garbage may take a second or two. */
const minBlocked = Duration.seconds(5)

/**
 * Watches for as long as the layer is there. The event loop may be blocked for as long as leases
 * last, and for 5 seconds at least.
 */
export const layer = (lease: Duration.Duration = defaultLease): Layer.Layer<never> =>
  layerMax(Duration.max(lease, minBlocked))

/** Watches for as long as the layer is there. */
export const layerMax = (max: Duration.Duration): Layer.Layer<never> =>
  Layer.effectDiscard(
    Effect.acquireRelease(
      Effect.sync(() => start(Duration.toMillis(max))),
      (stop) => Effect.sync(stop)
    )
  )

const start = (maxMillis: number): (() => void) => {
  const cells = new Int32Array(new SharedArrayBuffer(8))
  const every = Math.min(500, Math.max(50, maxMillis / 4))
  const timer = setInterval(() => {
    Atomics.add(cells, beats, 1)
    Atomics.store(cells, isPaused, inspectorUrl() === undefined ? 0 : 1)
  }, every)
  timer.unref()
  const settings: Settings = { cells, maxMillis, every, code: exitCode, event: blocked }
  // As text, so that bundling cannot lose the file of the thread.
  const thread = new Worker(`(${watch.toString()})(require("node:worker_threads").workerData)`, {
    eval: true,
    workerData: settings,
    execArgv: [],
    name: "crewline-watchdog"
  })
  thread.unref()
  return () => {
    clearInterval(timer)
    void thread.terminate()
  }
}

/** Runs in the thread: nothing from outside of it is there. */
const watch = ({ cells, code, event, every, maxMillis }: Settings): void => {
  const { writeSync } = process.getBuiltinModule("node:fs")
  const { Session } = process.getBuiltinModule("node:inspector")
  let last = -1
  let still = 0
  let at = performance.now()
  let hasFired = false
  const fire = () => {
    hasFired = true
    writeSync(
      2,
      `Crewline: the event loop was blocked for ${Math.round(still)} ms; the process exits. It is blocked at:\n`
    )
    // Native code answers no debugger.
    setTimeout(() => {
      writeSync(2, "  in native code\n")
      process.kill(process.pid, "SIGKILL")
    }, 3_000)
    const session = new Session()
    session.connectToMainThread()
    const urls = new Map<string, string>()
    session.on("Debugger.scriptParsed", ({ params }) => urls.set(params.scriptId, params.url))
    session.on("Debugger.paused", ({ params }) => {
      const frames = params.callFrames
      for (const { functionName, location } of frames.slice(0, 20))
        writeSync(
          2,
          `  at ${functionName || "(anonymous)"} ${urls.get(location.scriptId)}:${location.lineNumber + 1}\n`
        )
      session.post("Debugger.evaluateOnCallFrame", {
        callFrameId: frames[0]!.callFrameId,
        expression: `try { process.emit("${event}") } finally { process.reallyExit(${code}) }`
      })
    })
    session.post("Debugger.enable")
    session.post("Debugger.pause")
  }
  setInterval(() => {
    const now = performance.now()
    const slept = now - at
    at = now
    const seen = Atomics.load(cells, 0)
    // This thread stood still as well: the whole process was stopped.
    if (seen !== last || slept > every * 4 || Atomics.load(cells, 1) === 1) {
      last = seen
      still = 0
      return
    }
    still += slept
    if (still >= maxMillis && !hasFired) fire()
  }, every)
}
