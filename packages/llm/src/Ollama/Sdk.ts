/** The package `ollama`. */
import type * as Ollama from "ollama/browser"
import * as OptionalSdk from "../Provider/OptionalSdk.ts"

export type Sdk = typeof Ollama

export const load = (): Promise<Sdk> => import("ollama/browser").catch(OptionalSdk.named("ollama", "Ollama"))
