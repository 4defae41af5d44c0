/**
 * The reference server. `Server.layer` is all of it; the other modules are its parts, from the outside in.
 */
export * as Server from "./Server.ts"
export * as Listener from "./Listener.ts"
export * as Guard from "./Guard.ts"
export * as Api from "./Api.ts"
export * as Http from "./Http.ts"
export * as Problem from "./Problem.ts"
export * as Followers from "./Followers.ts"
export * as CrewReader from "./CrewReader.ts"
export * as CrewStore from "./CrewStore.ts"
export * as AgentStore from "./AgentStore.ts"
export * as ProviderStore from "./ProviderStore.ts"
export * as ResourceStore from "./ResourceStore.ts"
export * as ProviderModels from "./ProviderModels.ts"
export * as Lifecycle from "./Lifecycle.ts"
export * as Migrations from "./Migrations.ts"
