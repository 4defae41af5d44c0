import * as Guarded from "@crewline/core/Guarded"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { EventEmitter } from "node:events"
import { PassThrough } from "node:stream"
import type { WebSocket } from "ws"
import { expect, it } from "vitest"
import { defaultLimits, Follower } from "../../src/Followers/Follower.ts"

it("a follower that cannot receive more is disconnected, and the process continues", async () => {
  const logged: Array<string> = []
  const guarded = await Effect.runPromise(
    Guarded.make.pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void logged.push(String(message)))])))
  )
  let terminated = 0
  const webSocket = Object.assign(new EventEmitter(), { terminate: () => void terminated++ })
  const socket = new PassThrough()
  // The part of a WebSocket that a follower uses here.
  const follower = new Follower(webSocket as unknown as WebSocket, socket, { after: 0, limits: defaultLimits, guarded })
  follower.onDrain(() => {
    throw new Error("no frame")
  })
  socket.emit("drain")
  expect(terminated).toBe(1)
  expect(logged).toEqual([expect.stringContaining("Sending a client more events failed")])
})
