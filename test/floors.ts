/**
 * The floor of each source, package by package, from the top down. A file imports only from floors
 * below it, or from the same floor without a cycle. An entry names a door with its folder: `Crew`
 * is `Crew.ts` and `Crew/`. Moving something to another floor is a decision about the architecture,
 * not a way to make the test pass.
 */
import type { Floors } from "./Sources.ts"

export const floors: { readonly [name: string]: Floors } = {
  core: [
    // The map; the suites that every layer of a port must pass.
    ["index", "testing"],
    // The API for applications: start, follow, answer, cancel, adopt.
    ["Crewline"],
    // Giving up for a worker that is dead; take, run, commit.
    ["Adoption", "Worker"],
    // The layers in process.
    ["LocalEventLog", "LocalTaskQueue"],
    // One agent at work.
    ["AgentLoop"],
    // Work of agents for other agents; crews from goals.
    ["GeneratedCrew", "Generator", "Manager"],
    // Views for readers; news for the queue.
    ["AskView", "ExecutionView", "QueueFacts"],
    // Ports.
    [
      "Embedder",
      "EventLog",
      "Llm",
      "LostLeases",
      "Memory",
      "Outbox",
      "Reranker",
      "Secrets",
      "TaskQueue",
      "Toolbox",
      "ToolSearch"
    ],
    // The events of a tenant in one order.
    ["Feed"],
    // Decisions on the next events.
    ["Decision"],
    // The fold.
    ["Execution"],
    // Events; waits, also for people.
    ["Ask", "ExecutionEvent", "Message", "Wait"],
    // Parses text to a crew; resolves a crew and its inputs to a plan.
    ["CrewFile", "Plan"],
    // The declaration, and everything that can be wrong with it.
    ["Crew"],
    // Declarations of users.
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
      "PathGuard",
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
    // Modules that need a provider or a scripted model.
    ["Demo", "Embedder"],
    // One provider each; models without one.
    ["AiSdkModel", "Anthropic", "Ollama", "OpenAi", "Recorder", "Scripted"],
    // A provider, and all that stands around its calls.
    ["Provider", "Resilience"],
    // Limits that count tokens.
    ["Budget", "ContextWindow", "RateLimit"],
    // Modules without dependencies inside this package.
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
      "OpenApi",
      "WebFetch",
      "WebSearch"
    ],
    // Files as tables.
    ["Data"],
    // How tools are made, and reach files and the network.
    ["BuiltIn", "FileAccess", "GuardedDirectory", "Hosts", "Media", "Network"]
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
    // Entry points for programs and for their tests.
    ["index", "testing"],
    ["Run"],
    // Loaded when a crew is first run.
    ["Engine"],
    // Declarations; their results, loaded with the schemas of crews.
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
    // Handlers of the API; models and embedders of stored providers.
    ["Http", "ProviderModels", "TenantEmbedder"],
    [
      "AuditLog",
      "Credentials",
      "CrewGeneration",
      "CrewReader",
      "MemoryAccess",
      "RateLimits",
      "TenantBudgets",
      "ToolPolicies",
      "ToolRegistry",
      "ToolSecrets"
    ],
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
      "ProviderAddresses",
      "Queue",
      "Retention",
      "Secret",
      "ToolTrial",
      "ToolView",
      "Watchdog",
      "YoungGeneration"
    ]
  ]
}
