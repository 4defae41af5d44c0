/**
 * Model providers: OpenAI and compatible servers through the official SDK, any `effect/ai` language model, the demonstration model
 * that needs no key, and scripts for tests.
 */
export * as Provider from "./Provider.ts"
export * as Providers from "./Providers.ts"
export * as Fallback from "./Fallback.ts"
export * as OpenAi from "./OpenAi.ts"
export * as Prices from "./Prices.ts"
export * as EffectModel from "./EffectModel.ts"
export * as Demo from "./Demo.ts"
export * as Scripted from "./Scripted.ts"
export * as UndiciFetch from "./UndiciFetch.ts"
export * as Budget from "./Budget.ts"
export * as BudgetStore from "./BudgetStore.ts"
export * as PromptEstimate from "./PromptEstimate.ts"
export * as Retry from "./Retry.ts"
export * as Timeout from "./Timeout.ts"
export * as ConcurrencyLimit from "./ConcurrencyLimit.ts"
export * as CircuitBreaker from "./CircuitBreaker.ts"
export * as RateLimit from "./RateLimit.ts"
export * as ResponseCache from "./ResponseCache.ts"
export * as ContextWindow from "./ContextWindow.ts"
