/** For tests of crews: a scripted model, and the reasons for which a model call can fail. */
export * as Scripted from "./Scripted.ts"
export * as Llm from "@crewline/core/Llm"
