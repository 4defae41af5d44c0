/**
 * The two ways to run crews: a single run, and a long-lived client. The engine is loaded when it is
 * first needed.
 */
import type * as Crewline from "@crewline/core/Crewline"
import * as CallerStack from "./CallerStack.ts"
import type { Client, Options, StartOptions } from "./Client.ts"
import type { Any as AnyCrew } from "./DeclaredCrew.ts"

export interface RunOptions extends Options, StartOptions {}

/**
 * Opens Crewline in this process, until it is closed. Rejects when models, database or queue cannot
 * be set up.
 */
export const client = (options: Options = {}): Promise<Client> => CallerStack.keep(open(options))

const open = async (options: Options, signal?: AbortSignal): Promise<Client> => {
  const Engine = await import("./Engine.ts")
  return Engine.open(options, signal)
}

/**
 * Runs a crew once. Rejects with `CrewInvalid` when the crew or its inputs are invalid, with
 * `ExecutionFailed` when the execution failed, and with the reason of `signal` when it is aborted,
 * which cancels the execution.
 */
export const run = <Output>(crew: AnyCrew<Output>, options: RunOptions = {}): Promise<Crewline.Result<Output>> =>
  CallerStack.keep(runOnce(crew, options))

const runOnce = async <Output>(crew: AnyCrew<Output>, options: RunOptions): Promise<Crewline.Result<Output>> => {
  // A program without types may pass null, which the check of the options refuses.
  const signal = (options as RunOptions | null)?.signal
  signal?.throwIfAborted()
  await using opened = await open(options, signal)
  return await opened.run(crew, options)
}
