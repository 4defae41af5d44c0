/**
 * On which floor each source stands, package by package, from the top down. A file imports only
 * what stands below it, or on the same floor without a circle. An entry names a door with its
 * folder: `Crew` is `Crew.ts` and `Crew/`. Moving something to another floor is a decision about
 * the architecture, not a way to make the test pass.
 */
import type { Floors } from "./Sources.ts"

export const floors: { readonly [name: string]: Floors } = {
  core: [
    // The map; the suites that every layer of a port must pass.
    ["index", "testing"],
    // Start, follow, answer, cancel, adopt: what an application calls.
    ["Crewline"],
    // Giving up for a worker that is dead; take, run, commit.
    ["Adoption", "Worker"],
    // The layers in process.
    ["LocalEventLog", "LocalTaskQueue"],
    // One agent at work.
    ["AgentLoop"],
    // What agents do for each other.
    ["Manager"],
    // What a reader is shown; what the queue is told.
    ["AskView", "ExecutionView", "QueueFacts"],
    // Ports.
    ["Embedder", "EventLog", "Llm", "LostLeases", "Memory", "Outbox", "Reranker", "Secrets", "TaskQueue", "Toolbox"],
    // The events of a tenant in one order.
    ["Feed"],
    // What may happen next.
    ["Decision"],
    // The fold.
    ["Execution"],
    // What can happen; what is waited for, people included.
    ["Ask", "ExecutionEvent", "Message", "Wait"],
    // Text to a crew; a crew and its inputs to exactly what will run.
    ["CrewFile", "Plan"],
    // The declaration, and everything that can be wrong with it.
    ["Crew"],
    // What a user declares.
    ["Agent", "MemoryEntry", "MemoryOptions", "MemoryQuery", "Policy", "Task", "Tool"],
    // The ground.
    [
      "AddressGuard",
      "Broadcast",
      "CanonicalJson",
      "Dag",
      "FileFailure",
      "Flights",
      "Guarded",
      "IsoTime",
      "JsonDepth",
      "JsonSchemaValidator",
      "JsonSize",
      "Limits",
      "Liveness",
      "Name",
      "Pattern",
      "Redact",
      "StandardSchema",
      "Suggestion",
      "Tenant",
      "TraceContext",
      "Usage",
      "Workspace"
    ]
  ],
  llm: [
    ["index"],
    // A model, and an embedder, for every reference.
    ["Embedders", "Providers"],
    // What needs a provider or a scripted model.
    ["Demo", "Embedder"],
    // One provider each; models without one.
    ["AiSdkModel", "Anthropic", "Ollama", "OpenAi", "Recorder", "Scripted"],
    // A provider, and all that stands around its calls.
    ["Provider", "Resilience"],
    // Limits that count tokens.
    ["Budget", "ContextWindow", "RateLimit"],
    // What needs nothing else of this package.
    [
      "Account",
      "AddressGuard",
      "BudgetStore",
      "CircuitBreaker",
      "ConcurrencyLimit",
      "EffectModel",
      "Fallback",
      "Prices",
      "PromptEstimate",
      "ResponseCache",
      "Retry",
      "Telemetry",
      "Thoughts",
      "Timeout",
      "UndiciFetch"
    ]
  ],
  tools: [
    ["index"],
    // One tool each.
    [
      "AskHuman",
      "Calculate",
      "Chart",
      "CodeRun",
      "DataDescribe",
      "DataQuery",
      "DirectoryList",
      "FileEdit",
      "FileRead",
      "FileSearch",
      "FileWrite",
      "HttpRequest",
      "WebFetch",
      "WebSearch"
    ],
    // Files as tables.
    ["Data"],
    // How tools are made, and reach files and the network.
    ["BuiltIn", "FileAccess", "GuardedDirectory", "Media", "Network"],
    ["PathGuard"]
  ],
  words: [["index"], ["Words"]],
  "memory-pg": [
    ["index"],
    // By URL or embedded; the event log; the memory.
    ["Database", "PgEventLog", "PgWorkspace", "PgMemory"],
    ["GroupCommit"],
    ["Migrations", "PgBroadcast", "Pglite", "Postgres", "SqlFailure"],
    ["PostgresUrl", "ProcessIdentity", "RowSecurity"]
  ],
  "queue-redis": [
    ["index"],
    ["BullTaskQueue", "RedisBroadcast", "RedisTaskQueue", "RedisTransport"],
    ["RedisConnection"]
  ],
  crewline: [
    // What a program imports, and its tests.
    ["index", "testing"],
    ["Run"],
    // Loaded when a crew is first run.
    ["Engine"],
    // What is declared; loaded with the schemas of crews, what becomes of it.
    ["Crew", "Scripted"],
    ["CallerStack", "Client", "CoreCrew", "Missing"],
    ["DeclaredCrew", "Failure", "Tool"]
  ],
  server: [
    ["index"],
    // The command.
    ["Cli"],
    // The process: engine, API and listener.
    ["Server"],
    ["Engine"],
    // Handlers of the API; models of stored providers.
    ["Http", "ProviderModels"],
    ["AuditLog", "Credentials", "CrewReader", "MemoryAccess", "RateLimits", "TenantBudgets", "ToolSecrets"],
    ["Listener", "ResourceStore"],
    [
      "Api",
      "Blanking",
      "Dependencies",
      "EnvironmentKeys",
      "Followers",
      "Journal",
      "Migrations",
      "Patience",
      "Principal",
      "Queue",
      "Retention",
      "Secret",
      "Watchdog",
      "YoungGeneration"
    ]
  ]
}
