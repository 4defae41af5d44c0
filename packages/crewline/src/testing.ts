/**
 * What tests of crews need: a scripted model, and the reasons for which a call of a model can fail.
 */
export * as Scripted from "./Scripted.ts"
export * as Llm from "@crewline/core/Llm"
