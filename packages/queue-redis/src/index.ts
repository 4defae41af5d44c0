/**
 * Redis for Crewline: the connection, and the task queue over it.
 */
export * as BullTaskQueue from "./BullTaskQueue.ts"
export * as RedisConnection from "./RedisConnection.ts"
export * as RedisTaskQueue from "./RedisTaskQueue.ts"
export * as RedisTransport from "./RedisTransport.ts"
export * as RedisBroadcast from "./RedisBroadcast.ts"
