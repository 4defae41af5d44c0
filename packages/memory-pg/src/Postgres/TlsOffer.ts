/** Whether a server encrypts, for connections that are to be encrypted only where it does. */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import type { Target } from "../PostgresUrl.ts"
import { FirstReachable } from "./FirstReachable.ts"

/** `SSLRequest`. Source: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const request = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const yes = 83

/**
 * A server that cannot be asked is taken for one that does: a connection to it fails all the same.
 */
export const ask = (targets: ReadonlyArray<Target>): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const socket = new FirstReachable(targets)
    socket.once("data", (chunk: Buffer) => resume(Effect.succeed(chunk[0] === yes)))
    socket.once("error", () => resume(Effect.succeed(true)))
    socket.once("close", () => resume(Effect.succeed(true)))
    socket.write(request)
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutOrElse({ duration: 5_000, orElse: () => Effect.succeed(true) }))
