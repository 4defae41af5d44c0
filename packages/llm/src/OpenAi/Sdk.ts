/** The package `openai`. */
import type * as OpenAi from "openai"
import * as OptionalSdk from "../Provider/OptionalSdk.ts"

export type Sdk = typeof OpenAi

export const load = (): Promise<Sdk> =>
  import("openai").catch(OptionalSdk.named("openai", "OpenAI and compatible servers"))
