/**
 * Redis for Crewline.
 */
export * as RedisConnection from "./RedisConnection.ts"
